"""`calo4pqvae train`: shower files in, a run folder with a trained model out."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae.cli.console import say
from calo4pqvae.cli.inputs import (
    RULES_OF_GEOMETRY,
    add_geometry,
    add_preset,
    add_settings,
    open_showers,
)
from calo4pqvae.cli.options import Rule

if TYPE_CHECKING:
    from calo4pqvae.config import Config
    from calo4pqvae.training.loop import Step, Trainer

HELP = "train a model on shower files"

RULES = (
    Rule(
        ("resume", "config", "preset", "device"),
        lambda args: not args.refit,
        "with --refit, which takes the run's own settings, --set on top of them, and the CPU; "
        "leave it out",
    ),
    Rule(
        ("config", "preset", "set"),
        lambda args: not args.resume,
        "with --resume, as a resumed run keeps its configuration; leave it out",
    ),
    *RULES_OF_GEOMETRY,
)

SHOWN = {
    "values": "values",
    "hits": "hits",
    "positive_energy": "energy of the prior with data",
    "negative_energy": "energy of the prior alone",
}
"""Terms of the losses on the progress line, and their names there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", required=True, metavar="RUN", help="run folder to write")
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", help="shower files, in the order of the split"
    )
    add_geometry(parser)
    add_preset(parser, default="paper")
    parser.add_argument("--config", metavar="FILE", help="YAML file on top of the preset")
    add_settings(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out with its own settings and data; the words that began "
        "it do the same",
    )
    parser.add_argument(
        "--refit",
        action="store_true",
        help="keep the networks of the run in --out and repeat what is fitted after the last "
        "epoch, with other values of settings that only the fit depends on",
    )
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="(default: auto)"
    )


def run(args: argparse.Namespace) -> int:
    """Train, showing progress; the first Ctrl-C or SIGTERM saves a checkpoint and stops."""
    from contextlib import ExitStack

    from calo4pqvae.training.folder import RunFolder
    from calo4pqvae.training.processes import Processes
    from calo4pqvae.training.run import train

    if args.refit:
        return _refit(args)
    config, paths = _resumed(args) if args.resume else _fresh(args)
    processes, place = Processes.join(args.device), RunFolder(Path(args.out))
    done = place.is_finished
    try:
        with ExitStack() as stack:
            files = open_showers(paths, args, stack)
            show = stack.enter_context(show_training(config))
            finished = train(
                config,
                files,
                args.out,
                resume=args.resume,
                processes=processes,
                on_step=show,
                on_start=stack.enter_context(stop_on_signal()),
                on_note=say if processes.rank == 0 else lambda _: None,
            )
    finally:
        processes.leave()
    if processes.rank == 0:
        where = f"model {'is in' if done else 'written to'} {place.model}"
        again = shlex.join(["calo4pqvae", "train", "--resume", "--out", str(args.out)])
        print(where if finished else f"stopped; go on with: {again}")
    return 0 if finished else 130


def show_training(config: "Config"):  # noqa: ANN201 - a context manager of a callback
    """Show how many batches are done and the time left, with the losses beside it."""
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack, contextmanager

    from calo4pqvae.cli.console import Progress, progress
    from calo4pqvae.training.loop import Step

    @contextmanager
    def shown() -> "Iterator[Callable[[Step], None]]":
        bars: list[Progress] = []
        with ExitStack() as stack:

            def on_step(step: Step) -> None:
                if not bars:
                    done = step.epoch * step.n_batches + step.batch - 1
                    left = config.training.epochs * step.n_batches - done
                    bars.append(stack.enter_context(progress(left, "training, batches")))
                bars[0].advance(1, _note(step, config.training.epochs))
                if (step.epoch + 1, step.batch) == (config.training.epochs, step.n_batches):
                    stack.close()  # what follows are fits, not batches

            yield on_step

    return shown()


def _note(step: "Step", epochs: int) -> str:
    """Show the losses that this model has in this phase of its training."""
    parts = [f"epoch {step.epoch + 1} of {epochs}"]
    parts += [f"{SHOWN[name]} {v:.1f}" for name, v in step.terms.items() if name in SHOWN]
    return ", ".join(parts)


def _fresh(args: argparse.Namespace) -> "tuple[Config, list[str]]":
    from calo4pqvae.config import load_config
    from calo4pqvae.errors import ConfigError

    if not args.data:
        raise ConfigError("name the shower files to train on with --data FILE ..")
    return load_config(args.preset or "paper", args.config, args.set), args.data


def _resumed(args: argparse.Namespace) -> "tuple[Config, list[str]]":
    from calo4pqvae.training.folder import read_run

    stored = read_run(Path(args.out))
    return stored.config, args.data or [file["path"] for file in stored.files]


def _refit(args: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from calo4pqvae.training.folder import read_run
    from calo4pqvae.training.refit import refit

    stored = read_run(Path(args.out))
    paths = args.data or [file["path"] for file in stored.files]
    with ExitStack() as stack:
        refit(args.out, open_showers(paths, args, stack), args.set)
    print(f"model written to {Path(args.out) / 'model'}")
    return 0


def stop_on_signal():  # noqa: ANN201 - a context manager of a callback
    """Let the first Ctrl-C or SIGTERM end training with a checkpoint, while it lasts."""
    import signal
    from collections.abc import Callable, Iterator
    from contextlib import contextmanager

    @contextmanager
    def listening() -> "Iterator[Callable[[Trainer], None]]":
        before = {
            number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
        }

        def on_start(trainer: "Trainer") -> None:
            def stop(number: int, frame: object) -> None:
                del frame
                trainer.stop()
                signal.signal(number, signal.SIG_DFL)

            for number in before:
                signal.signal(number, stop)

        try:
            yield on_start
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    return listening()
