"""What every metric is: made of a reference, it judges any number of samples."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from calo4pqvae.evaluation.classifiers.kinds import Classifiers, Kind
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.result import Result, Shown
from calo4pqvae.evaluation.splits import SPLITS
from calo4pqvae.units import GeV

__all__ = ["UNLIKE_LAYERS", "WINDOWS", "Metric", "Options", "Windows", "window_name"]

UNLIKE_LAYERS = "structure needs layers with equal bins"
"""Why a sample has no structure."""

Windows = Sequence[tuple[float, float]]

WINDOWS: Windows = (
    (5 * GeV, 10 * GeV),
    (40 * GeV, 50 * GeV),
    (80 * GeV, 100 * GeV),
    (150 * GeV, 200 * GeV),
)
"""Windows of incident energy [MeV], those of figure 6 of the paper."""


def _silent(total: int, what: str) -> AbstractContextManager[Any]:
    """Show nothing of how far a piece of work has come."""
    del total, what
    return nullcontext()


@dataclass(frozen=True)
class Options:
    """What can be chosen about an evaluation.

    Arguments:
        classifiers: set-up of the networks; no classifier at all with "none".
        inputs: what the networks are given.
        windows: windows of incident energy, lower and upper ends [MeV].
        batches: redraws of FPD at each sample size, and of KPD; None takes the challenge's.
        splits: random halves of the reference for a floor.
        seed: of the parts that make a floor.
        progress: (steps, words) -> a context whose value, if any, has `advance(n)`, which
            shows how far a long piece of work has come.
        say: tells the user how long it will take.
    """

    classifiers: Classifiers = "quick"
    inputs: Sequence[Kind] = ("high",)
    windows: Windows = WINDOWS
    batches: int | None = None
    splits: int = SPLITS
    seed: int = 42
    progress: Callable[[int, str], AbstractContextManager[Any]] = _silent
    say: Callable[[str], None] = lambda _: None


class Metric(ABC):
    """Judges samples against one reference; what depends on that alone is computed once.

    Arguments:
        reference: showers of Geant4.
        options: of the evaluation.
    """

    def __init__(self, reference: Measured, options: Options) -> None:
        self.reference = reference
        self.options = options
        self.kept: dict[Any, Any] = {}

    @classmethod
    @abstractmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name all results that there may be, and say how each is presented."""

    @classmethod
    def voxels(cls, options: Options) -> int:
        """Say of how many showers the voxels have to be kept, at most."""
        del options
        return 0

    @abstractmethod
    def of(self, sample: Measured) -> dict[str, Result]:
        """Judge a sample. What cannot be computed is undefined, with a reason."""

    def describe(self, sample: Measured) -> dict[str, Any]:
        """Say more of a sample than numbers can, in a form that JSON takes."""
        del sample
        return {}

    def redraws(self, name: str, sample: Measured) -> np.ndarray:
        """Redraw both sides and score them again: how much a score scatters.

        The reference is redrawn alike for every sample, so that differences between samples
        scatter less than their scores.

        Raises:
            NotImplementedError: no system is ranked by this metric.
        """
        raise NotImplementedError(f"nothing is ranked by {name}")


def window_name(window: tuple[float, float]) -> str:
    """Name a window of incident energy [MeV].

    Example:
        >>> window_name((5000.0, 10000.0))
        '5-10 GeV'
    """
    low, high = window
    return f"{low / GeV:g}-{high / GeV:g} GeV"
