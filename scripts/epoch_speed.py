"""How long a batch of the paper preset takes with the compiled, the torch and a dense sampler.

    python scripts/epoch_speed.py FILE.h5 [--showers 512] [--sweeps 3000] [--rounds 3]
        [--threads 2] [--precision float32] [--frozen]

One batch is a step of the networks, forward and backward, and one negative phase. Both are
timed alone, in turn, as they follow each other in training without overlap; an epoch is so many
batches. With --frozen the networks only encode, as in the preset's last 50 epochs, in which
only the prior learns. The dense sampler multiplies whole blocks of couplings, as the paper's
implementation does.
"""

import argparse
import statistics
import time
from contextlib import nullcontext
from functools import partial

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.models.build import build_model


class DenseGibbs:
    """Block Gibbs that multiplies each partition with the full blocks of the other three."""

    def __init__(self, graph, noise):
        self.graph, self.noise = graph, noise

    @torch.no_grad()
    def sample(self, problem, clamped, sweeps):
        """Run every chain from random bits."""
        parts, (i, j) = self.graph.partitions, self.graph.edges
        matrix = torch.zeros(self.graph.n_nodes, self.graph.n_nodes)
        matrix[i, j] = matrix[j, i] = problem.coupling
        blocks = {
            (q, p): matrix[parts[q], parts[p]].contiguous() for q in range(4) for p in range(4)
        }
        states = [clamped.float()]
        states += [
            (self.noise.uniform(len(clamped), n) < 0.5).float() for n in self.graph.sizes[1:]
        ]
        for _ in range(sweeps):
            for p in (1, 2, 3):
                field = problem.bias[:, parts[p]]
                for q in {0, 1, 2, 3} - {p}:
                    field = field + states[q] @ blocks[q, p]
                draw = self.noise.uniform(*states[p].shape)
                states[p] = (draw < torch.sigmoid(field)).float()
        return torch.cat(states, dim=1).bool()


def network_step(model, showers, e_inc, precision):
    """Return a function that runs the networks forward and backward on one batch."""
    low = precision == "bfloat16"

    def step():
        model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16) if low else nullcontext():
            losses = model(showers, e_inc, SharedNoise(0), 1.0)
        values = [v for v in vars(losses).values() if torch.is_tensor(v) and v.requires_grad]
        torch.stack([v.float() for v in values if v.ndim == 0]).sum().backward()

    return step


def negative_phase(model, e_inc, sampler, sweeps):
    """Return a function that draws one batch of chains."""
    t, code = model.condition(e_inc)
    problem = model.prior.problem(t)
    return lambda: sampler.sample(problem, code, sweeps)


def main():
    """Time the parts in turn and print their medians and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--showers", type=int, default=512)
    parser.add_argument("--sweeps", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frozen", action="store_true", help="only the prior learns")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with ShowerFile(args.file) as file:
        config = load_config("paper", settings=["data.energy_gev=[1, 1000]"])
        model = build_model(config, file.geometry)
        rows = slice(0, args.showers)
        e_inc = torch.from_numpy(file.e_inc(rows))
        showers = torch.from_numpy(file.showers(rows)).view(-1, *file.geometry.shape)
    graph = model.prior.graph
    samplers = {
        "compiled": choose_sampler(graph, SharedNoise(0), "compiled"),
        "torch": choose_sampler(graph, SharedNoise(0), "torch"),
        "dense": DenseGibbs(graph, SharedNoise(0)),
    }
    networks = network_step(model, showers, e_inc, args.precision)
    if args.frozen:
        networks = partial(model.encode, showers, e_inc, SharedNoise(0))
    parts = {"networks": networks} | {
        name: negative_phase(model, e_inc, sampler, args.sweeps)
        for name, sampler in samplers.items()
    }
    taken = {name: [] for name in parts}
    for _ in range(args.rounds):
        for name, run in parts.items():
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in taken.items()}
    print(f"{args.showers} showers, {args.sweeps} sweeps, {args.threads} threads, ", end="")
    print(f"{args.precision}; median of {args.rounds} rounds\n")
    print("| sampler | negative phase, s | networks, s | batch, s | dense / this |")
    print("|---|--:|--:|--:|--:|")
    dense = median["dense"] + median["networks"]
    for name in samplers:
        batch = median[name] + median["networks"]
        print(
            f"| {name} | {median[name]:.2f} | {median['networks']:.2f} | {batch:.2f} "
            f"| {dense / batch:.2f} |"
        )


if __name__ == "__main__":
    main()
