"""Numbers of a normal distribution in a box, drawn in order, and the probability of the box.

The sampler of Geweke, Hajivassiliou and Keane (J. Econometrics 72 (1996) 85): each number is
drawn from its distribution given those before it, inside its own interval. The product of the
probabilities of these intervals is an unbiased estimate of the probability of the box.
"""

import math
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae._core.jit import compiled
from calo4pqvae._core.truncated_normal import normal_between, normal_up_to

__all__ = ["draw_in_order"]


def draw_in_order(
    low: Float[np.ndarray, "batch quantities"],
    high: Float[np.ndarray, "batch quantities"],
    root: Float[np.ndarray, "bins quantities quantities"],
    number: Int[np.ndarray, " batch"],
    uniform: Float[np.ndarray, "batch quantities"],
) -> tuple[Float[np.ndarray, "batch quantities"], Float[np.ndarray, " batch"]]:
    """Draw numbers inside a box, the first quantity first.

    Arguments:
        low: lower ends of the intervals.
        high: upper ends; a number whose ends are equal is given.
        root: Cholesky factor of the covariance in each bin.
        number: bin of each row.
        uniform: one uniform number for each quantity.

    Returns:
        the numbers, and the logarithm of the estimated probability of the box; given numbers
        count with their density.
    """
    u, log_p = np.zeros_like(low), np.zeros(len(low))
    _in_order(low, high, root, number, uniform, u, log_p)
    return u, log_p


@compiled()
@no_type_check
def _in_order(low, high, root, number, uniform, u, log_p):  # noqa: ANN001, ANN202 - compiled
    n = low.shape[1]
    z = np.zeros(n)
    for row in range(len(low)):
        matrix = root[number[row]]
        for q in range(n):
            mean, scale = 0.0, matrix[q, q]
            for k in range(q):
                mean += matrix[q, k] * z[k]
            a, b = (low[row, q] - mean) / scale, (high[row, q] - mean) / scale
            if low[row, q] == high[row, q]:
                z[q], u[row, q] = a, low[row, q]
                log_p[row] -= a * a / 2 + math.log(scale) + 0.9189385332046727
                continue
            z[q] = min(max(normal_between(a, b, uniform[row, q]), a), b)
            u[row, q] = min(max(mean + scale * z[q], low[row, q]), high[row, q])
            if a > 0:
                a, b = -b, -a
            log_p[row] += math.log(max(normal_up_to(b) - normal_up_to(a), 1e-300))
