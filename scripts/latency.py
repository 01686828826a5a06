"""Time showers one at a time and in bulk: this tree, another one, and exported C++, in turns.

    calo4pqvae export cpp FOLDER --model pretrained
    python scripts/latency.py --exported FOLDER --before TREE --rounds 5

Energies are the quantiles of the log-uniform distribution over the model's range; computing
time of one thread, from energies to a file on disk, with the sweeps that the model asks for.
The trees are asked in turns, so that other work on the machine meets all alike.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
STEPS = ("prior", "decoder", "writing")


class Worker:
    """A process that draws showers with the package of one tree."""

    def __init__(self, tree: Path) -> None:
        one = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--work"],
            env=os.environ | one | {"PYTHONPATH": str(tree / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, batch: int, n: int) -> list[float]:
        """Milliseconds of each step for a shower."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(batch, n, file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def work() -> None:
    """Answer on stdin's lines: batch and number of showers."""
    import torch

    from calo4pqvae._core.rng import RowNoise, SharedNoise
    from calo4pqvae.boltzmann.samplers.choose import choose_sampler
    from calo4pqvae.boltzmann.samplers.groups import sample_machine
    from calo4pqvae.data.shower_file import ShowerWriter
    from calo4pqvae.models.storage import load_pretrained

    torch.set_num_threads(1)
    stored = load_pretrained()
    model, sweeps = stored.model.eval(), stored.config.prior.burn_in
    chains = choose_sampler(model.prior.graph, SharedNoise(1), "auto")
    own = getattr(model, "sample", None)
    made = 0
    for line in sys.stdin:
        batch, n = map(int, line.split())
        low, high = model.scale.low, model.scale.high
        u = (np.random.default_rng(0).permutation(n) + 0.5) / n
        e_inc = (low * (high / low) ** u).astype(np.float32)[:, None]
        taken = np.zeros(3)
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            start = time.process_time()
            with ShowerWriter(Path(folder) / "showers.h5", model.geometry) as writer:
                taken[2] += time.process_time() - start
                for row in range(0, n, batch):
                    some = e_inc[row : row + batch]
                    times = [time.process_time()]
                    e = torch.from_numpy(some)
                    drawn = own(e, 1, made, sweeps) if own else None
                    if drawn is None:
                        t, code = model.condition(e)
                        bits = sample_machine(model.prior, chains, t, code, sweeps)
                    else:
                        bits = drawn[0]
                    times.append(time.process_time())
                    showers = model.decode(bits, e, RowNoise(1, made)).flatten(start_dim=1)
                    times.append(time.process_time())
                    writer.append(some, showers.numpy())
                    times.append(time.process_time())
                    made += len(some)
                    taken += np.diff(times)
                start = time.process_time()
            taken[2] += time.process_time() - start
        print(json.dumps((1e3 * taken / n).tolist()), flush=True)


def exported(folder: Path, n: int, sweeps: int) -> list[float]:
    done = subprocess.run(
        ["./latency", str(n), str(sweeps)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    return [said["prior_ms"], said["decoder_ms"], 0.0, said["load_ms"], said["first_ms"]]


def build(folder: Path) -> None:
    source = ROOT / "scripts" / "exported" / "latency.cpp"
    flags = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-march=native")
    command = ("c++", *flags, f"-I{folder}", str(source), "-o", str(folder / "latency"))
    subprocess.run(command, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time showers in turns.")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--exported", type=Path, metavar="FOLDER")
    parser.add_argument("--before", type=Path, metavar="TREE", help="an earlier working tree")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bulk", type=int, default=512, help="showers of one batch")
    parser.add_argument("--single", type=int, default=100, help="showers, one at a time")
    args = parser.parse_args()
    if args.work:
        work()
        return 0
    trees = {"this": ROOT} | ({"before": args.before.resolve()} if args.before else {})
    workers = {name: Worker(tree) for name, tree in trees.items()}
    found: dict[tuple[str, str], list[list[float]]] = {}
    if args.exported:
        build(args.exported)
    for _ in range(args.rounds + 1):
        for name, worker in workers.items():
            for kind, batch, n in (("1", 1, args.single), ("bulk", args.bulk, args.bulk)):
                found.setdefault((name, kind), []).append(worker.ask(batch, n))
        if args.exported:
            for kind, sweeps in (("1, same sweeps", 1200), ("1, sweeps as stored", -1)):
                row = exported(args.exported, args.bulk, sweeps)
                found.setdefault(("C++", kind), []).append(row)
    for worker in workers.values():
        worker.end()
    print(f"| who | batch | ms | lowest to highest | {' | '.join(STEPS)} |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for (name, kind), rounds in found.items():
        rows = np.array(rounds[1:])[:, :3]  # the first round compiles and fills caches
        sums, parts = rows.sum(axis=1), np.median(rows, axis=0)
        ends = f"{sums.min():.2f} - {sums.max():.2f}"
        cells = " | ".join(f"{part:.3f}" for part in parts)
        print(f"| {name} | {kind} | {np.median(sums):.2f} | {ends} | {cells} |")
    if args.exported:
        load, first = np.median(np.array(found["C++", "1, sweeps as stored"])[:, 3:], axis=0)
        print(f"\nC++: {load:.1f} ms to load, {first:.2f} ms for the first shower")
    for name in workers:
        first = found[name, "1"][0]
        print(f"{name}: {sum(first):.1f} ms a shower in the first round, one at a time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
