"""Parts of an output that may fail alone: a figure costs itself, never the numbers."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calo4pqvae.errors import LostPartWarning

__all__ = ["Lost", "losing"]


class Lost:
    """Remembers which parts could not be made, and why."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    @contextmanager
    def part(self, path: Path) -> Iterator[None]:
        """Make one part in this block; if it fails there is none, and work goes on."""
        try:
            yield
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            self._reasons[path.name] = f"{type(error).__name__}: {reason[:200]}"

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def __str__(self) -> str:
        reasons = list(dict.fromkeys(self._reasons.values()))
        more = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
        return f"{', '.join(self._reasons)}: {reasons[0]}{more}"


@contextmanager
def losing(numbers: Path) -> Iterator[Lost]:
    """Gather what is lost in this block, and say it in one warning.

    Arguments:
        numbers: the file that is whole whatever is lost.

    Warns:
        LostPartWarning: something was lost.
    """
    lost = Lost()
    yield lost
    if lost:
        warnings.warn(
            f"could not make {lost}; {numbers} is complete", LostPartWarning, stacklevel=3
        )
