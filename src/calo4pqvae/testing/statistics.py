"""Does a sample follow its distribution? P-values whose false-alarm rates are known.

Every function takes independent chains, one state of each. A p-value is below x for a right
sampler with probability x, or less where several comparisons share it (Bonferroni). The
chi-square and normal distributions behind them are limits of many counts: at a rate of 1e-3
simulation finds up to twice as many alarms, further out a few times as many.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Real, Shaped
from scipy.stats import chi2, norm
from torch import Tensor

__all__ = [
    "chi_square_p_value",
    "deviation_p_value",
    "frequency_deviations",
    "lag_deviations",
    "merge_rare_bins",
    "states_p_value",
]


def merge_rare_bins(
    observed: Real[np.ndarray, " bins"], expected: Float[np.ndarray, " bins"], least: float = 5
) -> tuple[Real[np.ndarray, " merged"], Float[np.ndarray, " merged"]]:
    """Join bins until at least `least` counts are expected in each.

    All bins that expect fewer become one; if that one is still too small, the smallest of the
    others joins it. Bins come back in falling order of what they expect, the joined one last.
    """
    order = np.argsort(-expected, kind="stable")
    observed, expected = observed[order], expected[order]
    kept = int((expected >= least).sum())
    if expected[kept:].sum() < least:
        kept = max(kept - 1, 0)
    starts = np.arange(kept + 1)
    return np.add.reduceat(observed, starts), np.add.reduceat(expected, starts)


def chi_square_p_value(
    observed: Int[np.ndarray, " bins"], expected: Float[np.ndarray, " bins"]
) -> float:
    r"""Compute the p-value of $\sum (O - E)^2 / E$ after `merge_rare_bins`.

    It is 0 if something impossible was seen, and 1 if only one bin is left.
    """
    if observed[expected == 0].any():
        return 0.0
    counts, wanted = merge_rare_bins(observed, expected)
    statistic = ((counts - wanted) ** 2 / wanted).sum()
    return float(chi2.sf(statistic, len(wanted) - 1)) if len(wanted) > 1 else 1.0


def states_p_value(
    states: Bool[Tensor, "chains free"],
    condition: Int[Tensor, " chains"],
    probability: Float[Tensor, "conditions states"],
) -> float:
    """Compare the states of chains with enumerated probabilities, condition by condition.

    Arguments:
        states: free nodes of each chain.
        condition: number of the condition that each chain is under.
        probability: probability of each state under each condition; states are numbered in
            binary, node 0 the most significant bit, as by `samplers.exact.enumerate_states`.

    Returns:
        the smallest p-value of all conditions times their number, at most 1.
    """
    places = 2 ** torch.arange(states.shape[1] - 1, -1, -1)
    number = (states.long() * places).sum(dim=1)
    p_values = []
    for c, wanted in enumerate(probability.double().numpy()):
        mine = number[condition == c].numpy()
        counts = np.bincount(mine, minlength=len(wanted))
        p_values.append(chi_square_p_value(counts, wanted * len(mine)))
    return min(1.0, len(p_values) * min(p_values))


def frequency_deviations(
    events: Bool[Tensor, "chains events"], probability: Float[Tensor, "chains events"]
) -> Float[np.ndarray, " compared"]:
    """Measure how far events are from their expected number, in standard errors.

    Each chain has its own probability p of each event. The standard error is the root of the
    summed p (1 - p); events where that sum is below 400 are too rare for a normal distribution
    and left out.
    """
    p = probability.double()
    variance = (p * (1 - p)).sum(dim=0)
    excess = (events.double() - p).sum(dim=0)
    compared = variance >= 400
    return (excess[compared] / variance[compared].sqrt()).numpy()


def lag_deviations(
    a: Float[Tensor, "chains columns"], b: Float[Tensor, "chains columns"] | None = None
) -> Float[np.ndarray, "lags columns"]:
    r"""Correlate chains with chains at every distance, in standard errors.

    $\sum_k a_k b_{k + l} / \sqrt{n}$ around the circle of n chains, for standardised columns
    (mean 0 and variance 1 in expectation). With b absent, a is correlated with itself at the
    distances below n / 2 that are not 0.
    """
    n = len(a)
    left = np.fft.rfft(a.double().numpy(), axis=0)
    right = left if b is None else np.fft.rfft(b.double().numpy(), axis=0)
    sums = np.fft.irfft(left.conj() * right, n, axis=0) / np.sqrt(n)
    return sums[1 : (n + 1) // 2] if b is None else sums


def deviation_p_value(deviations: Shaped[np.ndarray, "..."]) -> float:
    """Compute the p-value of the largest of many normal deviations, on either side."""
    if deviations.size == 0:
        return 1.0
    return min(1.0, float(deviations.size * 2 * norm.sf(np.abs(deviations).max())))
