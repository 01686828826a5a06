"""`calo4pqvae annealer repair`: lay a model on a chip with holes."""

import argparse
from pathlib import Path

from calo4pqvae.cli.options import MOST_SHOWERS, whole

__all__ = ["add_repair_options", "repair_for_chip"]


def add_repair_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DIR", help="model folder to write"
    )
    parser.add_argument(
        "--conditioning",
        choices=("fold", "flux"),
        help="fold needs no qubits for the energy's bits, flux does (fold)",
    )
    parser.add_argument(
        "--showers",
        type=whole(0, MOST_SHOWERS),
        default=1600,
        metavar="N",
        help="showers that show what the repair costs in distance, 0 for none (1600)",
    )


def repair_for_chip(args: argparse.Namespace) -> int:
    """Repair, tell what it cost, and write the model."""
    from calo4pqvae.annealer.chip.working_graph import WorkingGraph
    from calo4pqvae.cli.annealer_setup import open_backend
    from calo4pqvae.errors import OutputError
    from calo4pqvae.generation.distance import shower_distance
    from calo4pqvae.models.repaired import repair_model
    from calo4pqvae.models.storage import load_model, save_model

    if args.out.exists():
        raise OutputError(f"{args.out}: exists already; name another folder")
    stored = load_model(args.model)
    backend = open_backend(args, None, args.seed)
    args.opened.callback(getattr(backend, "close", lambda: None))
    sweeps = stored.config.prior.burn_in
    made, found = repair_model(
        stored.model,
        WorkingGraph.of(backend),
        sweeps=sweeps,
        held=args.conditioning == "flux",
        seed=args.seed,
        on_stage=lambda name: print(f"  {name}", flush=True),
    )
    print(
        f"{found.machine.graph.n_nodes} nodes on {found.chip}, {found.asked} couplers asked "
        f"for, {found.lost} missing, {found.added} new; {found.tried} places compared"
    )
    if found.lost:
        print(f"lost {found.before} as it was, {found.after} as it is stored")
    else:
        print("nothing is lost")
    note = found.describe()
    if args.showers:
        d = shower_distance(stored.model, made, sweeps=sweeps, n=args.showers, seed=args.seed)
        print(
            f"Frechet distance of {d.showers} showers from as many of the model as it was "
            f"{1e3 * d.value:.3g}e-3, of the latter from themselves {1e3 * d.floor:.3g}e-3"
        )
        note |= {"distance": d._asdict()}
    save_model(args.out / "model", made, stored.config, {**stored.provenance, "repair": note})
    print(f"wrote {args.out}")
    return 0
