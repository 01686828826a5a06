"""Do all samplers draw from one distribution? Their mean energies must say so."""

import math
from collections import defaultdict
from collections.abc import Sequence

from calo4pqvae.bench.harness import Result
from calo4pqvae.errors import SamplerError

__all__ = ["LIMIT", "check_agreement"]

LIMIT = 4.0
"""Standard errors between a sampler and the others that are still taken for chance. Right
samplers go further in 1 of 16 000 comparisons if chains are many, in 1 of 2000 if 32."""


def check_agreement(results: Sequence[Result]) -> None:
    """Compare each sampler's mean energy with the weighted mean of the others.

    The rows of one sampler are taken together, so that it does not vouch for itself.

    Arguments:
        results: rows on one graph.

    Raises:
        SamplerError: naming the sampler that is furthest from the others, if that is more
            than `LIMIT` standard errors.
    """
    rows = defaultdict(list)
    for result in results:
        rows[result.name].append((result.mean_energy, result.mean_energy_error))
    if len(rows) < 2:
        return
    means = {name: _weighted_mean(values) for name, values in rows.items()}
    gaps = {}
    for name, (mean, error) in means.items():
        others = [value for other, value in means.items() if other != name]
        rest, rest_error = _weighted_mean(others)
        gaps[name] = (abs(mean - rest) / math.hypot(error, rest_error), rest, rest_error)
    worst = max(gaps, key=lambda name: gaps[name][0])
    gap, rest, rest_error = gaps[worst]
    if gap > LIMIT:
        mean, error = means[worst]
        raise SamplerError(
            f"{worst} draws from another distribution on {results[0].graph}: mean energy "
            f"{mean:.2f} +- {error:.2f}, the others {rest:.2f} +- {rest_error:.2f}, "
            f"{gap:.1f} standard errors apart; no file was written"
        )


def _weighted_mean(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean and error of measurements, each weighted by its error to the power -2."""
    weights = [error**-2 for _, error in values]
    mean = sum(w * value for w, (value, _) in zip(weights, values, strict=True)) / sum(weights)
    return mean, sum(weights) ** -0.5
