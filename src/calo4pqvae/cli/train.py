"""`calo4pqvae train`: shower files in, a run folder with a trained model out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae.cli.inputs import add_geometry, add_settings, open_showers

if TYPE_CHECKING:
    from calo4pqvae.config import Config
    from calo4pqvae.training.loop import Step, Trainer

HELP = "train a model on shower files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", required=True, metavar="RUN", help="run folder to write")
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", help="shower files, in the order of the split"
    )
    add_geometry(parser)
    parser.add_argument("--preset", default="paper", help="paper (default), quick or best")
    parser.add_argument("--config", metavar="FILE", help="YAML file on top of the preset")
    add_settings(parser)
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")


def run(args: argparse.Namespace) -> int:
    """Train, showing progress; the first Ctrl-C or SIGTERM saves a checkpoint and stops."""
    from contextlib import ExitStack

    from calo4pqvae.training.processes import Processes
    from calo4pqvae.training.run import train

    config, paths = _resumed(args) if args.resume else _fresh(args)
    processes = Processes.join(args.device)
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
            )
    finally:
        processes.leave()
    if processes.rank == 0:
        where = Path(args.out) / "model"
        hint = f"stopped; go on with 'calo4pqvae train --resume --out {args.out}'"
        print(f"model written to {where}" if finished else hint)
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

            yield on_step

    return shown()


def _note(step: "Step", epochs: int) -> str:
    terms = step.terms
    return (
        f"epoch {step.epoch + 1} of {epochs}, values {terms['values']:.1f}, "
        f"hits {terms['hits']:.1f}, energy of the prior with data "
        f"{terms['positive_energy']:.1f}, alone {terms['negative_energy']:.1f}"
    )


def _fresh(args: argparse.Namespace) -> "tuple[Config, list[str]]":
    from calo4pqvae.config import load_config
    from calo4pqvae.errors import ConfigError

    if not args.data:
        raise ConfigError("name the shower files to train on with --data FILE ..")
    return load_config(args.preset, args.config, args.set), args.data


def _resumed(args: argparse.Namespace) -> "tuple[Config, list[str]]":
    from calo4pqvae.errors import ConfigError
    from calo4pqvae.training.run import read_run

    if args.set or args.config:
        raise ConfigError("a resumed run keeps its configuration; leave out --set and --config")
    stored = read_run(Path(args.out))
    return stored.config, args.data or [file["path"] for file in stored.files]


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
