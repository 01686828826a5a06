"""Errors and floors: the bootstrap over showers, at equal incident energies if possible.

The floor of a distance is what it reads when both sides are Geant4. It is not zero: two
finite samples differ. A value at its floor is as good as the sample can show.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Num

from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.result import Result, Score
from calo4pqvae.evaluation.verdict import Floor, Sides

__all__ = ["Estimate", "Resampling", "Statistic", "measure"]

Statistic = Callable[[Observables, Observables, np.ndarray, np.ndarray], np.ndarray]
"""(sample, reference, their rows of weights) -> one number, or one row, per weight row."""

_CELL = 10
_BLOCK = 4_000_000


class Estimate(NamedTuple):
    """A value, its error, the same two for Geant4 against Geant4, and the number of redraws."""

    value: np.ndarray
    error: np.ndarray
    floor_value: np.ndarray
    floor_error: np.ndarray
    redraws: int = 100

    def column(self, index: int) -> "Estimate":
        """Take one column of an estimate that has many."""
        return Estimate(*(np.asarray(part[index]) for part in self[:4]), redraws=self.redraws)

    def result(
        self,
        sizes: tuple[int, int],
        sides: Sides = "above",
        reason: str = "",
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> Result:
        """Hold an estimate of a single number against its floor.

        Arguments:
            sizes: showers of the sample and of the reference.
            sides: what counts as worse.
            reason: why something of it is undefined, if known.
            more: whatever else there is to say.
        """
        value, error, middle, scatter = (float(part) for part in self[:4])
        floor_error = scatter / math.sqrt(self.redraws)
        floor = Floor(middle, floor_error, math.hypot(scatter, floor_error), self.redraws - 1)
        if not all(map(math.isfinite, (value, middle, scatter))):
            reason = reason or "undefined: the reference is zero or does not vary here"
        n, m = sizes
        return Result(Score(value, error, n), floor, None, sides, reason, m, more)


@dataclass(frozen=True)
class Resampling:
    """Draws of showers for the error of a comparison and for its floor.

    When the sample repeats the reference's incident energies (each of them equally often),
    the comparison is *paired*: fluctuations of the energies are common to both sides and
    cancel. The error then comes from redrawing incident energies together with all showers
    that belong to them; otherwise both sides are redrawn independently.

    The floor compares two independent redraws of the reference that have as many showers as
    the sample and the reference. If paired, both are drawn within cells of ten showers
    adjacent in incident energy, so that their energies are nearly equal too.

    Bias: the floor's redraws share their parent sample, so bins that the reference leaves
    empty stay empty, and the floor of a separation is low by the tail bins it has not seen.
    Within cells the variance is low by 1 / 10, and high by the spread of energies in a cell:
    about 13 / m relative for m showers over two decades of energy, to be held against the
    width of the response.

    Arguments:
        e_sample: incident energies of the sample [MeV].
        e_reference: incident energies of the reference [MeV].
        n_resamples: number of redraws.
        seed: of the random numbers, so that a number can be had again.
    """

    e_sample: Float[np.ndarray, " sample"]
    e_reference: Float[np.ndarray, " reference"]
    n_resamples: int = 100
    seed: int = 0

    @cached_property
    def repeats(self) -> int:
        """How often the sample holds each incident energy of the reference; 0 if unpaired."""
        n, m = len(self.e_sample), len(self.e_reference)
        if m == 0 or n == 0 or n % m:
            return 0
        expected = np.repeat(np.sort(self.e_reference), n // m)
        return n // m if np.array_equal(np.sort(self.e_sample), expected) else 0

    @property
    def paired(self) -> bool:
        """Whether both sides have the same incident energies."""
        return self.repeats > 0

    def spread(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows of weights (sample, reference) for the error of a comparison."""
        rng = np.random.default_rng(self.seed)
        n, m = len(self.e_sample), len(self.e_reference)
        for rows in self._blocks():
            reference = _draw(rng, rows, m, m)
            yield self._follow(reference) if self.paired else _draw(rng, rows, n, n), reference

    def floor(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows of weights (reference, reference) for the floor of a comparison."""
        rng = np.random.default_rng(self.seed + 1)
        n, m = len(self.e_sample), len(self.e_reference)
        for rows in self._blocks():
            if self.paired:
                yield self._draw_in_cells(rng, rows, n), self._draw_in_cells(rng, rows, m)
            else:
                yield _draw(rng, rows, m, n), _draw(rng, rows, m, m)

    def _blocks(self) -> Iterator[int]:
        """Split the redraws so that a block of weights has bounded memory."""
        size = max(1, _BLOCK // (len(self.e_sample) + len(self.e_reference)))
        for start in range(0, self.n_resamples, size):
            yield min(size, self.n_resamples - start)

    def _follow(self, reference: np.ndarray) -> np.ndarray:
        """Give each shower of the sample the weight of its incident energy's draw."""
        weights = np.empty((len(reference), len(self.e_sample)), reference.dtype)
        by_energy = reference[:, np.argsort(self.e_reference, kind="stable")]
        order = np.argsort(self.e_sample, kind="stable")
        weights[:, order] = np.repeat(by_energy, self.repeats, axis=1)
        return weights

    def _draw_in_cells(self, rng: np.random.Generator, rows: int, n: int) -> np.ndarray:
        """Redraw the reference `n / reference` times over, cell by cell in energy."""
        m = len(self.e_reference)
        weights = np.empty((rows, m), np.int32)
        cells = np.array_split(
            np.argsort(self.e_reference, kind="stable"), max(1, round(m / _CELL))
        )
        for cell in cells:
            weights[:, cell] = _draw(rng, rows, len(cell), len(cell) * n // m)
        return weights


def measure(
    statistics: Mapping[str, Statistic],
    sample: Observables,
    reference: Observables,
    resampling: Resampling,
) -> dict[str, Estimate]:
    """Evaluate statistics with their bootstrap errors and floors, all on the same redraws.

    The error is the standard deviation over redraws. The floor's error is that of a single
    comparison, so a sample as good as Geant4 lies within a few of them around the floor.
    """
    once = _once(sample), _once(reference)
    values = _on_every(statistics, sample, reference, [once])
    spreads = _on_every(statistics, sample, reference, resampling.spread())
    floors = _on_every(statistics, reference, reference, resampling.floor())
    return {
        name: Estimate(
            values[name][0],
            spreads[name].std(axis=0),
            floors[name].mean(axis=0),
            floors[name].std(axis=0, ddof=1),
            resampling.n_resamples,
        )
        for name in statistics
    }


def _on_every(
    statistics: Mapping[str, Statistic],
    sample: Observables,
    reference: Observables,
    draws: Iterable[tuple[np.ndarray, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Evaluate every statistic on every draw; one number, or one row, for each draw."""
    found = [
        {name: statistic(sample, reference, *draw) for name, statistic in statistics.items()}
        for draw in draws
    ]
    return {name: np.concatenate([block[name] for block in found]) for name in statistics}


def _once(sample: Observables) -> Num[np.ndarray, "1 batch"]:
    return np.ones((1, len(sample)))


def _draw(rng: np.random.Generator, rows: int, n_from: int, n_draws: int) -> np.ndarray:
    """Count how often each of `n_from` showers is met in `n_draws` draws, (rows, n_from)."""
    picks = rng.integers(n_from, size=(rows, n_draws)) + n_from * np.arange(rows)[:, None]
    counts = np.bincount(picks.ravel(), minlength=rows * n_from)
    return counts.reshape(rows, n_from).astype(np.int32)
