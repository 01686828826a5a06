"""`calo4pqvae simulate --fast`: Geant4 with a model's showers in it."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calo4pqvae.simulation.stack import Stack

__all__ = ["simulate_fast"]


def simulate_fast(
    args: argparse.Namespace, stack: "Stack", energies: dict[str, Any], n: int
) -> int:
    """Simulate a file with generated showers, showing progress, and say what was counted."""
    import os
    import time

    from calo4pqvae._core.atomic import check_target
    from calo4pqvae._core.lock import output_lock
    from calo4pqvae.cli.console import progress
    from calo4pqvae.data.energies import EnergySequence
    from calo4pqvae.generation.fast import FastSimulation, fast_simulate
    from calo4pqvae.models.storage import load_model
    from calo4pqvae.simulation.facts import attributes, describe, find_tables
    from calo4pqvae.simulation.geant4 import elements_of

    check_target(Path(args.out), args.overwrite)
    stored = load_model(args.fast)
    sweeps = stored.config.prior.burn_in
    e_inc = EnergySequence.described(energies).take(args.first, n)
    with output_lock(args.out, "simulate"), tempfile.TemporaryDirectory() as folder:
        elements = elements_of({slab.material for slab in stack.slabs})
        tables = find_tables(args.tables, elements, Path(folder) / "tables")
        print(tables.note)
        os.environ.update(tables.variables)
        simulation = FastSimulation(stack, stored.model, sweeps=sweeps)
        facts = describe(stack, args.particle, args.seed, tables)
        facts |= {"fast_model": str(args.fast), "sweeps": sweeps}
        began = time.process_time()
        with progress(n, "showers") as bar:
            fast_simulate(
                simulation,
                e_inc,
                args.out,
                attributes=attributes(facts),
                particle=args.particle,
                seed=args.seed,
                first=args.first,
                overwrite=args.overwrite,
                on_shower=bar.advance,
            )
    spent = 1e3 * (time.process_time() - began) / n
    counted = ", ".join(f"{n_of} {what}" for what, n_of in sorted(simulation.counts.items()))
    print(f"{n} showers written to {args.out}, {spent:.3g} CPU ms each: {counted}")
    return 0
