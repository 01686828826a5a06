"""What FPD and KPD tend to without their redraws: for parts, their floor, and differences.

FPD extrapolates redraws to infinitely many showers, which gives the Fréchet distance d^2 of the
samples as they are; the median over KPD's redraws scatters around the quadratic estimate with
all pairs, a shower with itself included. Both limits are taken here directly, at a fiftieth of
the cost and without the scatter of the redraws. They carry the bias of finite samples, so that
they are held against a floor on as many showers.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from calo4pqvae.evaluation.distances.frechet import Gaussian, Side, frechet_distance
from calo4pqvae.evaluation.distances.kernel import sum_of_powers
from calo4pqvae.evaluation.measured.features import Features

__all__ = ["FrechetLimit", "KernelLimit"]

Rows = Int[np.ndarray, " rows"]


class FrechetLimit:
    """d^2 of the normal distributions with the means and covariances of the parts."""

    most: int | None = None
    redrawn = True
    """Halves of one sample share its rarest showers, so that d^2 of many halves scatters by two
    thirds of what it does between independent samples; that of redraws is right."""

    def __init__(self, features: Features, scale: Float[np.ndarray, " columns"]) -> None:
        self._side, self._n = Side(features, scale), len(features)

    @staticmethod
    def fewest(n_columns: int) -> int:
        """Say how many showers a part needs for a covariance that is not singular."""
        return n_columns + 1

    def part(self, rows: Rows) -> Gaussian:
        """Compute mean and covariance of chosen showers."""
        return self._side.redraw(np.bincount(rows, minlength=self._n).astype(np.int32))

    def scatter(self, m: int, seed: tuple[int, ...]) -> float:
        """Compare two redraws of m showers each."""
        rng = np.random.default_rng(seed)
        pair = (self.part(rng.integers(self._n, size=m)) for _ in range(2))
        return frechet_distance(*pair)

    @staticmethod
    def between(one: Gaussian, other: Gaussian) -> float:
        """Compute d^2."""
        return frechet_distance(one, other)


class KernelLimit:
    """The squared maximum mean discrepancy with all pairs."""

    most: int | None = 5000
    """Showers of a part; the cost rises with their square."""
    redrawn = False

    def __init__(self, features: Features, scale: Float[np.ndarray, " columns"]) -> None:
        self._values, self._scale = features.values, scale * np.sqrt(len(scale))

    @staticmethod
    def fewest(n_columns: int) -> int:
        """Say how many showers a part needs: two, whatever the features."""
        del n_columns
        return 2

    def part(self, rows: Rows) -> tuple[Tensor, float]:
        """Take chosen showers, and the mean of the kernel over their pairs."""
        x = self._values[rows] / self._scale
        chosen = torch.from_numpy(np.column_stack([x, np.ones(len(x))]))
        return chosen, sum_of_powers(chosen, chosen) / len(rows) ** 2

    def scatter(self, m: int, seed: tuple[int, ...]) -> float:
        """Nothing: its halves scatter as independent samples do."""
        del m, seed
        return 0.0

    @staticmethod
    def between(one: tuple[Tensor, float], other: tuple[Tensor, float]) -> float:
        """Compute the discrepancy."""
        across = sum_of_powers(one[0], other[0]) / (len(one[0]) * len(other[0]))
        return one[1] + other[1] - 2 * across
