"""`calo4pqvae annealer rehearse`: the first day on a chip, on one page."""

import argparse
from pathlib import Path

from calo4pqvae.cli.annealer_options import EMULATOR
from calo4pqvae.cli.annealer_setup import open_backend
from calo4pqvae.cli.options import MOST_SHOWERS, whole

__all__ = ["add_rehearsal_options", "rehearse"]

LIMIT = 60.0
"""Seconds of the annealer that a rehearsal may spend."""


def add_rehearsal_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-n", type=whole(50, MOST_SHOWERS), default=400, metavar="N", help="showers (400)"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="page to write: HTML with figure 2 of the paper (.html), or else Markdown",
    )


def rehearse(args: argparse.Namespace) -> int:
    """Do the day, show its page, and write it."""
    from calo4pqvae._core.atomic import check_target, write_text
    from calo4pqvae.annealer.jobs.journal import open_journal
    from calo4pqvae.errors import ConfigError
    from calo4pqvae.generation.day_page import html_page
    from calo4pqvae.generation.first_day import first_day
    from calo4pqvae.models.storage import load_model

    check_target(args.out, True)
    real = args.backend != EMULATOR
    if real and args.max_seconds is None:
        raise ConfigError("say how much of a real annealer may be spent: --max-seconds S")
    stored = load_model(args.model)
    backend = open_backend(args, None, args.seed)
    args.opened.callback(getattr(backend, "close", lambda: None))
    record, folder = None, args.journal
    if folder is None and real:
        folder = args.out.with_name(f"{args.out.name}.journal")
    if folder is not None:
        run = None if real else f"emulated-{args.seed}"
        record = open_journal(folder, backend, run, resume=args.resume)
        args.opened.callback(record.close)
    day = first_day(
        stored.model,
        backend,
        sweeps=stored.config.prior.burn_in,
        n=args.n,
        limit_s=args.max_seconds or LIMIT,
        seed=args.seed,
        record=record,
        on_step=lambda name: print(f"  {name}", flush=True),
    )
    what = "First day" if real else "Rehearsal of a first day"
    title = f"{what} on {backend.properties['chip_id']}"
    page = day.page(title)
    print(page, end="")
    write_text(args.out, html_page(day, title) if args.out.suffix == ".html" else page)
    return 3 if day.refused else 0
