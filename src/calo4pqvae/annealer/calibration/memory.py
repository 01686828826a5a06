"""Whether a read remembers the one before it in the same programming."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy.stats import norm
from torch import Tensor

__all__ = ["Memory", "read_memory"]

_SHUFFLES = 2_000
_ALARM = float(norm.isf(0.01))
"""Standard errors above which a correlation is none by chance: 1 % of false alarms."""

_VISIBLE, _RECOMMENDED = float(norm.ppf(0.9)), float(norm.ppf(0.95))
"""Standard errors by which a correlation must exceed the alarm to be seen in 9 of 10 checks,
and in 19 of 20, so that a hundred checks with the recommended reads see it 90 times."""

_ITERATIONS = 20
"""Of a fixed point that halves its distance in each."""

_LONGEST = 10_000
"""Reads of a programming; no chip allows more."""


@dataclass(frozen=True)
class Memory:
    """Correlation of successive reads, averaged over all nodes.

    Attributes:
        correlation: 0 for independent reads, 1 if each repeats the one before.
        error: its standard error if reads are independent.
        reads: reads that it was found from.
        programmings: programmings of at least three reads among which they are.
    """

    correlation: float
    error: float
    reads: int = 0
    programmings: int = 1

    @property
    def remembers(self) -> bool:
        """Whether chance is no explanation; it says so for 1 of 100 chips without memory."""
        return bool(self.correlation > _ALARM * self.error)

    @property
    def visible(self) -> float:
        """Smallest correlation that is seen in 9 of 10 checks with as many reads."""
        many = self.programmings
        found = math.inf if self.reads <= many else self.error
        for _ in range(_ITERATIONS):
            if not math.isfinite(found):
                return math.inf
            found = _needed(found, self.error, (many, self.reads / many), _VISIBLE)
        return found

    def reads_for(self, correlation: float = 0.1) -> float:
        """Reads that show this correlation in 19 of 20 checks, in as many programmings.

        Short programmings show less: a programming of n reads has n - 1 pairs, and its mean
        takes away two n-ths of what they have in common.
        """
        many = self.programmings
        each = self.error * _sharpness(many, self.reads / many)
        for n in range(3, _LONGEST):
            error = each / _sharpness(many, float(n))
            if _needed(correlation, error, (many, float(n)), _RECOMMENDED) <= correlation:
                return float(many * n)
        return math.inf


def _sharpness(programmings: int, reads: float) -> float:
    """Inverse error of the correlation, for so many reads in each programming."""
    return math.sqrt(programmings * max(reads - 1, 0.0)) * max(1 - 2 / reads, 0.0)


def _needed(correlation: float, error: float, reads: tuple[int, float], above: float) -> float:
    r"""Correlation that lies above the alarm, by so many of its standard errors.

    That reads repeat, with a probability $c$ as large, scatters by itself: $c (1 - c)$ for each
    pair. It also raises the alarm: of all pairs of a programming's $n$ reads a share of
    $q = 2 \sum_k (n - k) c^k / n (n - 1) \approx 2 c / (1 - c) n$ are one and the same read,
    and shuffling puts some of them side by side, which adds $q (1 - q)$ for each pair to the
    variance of reads without memory.

    Arguments:
        correlation: probability that a read repeats the one before.
        error: standard error of the correlation of reads without memory.
        reads: programmings, and reads in each.
        above: standard errors above the alarm.
    """
    many, each = reads
    pairs = many * (each - 1)
    own = max(correlation * (1 - correlation), 0.0)
    equal = 2 * correlation / max((1 - correlation) * each, 2 * correlation)
    alarm = math.sqrt(error**2 + equal * (1 - equal) / pairs)
    return _ALARM * alarm + above * math.sqrt(error**2 + own / pairs)


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
    found, size, shuffled, many = 0.0, 0.0, np.zeros(_SHUFFLES), 0
    for number in np.unique(programming):
        x = states.numpy()[programming == number].astype(np.float64)
        n = len(x)
        if n < 3:  # two reads less their mean are opposite, whatever they are
            continue
        many += 1
        x -= x.mean(axis=0)
        overlap = x @ x.T
        found += float(np.trace(overlap, 1))
        # The mean holds 2 / n of what successive reads have in common.
        size += float(np.trace(overlap)) * (n - 1) / n * (1 - 2 / n)
        order = np.argsort(rng.random((_SHUFFLES, n)), axis=1)
        shuffled += overlap[order[:, 1:], order[:, :-1]].sum(axis=1)
    if size <= 0:
        return Memory(0.0, float("inf"), len(states))
    error = float(shuffled.std(ddof=1)) / size
    return Memory(float(found - shuffled.mean()) / size, error, len(states), many)
