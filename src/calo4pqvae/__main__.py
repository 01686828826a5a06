"""The program: the command line with Ctrl-C handled from the first line to the last.

``python -m calo4pqvae`` and the installed command run this.
"""

import signal
import sys

_OURS = signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""False where somebody ignores Ctrl-C or handles it, as in a job of ``nohup``."""

if (
    _OURS
):  # while modules are imported there is nothing to save: end at once, without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from calo4pqvae.cli.main import main  # noqa: E402

__all__ = ["run"]


def run() -> int:
    """Run the command line and return its exit status.

    Once the command has returned, everything is written: a Ctrl-C that arrives while Python
    itself ends stops it silently.
    """
    if _OURS:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return main()
    finally:
        if _OURS:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(run())
