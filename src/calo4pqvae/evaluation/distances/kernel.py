"""The kernel physics distance, number by number that of the challenge.

Features are divided by the largest absolute value of the reference. In each batch both sides
are redrawn with replacement, and the unbiased quadratic estimate of the squared maximum mean
discrepancy is taken with the kernel k(x, y) = (x.y / columns + 1)^4:

    mean of k over pairs within the reference + the same within the generated showers
    - 2 mean of k over pairs across

KPD is the median over batches. Pairs within leave out a draw with itself, but keep two draws
of one shower.

Source: Kansal et al., Phys. Rev. D 107, 076017 (arXiv 2211.10295).
"""

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.distances.comparable import (
    check_comparable,
    draw_counts,
    scale_of,
)
from calo4pqvae.evaluation.distances.parallel import in_parallel
from calo4pqvae.evaluation.measured.features import Features
from calo4pqvae.evaluation.result import Score

__all__ = ["kpd", "sum_of_powers"]

Redraw = tuple[Float64[Tensor, "rows features"], Float64[Tensor, " rows"]]
"""Rows z of the different showers drawn, and how often each one came."""

_BLOCK = 512
_PERCENTILES = (16.275, 83.725)


def kpd(
    reference: Features,
    generated: Features,
    *,
    seed: int = 42,
    batches: int = 10,
    batch_size: int = 10_000,
) -> Score:
    """Compute the kernel physics distance.

    The defaults are the challenge's settings, and the draws are those of the field's common
    implementation, so the number can be set beside published ones (which are often multiplied
    by 1000). It may be negative. The error is half the range between the percentiles 16.275
    and 83.725 of the batches.

    Redrawing makes pairs of equal showers, which adds about 1/n of the kernel's range on each
    side: values compare only at equal n and equal features. Read them beside the floor.

    Arguments:
        reference: showers of Geant4.
        generated: showers of a model.
        seed: of the redraws; batch i takes seed + 1000 i.
        batches: number of redraws.
        batch_size: showers in a redraw, which may exceed those there are.

    Raises:
        GeometryError: the cylinders or their thresholds differ.
        ConfigError: the feature sets differ, a side has a single shower, or there is no batch
            or a single shower in it.
    """
    n = check_comparable(reference, generated, more_than=1)
    if batches < 1 or batch_size < 2:
        raise ConfigError(
            f"KPD needs a batch of at least 2 showers, not {batches} of {batch_size}"
        )
    scale = scale_of(reference)

    def discrepancy(batch: int) -> float:
        rng = np.random.default_rng(seed + 1000 * batch)
        sides = [_redraw(rng, side, scale, batch_size) for side in (reference, generated)]
        within = sum(_pairs_within(side) for side in sides) / (batch_size * (batch_size - 1))
        return within - 2 * sum_of_powers(sides[0][0], sides[1][0]) / batch_size**2

    values = in_parallel(discrepancy, range(batches))
    low, high = np.percentile(values, _PERCENTILES)
    return Score(float(np.median(values)), float(high - low) / 2, n)


def _redraw(
    rng: np.random.Generator, side: Features, scale: Float[np.ndarray, " columns"], size: int
) -> Redraw:
    """Draw showers with replacement; keep each different one with its count c.

    Its row z = c^(1/4) (x / sqrt(columns), 1) makes (z.z')^4 = c c' k(x, x').
    """
    counts = draw_counts(rng, len(side), size)
    drawn = np.flatnonzero(counts)
    x = side.values[drawn] / (scale * np.sqrt(len(scale)))
    weights = counts[drawn].astype(np.float64)
    z = weights[:, None] ** 0.25 * np.column_stack([x, np.ones(len(x))])
    return torch.from_numpy(z), torch.from_numpy(weights)


def _pairs_within(side: Redraw) -> float:
    """Sum k over ordered pairs of draws, but not over a draw with itself."""
    z, counts = side
    total = 0.0
    for start in range(0, len(z), _BLOCK):
        here, later = z[start : start + _BLOCK], z[start + _BLOCK :]
        total += sum_of_powers(here, here) + 2 * sum_of_powers(here, later)
    return total - float(((z * z).sum(dim=1) ** 4 / counts).sum())


def sum_of_powers(
    a: Float64[Tensor, "rows features"], b: Float64[Tensor, "others features"]
) -> float:
    """Sum (a.b)^4 over all pairs of rows."""
    total = 0.0
    for x in a.split(_BLOCK):
        for y in b.split(_BLOCK):
            squares = (x @ y.T).square_().flatten()
            total += float(squares @ squares)
    return total
