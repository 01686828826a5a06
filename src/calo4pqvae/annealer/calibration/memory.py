"""Whether a read remembers the one before it in the same programming."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy.stats import norm
from torch import Tensor

__all__ = ["Memory", "read_memory"]

_SHUFFLES = 2_000
_FALSE_ALARMS = 1e-3
_POWER = 0.9


@dataclass(frozen=True)
class Memory:
    """Correlation of successive reads, averaged over all nodes.

    Attributes:
        correlation: 0 for independent reads, 1 if each repeats the one before.
        error: its standard error if reads are independent.
    """

    correlation: float
    error: float

    @property
    def remembers(self) -> bool:
        """Whether chance is no explanation; it says so for 1 of 1,000 chips without memory."""
        return bool(self.correlation > norm.isf(_FALSE_ALARMS) * self.error)

    @property
    def visible(self) -> float:
        """Smallest correlation that is seen in 9 of 10 checks with as many reads."""
        return float(norm.isf(_FALSE_ALARMS) + norm.ppf(_POWER)) * self.error


def read_memory(
    states: Bool[Tensor, "reads nodes"], programming: Int[np.ndarray, " reads"], seed: int = 0
) -> Memory:
    r"""Compare successive reads of each programming, all nodes together.

    $\sum_r x_r \cdot x_{r+1} / \sum_r x_r^2$ with x the spins of a read less their mean over
    the programming. It averages over nodes and is therefore far sharper than the correlation of
    energies. What it is for reads without memory comes from shuffling them.

    Arguments:
        states: reads, those of one programming in order of time; held nodes do not matter.
        programming: number of the programming of each read.
        seed: seed of the shuffling.

    Example:
        >>> states = (torch.rand(200, 50, generator=torch.Generator().manual_seed(1)) < 0.5)
        >>> read_memory(states, torch.zeros(200, dtype=torch.int64).numpy()).remembers
        False
        >>> slow = states.repeat_interleave(2, dim=0)
        >>> read_memory(slow, torch.zeros(400, dtype=torch.int64).numpy()).remembers
        True
    """
    rng = np.random.default_rng(seed)
    found, size, shuffled = 0.0, 0.0, np.zeros(_SHUFFLES)
    for number in np.unique(programming):
        x = states.numpy()[programming == number].astype(np.float64)
        x -= x.mean(axis=0)
        overlap = x @ x.T
        n = len(x)
        found += float(np.trace(overlap, 1))
        size += float(np.trace(overlap)) * (n - 1) / n
        order = np.argsort(rng.random((_SHUFFLES, n)), axis=1)
        shuffled += overlap[order[:, 1:], order[:, :-1]].sum(axis=1)
    if size <= 0:
        return Memory(0.0, float("inf"))
    return Memory((found - shuffled.mean()) / size, float(shuffled.std(ddof=1)) / size)
