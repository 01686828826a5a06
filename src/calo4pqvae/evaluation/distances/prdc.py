"""Precision, recall, density and coverage: do samples lie where Geant4's lie, and all over it.

A ball around each shower reaches to its k-th nearest neighbour on the same side.

* precision: share of generated showers inside any ball of the reference;
* recall: share of reference showers inside any ball of the generated ones;
* density: mean number of reference balls around a generated shower, over k;
* coverage: share of reference balls that hold a generated shower.

Two samples of one distribution have density 1 and, with n showers each, coverage
1 - prod_{i=1..k} (n - i) / (2 n - i), about 1 - 2^-k; their precision and recall depend on
the dimension, so read all four beside their floor.

Sources: T. Kynkaanniemi et al., arXiv 1904.06991; M. F. Naeem et al., arXiv 2002.09797.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.result import Score

__all__ = ["PRDC", "prdc"]

Points = Float[np.ndarray, "_showers _columns"]

_BLOCK = 8_000_000


class PRDC(NamedTuple):
    """The four scores."""

    precision: Score
    recall: Score
    density: Score
    coverage: Score


def prdc(
    reference: Points,
    generated: Points,
    *,
    k: int = 5,
    max_showers: int = 10_000,
    parts: int = 10,
    seed: int = 42,
    device: torch.device | str = "cpu",
) -> PRDC:
    """Compute precision, recall, density and coverage.

    Both sides are cut to the same number n of showers, drawn without replacement, since the
    size of the balls depends on it. The errors come from `parts` disjoint parts of both
    sides: the standard deviation of their scores over sqrt(parts). Held against repeated
    samples they are right to 20 % for precision, recall and coverage; that of the density can
    be too small by a third, since its largest balls average out more slowly.

    Distances are made in blocks of rows, in the precision of the arrays. The cost is 6 n^2
    times the columns in multiplications and additions, and 10 % more for the errors: for
    10,000 x 6,480 in single precision 4 Tflop, some 40 s on one core; for all 100,000
    showers of a file 400 Tflop, which wants a GPU.

    Arguments:
        reference: one row for each shower of Geant4, such as its standardised features.
        generated: the same of a model.
        k: number of the neighbour that sets the radius.
        max_showers: most showers of each side to use.
        parts: number of parts for the errors.
        seed: of the draw.
        device: where distances are computed.

    Raises:
        ConfigError: a side has so few showers that a part has no k-th neighbour, the columns
            differ, or a number is not finite.
    """
    n = min(len(reference), len(generated), max_showers)
    _check(reference, generated, n // parts, k)
    rng = np.random.default_rng(seed)
    one, other = (_draw(rng, side, n, device) for side in (reference, generated))
    value = _scores(one, other, k)
    orders = [rng.permutation(n)[: n // parts * parts].reshape(parts, -1) for _ in range(2)]
    of_parts = [_scores(one[a], other[b], k) for a, b in zip(*orders, strict=True)]
    error = np.std(of_parts, axis=0, ddof=1) / np.sqrt(parts)
    return PRDC(*(Score(float(v), float(e), n) for v, e in zip(value, error, strict=True)))


def _scores(one: Tensor, other: Tensor, k: int) -> tuple[float, float, float, float]:
    """Compute the four scores of reference points `one` and generated points `other`."""
    radii, radii_other = _radii(one, k), _radii(other, k)
    inside = torch.zeros(len(other), dtype=torch.bool, device=other.device)
    recalled = balls = covered = 0
    for start, squares in _squares(one, other):
        in_ball = squares < radii[start : start + len(squares), None]
        inside |= in_ball.any(dim=0)
        balls += int(in_ball.sum())
        covered += int(in_ball.any(dim=1).sum())
        recalled += int((squares < radii_other).any(dim=1).sum())
    n, m = len(one), len(other)
    return float(inside.sum()) / m, recalled / n, balls / (k * m), covered / n


def _radii(points: Tensor, k: int) -> Tensor:
    """Compute the squared distance of each point to its k-th neighbour."""
    radii = []
    for start, squares in _squares(points, points):
        own = torch.arange(len(squares), device=points.device)
        squares[own, start + own] = torch.inf
        radii.append(squares.topk(k, dim=1, largest=False).values[:, -1])
    return torch.cat(radii)


def _squares(a: Tensor, b: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield squared distances of all points of `b` from a block of `a`, with its start."""
    norms_a, norms_b = (a * a).sum(dim=1), (b * b).sum(dim=1)
    size = max(1, _BLOCK // len(b))
    for start in range(0, len(a), size):
        block = slice(start, start + size)
        squares = torch.addmm(norms_b, a[block], b.T, alpha=-2)
        yield start, squares.add_(norms_a[block, None]).clamp_(min=0)


def _draw(rng: np.random.Generator, side: Points, n: int, device: torch.device | str) -> Tensor:
    rows = side if n == len(side) else side[rng.choice(len(side), n, replace=False)]
    return torch.from_numpy(rows).to(device)


def _check(reference: Points, generated: Points, smallest: int, k: int) -> None:
    if reference.shape[1] != generated.shape[1]:
        raise ConfigError(
            f"the generated showers have {generated.shape[1]} columns and the reference "
            f"showers {reference.shape[1]}; take the same of both"
        )
    if smallest <= k:
        raise ConfigError(
            f"{min(len(reference), len(generated))} showers are too few for balls of {k} "
            "neighbours and their errors; give more showers, or take fewer parts"
        )
    if not (np.isfinite(reference).all() and np.isfinite(generated).all()):
        raise ConfigError("a column holds NaN or infinity; repair the showers")
