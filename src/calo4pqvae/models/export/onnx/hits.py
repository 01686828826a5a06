"""Hits and their energies in ONNX operators: see `SharedVoxels`."""

import numpy as np

from calo4pqvae.models.autoregressive.sectors import Group
from calo4pqvae.models.export.onnx.graph import Value
from calo4pqvae.models.export.onnx.normal import logit, probability, quantile, sigmoid
from calo4pqvae.models.voxels.shared import CLOSE, LARGEST_STEP, LARGEST_Y, ROUNDS, SharedVoxels
from calo4pqvae.models.voxels.truncated_normal import FAR_BOUND, LEAST_UNIFORM

__all__ = ["HitDistribution", "chosen", "conditioned", "drawn"]


class HitDistribution:
    """Constants of the distribution of hits, as arrays.

    Arguments:
        voxels: the distribution.
        n_alpha: sectors.
    """

    def __init__(self, voxels: SharedVoxels, n_alpha: int) -> None:
        table = voxels.quantiles
        self.threshold, self.n_alpha = voxels.threshold, n_alpha
        self.levels = table.levels.numpy()
        self.edges = table.edges.numpy()
        self.flat = table.table.numpy().reshape(-1)
        self.bins = table.table.shape[1]

    def rows(self, mu: Value) -> Value:
        """First entry of the table for each voxel (batch, sectors, rings)."""
        wide = mu.op("Unsqueeze", np.array([3], dtype=np.int64))
        above = wide.above(self.edges[None, None]).summed(3)
        ring = np.arange(len(self.edges), dtype=np.float32)
        return (above + ring * float(self.bins)) * float(len(self.levels))

    def energies(self, mu: Value, sigma: Value, rows: Value, uniform: Value) -> Value:
        """Turn uniform numbers into energies [MeV]."""
        place = logit(uniform.between(LEAST_UNIFORM, 1 - LEAST_UNIFORM))
        wide = place.op("Unsqueeze", np.array([3], dtype=np.int64))
        above = wide.above(self.levels).summed(3).between(1, len(self.levels) - 1)
        index = above.whole()
        low, high = (mu.graph.constant(x).picked(index) for x in (self._before, self.levels))
        start = (rows + above).whole()
        one, other = (
            mu.graph.constant(x).picked(start) for x in (self._flat_before, self.flat)
        )
        x = one + (place - low) / (high - low) * (other - one)
        survival = sigmoid(-x).op("Max", LEAST_UNIFORM)
        cut = -mu / sigma
        tail = (survival * probability(-cut)).between(1e-30, 1 - LEAST_UNIFORM)
        near = mu - sigma * quantile(tail)
        drop = survival.op("Log") * -2.0
        far = sigma * drop / (cut.op("Max", 1.0) + (cut * cut + drop).op("Sqrt"))
        y = far.where(cut.above(FAR_BOUND), near).between(0, LARGEST_Y)
        return y.op("Exp") * self.threshold

    @property
    def _before(self) -> np.ndarray:
        return np.roll(self.levels, 1)

    @property
    def _flat_before(self) -> np.ndarray:
        return np.roll(self.flat, 1)


def chosen(margin: Value, least: Value, most: Value) -> Value:
    """Choose voxels with a positive margin, the best ones, not fewer or more than allowed."""
    count = margin.above(0.0).summed(1, keep=True)
    wanted = count.op("Max", least).op("Min", most)
    one, other = (margin.op("Unsqueeze", np.array([k], dtype=np.int64)) for k in (2, 1))
    return (wanted - other.above(one).summed(2)).above(0.5)


def drawn(
    distribution: HitDistribution,
    mu: Value,
    sigma: Value,
    hits: Value,
    uniform: Value,
    left: Value,
    n_left: Value,
    group: Group,
) -> Value:
    """Draw hits for themselves: no more than there is, a threshold left for each other."""
    del group
    threshold = distribution.threshold
    v = distribution.energies(mu, sigma, distribution.rows(mu), uniform)
    room = (left - (n_left - 1.0) * threshold).op("Max", threshold).shaped(0, 1, 1)
    v = (v / (v / room + 1.0)).op("Max", threshold) * hits
    n, total = (x.summed(1, 2).shaped(-1, 1) for x in (hits, v))
    most = left - (n_left - n) * threshold
    over = total.above(most)
    factor = (most - n * threshold).op("Max", 0.0) / (total - n * threshold).op("Max", 1e-9)
    factor = factor.where(over, total * 0.0 + 1.0).shaped(0, 1, 1)
    return ((v - threshold) * factor + threshold) * hits


def conditioned(
    distribution: HitDistribution,
    mu: Value,
    sigma: Value,
    hits: Value,
    uniform: Value,
    left: Value,
) -> Value:
    """Draw the last hits of a layer, which share exactly what is left."""

    def total(x: Value) -> Value:
        return (x * hits).summed(1, 2).shaped(-1, 1)

    rows, w = distribution.rows(mu), quantile(uniform)
    v = distribution.energies(mu, sigma, rows, uniform)
    slope = v * sigma
    length = total(slope * slope).op("Sqrt").op("Max", 1e-12)
    direction = slope / length.shaped(0, 1, 1)
    moved, step, before = left * 0.0, left * 0.0, left * 0.0
    far = left * 0.0 + 1.0
    safe = left.op("Max", distribution.threshold)
    for _ in range(ROUNDS):
        now = total(v).op("Max", 1e-9)
        gap = (safe / now).op("Log")
        far = far * gap.op("Abs").above(CLOSE)
        steep = total(v * sigma * direction) / now.op("Max", distribution.threshold)
        rise = (before - gap) * step
        secant = (before - gap) / step.where(rise.above(0.0), step * 0.0 + 1.0)
        steep = secant.where(rise.above(0.0), steep)
        step = (gap / steep.op("Max", 1e-3)).between(-LARGEST_STEP, LARGEST_STEP)
        moved, before = moved + step, gap
        new = distribution.energies(
            mu, sigma, rows, probability(w + moved.shaped(0, 1, 1) * direction)
        )
        v = new.where(far.shaped(0, 1, 1) * (hits * 0.0 + 1.0), v)
    n, sum_ = hits.summed(1, 2).shaped(-1, 1), total(v)
    factor = (left - n * distribution.threshold).op("Max", 0.0)
    factor = factor / (sum_ - n * distribution.threshold).op("Max", 1e-9)
    return (
        (v - distribution.threshold) * factor.shaped(0, 1, 1) + distribution.threshold
    ) * hits
