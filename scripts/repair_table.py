"""Print where a model lies on chips with published defects, and what that costs.

    python scripts/repair_table.py --graphs 10 --showers 1600

Each graph is a perfect lattice with as many qubits and couplers broken at random as are
published for the chip. Nats are lost per state, averaged over incident energies; the distance
is the squared Frechet distance of the official features between showers of the repaired model
and of the model as it was, less that of the latter from themselves, for the first graph of each
chip and for the first on which something is missing.
"""

import argparse
import time

from calo4pqvae._core.rng import derive_seed
from calo4pqvae.annealer import CHIPS, WorkingGraph
from calo4pqvae.generation.distance import shower_distance
from calo4pqvae.models.repaired import repair_model
from calo4pqvae.models.storage import load_model


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--graphs", type=int, default=10)
    parser.add_argument("--showers", type=int, default=1600)
    parser.add_argument("--chips", nargs="+", default=["system1", "system2", "system4"])
    args = parser.parse_args()
    stored = load_model(args.model)
    sweeps = stored.config.prior.burn_in
    print("| chip, seed | missing | nats lost | after the fit | distance [10⁻³] | CPU s |")
    print("|---|--:|--:|--:|--:|--:|")
    for name in args.chips:
        shown = set()
        for seed in range(args.graphs):
            chip = CHIPS[name]
            perfect = WorkingGraph.perfect(chip.topology, chip.grid, name)
            graph = perfect.with_defects(chip.qubits, chip.couplers, derive_seed(seed, 2))
            began = time.process_time()
            made, found = repair_model(stored.model, graph, sweeps=sweeps, seed=seed)
            took, distance = time.process_time() - began, ""
            if args.showers and bool(found.lost) not in shown and (seed == 0 or found.lost):
                shown.add(bool(found.lost))
                d = shower_distance(
                    stored.model, made, sweeps=sweeps, n=args.showers, seed=seed
                )
                distance = f"{1e3 * d.excess:+.1f} (floor {1e3 * d.floor:.1f})"
            print(
                f"| {name}, {seed} | {found.lost} of {found.asked} | {found.before} | "
                f"{found.after} | {distance} | {took:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
