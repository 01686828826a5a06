"""Train a Boltzmann machine on a piece of Zephyr, and compare exact and sampled likelihoods.

The data are bars and stripes on a grid of 2 x 3 pixels: 10 of the 64 patterns. One colour of
the lattice holds the pixels, the nodes of the three others are hidden. It takes some seconds.
"""

from itertools import product

import torch

from calo4pqvae.boltzmann import (
    BoltzmannMachine,
    BoltzmannProblem,
    SharedNoise,
    choose_sampler,
    even_schedule,
    exact_log_z,
    log_z_bounds,
    moments,
    plain_gradient,
    zephyr,
)

ROWS, COLUMNS = 2, 3
CHAINS, SWEEPS, STEPS, RATE = 500, 20, 1500, 0.02


def bars_and_stripes() -> torch.Tensor:
    """List the patterns whose rows are equal, or whose columns are."""
    rows = [torch.tensor(row).expand(ROWS, -1) for row in product([0, 1], repeat=COLUMNS)]
    columns = [torch.tensor(c).expand(COLUMNS, -1).T for c in product([0, 1], repeat=ROWS)]
    return torch.stack([*rows, *columns]).flatten(1).bool().unique(dim=0)


def main() -> dict[str, float]:
    """Train, and return the mean log-likelihood of the patterns [nats]."""
    patterns = bars_and_stripes()
    graph = zephyr(patterns.shape[1])  # partition 0, which can be clamped, holds the pixels
    free = graph.unclamped()  # the same nodes and couplers, nothing clamped
    machine = BoltzmannMachine(free, scale=0.1, generator=torch.Generator().manual_seed(1))
    optimiser = torch.optim.Adam([machine.bias, machine.coupling], lr=RATE)
    given, dreaming = (choose_sampler(g, SharedNoise(k)) for k, g in enumerate((graph, free)))
    data = patterns.repeat(CHAINS // len(patterns), 1)
    nothing, one = free.nothing_clamped(CHAINS), torch.ones(CHAINS, 1)

    def clamped_problem() -> BoltzmannProblem:
        return BoltzmannProblem(graph, machine.bias, machine.coupling)

    dreams = None
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        seen = given.sample(clamped_problem(), data, SWEEPS)
        dreams = dreaming.sample(machine.problem(), nothing, SWEEPS, dreams)  # chains persist
        phases = moments(seen, one, free), moments(dreams, one, free)
        machine.apply_gradient(plain_gradient(*phases, free))
        optimiser.step()

    joint = exact_log_z(clamped_problem(), patterns)
    exact = float((joint - exact_log_z(machine.problem(), free.nothing_clamped(1))).mean())
    schedule = even_schedule(200)
    above = log_z_bounds(clamped_problem(), patterns, given, schedule)
    below = log_z_bounds(machine.problem(), free.nothing_clamped(1), dreaming, schedule)
    low = float(above.lower.value.mean() - below.upper.value)
    high = float(above.upper.value.mean() - below.lower.value)
    errors = torch.cat([above.lower.error / len(patterns), below.upper.error])
    return {"exact": exact, "lower": low, "upper": high, "error": float(errors.norm())}


if __name__ == "__main__":
    found = main()
    print(f"exact    {found['exact']:.3f} nats; {-torch.tensor(10.0).log():.3f} is the best")
    print(f"sampled  {found['lower']:.3f} to {found['upper']:.3f} +- {found['error']:.3f} nats")
