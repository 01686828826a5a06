"""The standard normal distribution in ONNX operators, with relative precision in the tails."""

import numpy as np

from calo4pqvae._core import truncated_normal as exact
from calo4pqvae.models.export.onnx.graph import Value

__all__ = ["between", "logit", "probability", "quantile", "sigmoid", "silu"]

_MOST = 12.0
"""Distance from 0 beyond which probabilities count as those there: e^-72 is a float's least."""


def sigmoid(x: Value) -> Value:
    """Compute 1 / (1 + e^-x)."""
    return x.op("Sigmoid")


def silu(x: Value) -> Value:
    """Compute x times its sigmoid."""
    return x * x.op("Sigmoid")


def logit(u: Value) -> Value:
    """Compute ln(u / (1 - u))."""
    return (u / (1.0 - u)).op("Log")


def probability(x: Value) -> Value:
    """Probability of a standard normal number below x (Hart's fraction, West's beyond 7)."""
    z = x.op("Abs").op("Min", _MOST)
    gauss = (z * z * -0.5).op("Exp")
    over: Value = z * exact.OVER_FIRST + exact.OVER[0]
    for c in exact.OVER[1:]:
        over = over * z + c
    under: Value = z * exact.UNDER_FIRST + exact.UNDER[0]
    for c in exact.UNDER[1:]:
        under = under * z + c
    rest = z + 1.0 / (z + 2.0 / (z + 3.0 / (z + 4.0 / (z + 0.65))))
    far = gauss / (rest * float(np.sqrt(2 * np.pi)))
    tail = far.where(z.above(exact.FAR), gauss * over / under)
    return (1.0 - tail).where(x.above(0.0), tail)


def quantile(p: Value) -> Value:
    """Invert the normal distribution (Acklam's fractions)."""
    p = p.between(1e-30, 1 - 2.0**-24)
    x = p - 0.5
    inner = x * _fraction(x * x, exact.MIDDLE)
    q = p.op("Min", 1.0 - p)
    s = (q.op("Log") * -2.0).op("Sqrt")
    outer = _fraction(s, exact.TAIL)
    outer = (-outer).where(x.above(0.0), outer)
    return inner.where(q.above(exact.EDGE), outer)


def between(low: Value, high: Value, uniform: Value) -> Value:
    """Draw between two ends, in the tail that keeps its digits."""
    mirrored = low.above(0.0)
    a, b = (-high).where(mirrored, low), (-low).where(mirrored, high)
    below = probability(a)
    drawn = quantile((below + uniform * (probability(b) - below)).between(1e-12, 1 - 1e-7))
    return (-drawn).where(mirrored, drawn)


def _fraction(s: Value, parts: tuple[tuple[float, ...], ...]) -> Value:
    a, b, c, d = parts
    over: Value = s * a[0] + a[1]
    for k in (a[2], *b):
        over = over * s + k
    under: Value = s * c[0] + c[1]
    for k in (c[2], *d):
        under = under * s + k
    return over / under
