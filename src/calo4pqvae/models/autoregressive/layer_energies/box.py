"""Compiled Gibbs rounds of a normal distribution restricted to a box."""

import math
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae._core.jit import compiled
from calo4pqvae._core.truncated_normal import normal_between

__all__ = ["gibbs_in_box"]


def gibbs_in_box(
    u: Float[np.ndarray, "batch quantities"],
    low: Float[np.ndarray, "batch quantities"],
    high: Float[np.ndarray, "batch quantities"],
    precision: Float[np.ndarray, "bins quantities quantities"],
    number: Int[np.ndarray, " batch"],
    uniform: Float[np.ndarray, "batch rounds quantities"],
) -> None:
    """Draw each number anew from its conditional distribution, round after round, in place.

    Arguments:
        u: numbers inside their intervals.
        low: lower ends of the intervals.
        high: upper ends; a number whose ends are equal stays.
        precision: inverse covariance in each bin.
        number: bin of each row.
        uniform: one uniform number per draw.
    """
    _rounds(u, low, high, precision, number, uniform)


@compiled()
@no_type_check
def _rounds(u, low, high, precision, number, uniform):  # noqa: ANN001, ANN202 - compiled
    for row in range(len(u)):
        matrix = precision[number[row]]
        for turn in range(uniform.shape[1]):
            for q in range(u.shape[1]):
                if low[row, q] == high[row, q]:
                    continue
                reach = 0.0
                for k in range(u.shape[1]):
                    reach += matrix[q, k] * u[row, k]
                own = matrix[q, q]
                mean, scale = u[row, q] - reach / own, 1 / math.sqrt(own)
                a, b = (low[row, q] - mean) / scale, (high[row, q] - mean) / scale
                drawn = mean + scale * normal_between(a, b, uniform[row, turn, q])
                u[row, q] = min(max(drawn, low[row, q]), high[row, q])
