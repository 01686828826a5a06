r"""How fast chains forget: autocorrelation time, split R-hat, effective sample size.

All statistics take traces in float64, of shape (chains, sweeps, quantities): what was read off
independent chains after each sweep, quantity by quantity. The chains should have equilibrated.

Every recorded step counts as one sweep. If only every k-th sweep was recorded, k times the
autocorrelation time of the records is that of the sweeps, as by the trapezoidal rule: too long
by 8 % where k is half of it, and not below about k.

Source: Sokal, "Monte Carlo methods in statistical mechanics", in Functional Integration,
NATO ASI B 361 (1997) 131; Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), section 11.4.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from calo4pqvae.errors import SamplerError

__all__ = [
    "AutocorrelationTime",
    "autocorrelation_time",
    "effective_sample_size",
    "split_r_hat",
]

Traces = Float64[Tensor, "chains sweeps quantities"]

WINDOW = 5
"""Width of the summation window in units of the autocorrelation time: what an exponential decay
has left beyond it is below the statistical error of any trace that is long enough."""


@dataclass(frozen=True, eq=False)
class AutocorrelationTime:
    """Integrated autocorrelation time of each quantity.

    Attributes:
        value: the times [sweeps]; infinite where the traces are too short to tell.
        error: their standard errors [sweeps].
        window: largest lag that was summed [sweeps].
    """

    value: Float64[Tensor, " quantities"]
    error: Float64[Tensor, " quantities"]
    window: Int[Tensor, " quantities"]


def autocorrelation_time(traces: Traces) -> AutocorrelationTime:
    r"""Estimate $\tau = 1 + 2 \sum_{t=1}^{W} \rho(t)$: sweeps worth one independent state.

    The autocorrelation $\rho$ is pooled over the chains about their common mean, so that
    chains which sit in different places raise it. W is the smallest lag with
    $W \ge 5 \max(1, \tau(W))$: of an exponential decay that leaves out $e^{-10}$, but a slow
    part with a small share of the variance is cut off. If no lag below half the length
    qualifies, the time is infinite. A quantity that never changes has the time 1.

    The error is $\tau \sqrt{2 (2 W + 1) / n}$ for n states in all (Madras and Sokal). It takes
    fluctuations for Gaussian, and is too small for bits that were up only a few times.

    Raises:
        SamplerError: fewer than 4 sweeps.

    Example:
        >>> generator = torch.Generator().manual_seed(1)
        >>> noise = torch.randn(8, 1000, 1, dtype=torch.float64, generator=generator)
        >>> held = noise.repeat_interleave(10, dim=1)  # each value stays for ten sweeps
        >>> autocorrelation_time(held).value.round()
        tensor([10.], dtype=torch.float64)
    """
    _check(traces)
    chains, sweeps, _ = traces.shape
    covariance = _autocovariance(traces)
    still = _constant(traces, (0, 1))
    variance = torch.where(still, 1.0, covariance[0])
    rho = torch.where(still, 0.0, covariance[1 : sweeps // 2] / variance)
    tau = 1 + 2 * rho.cumsum(dim=0)
    lag = torch.arange(1, len(tau) + 1, device=tau.device)[:, None]
    closes = lag >= WINDOW * tau.clamp(min=1)
    first = closes.int().argmax(dim=0)
    found = closes.any(dim=0)
    value = tau.gather(0, first[None])[0].where(found, torch.inf).where(~still, 1.0)
    window = (first + 1).where(~still, 0)
    error = value * torch.sqrt(2 * (2 * window + 1) / (chains * sweeps))
    return AutocorrelationTime(value, error.where(~still, 0.0), window)


def split_r_hat(traces: Traces) -> Float64[Tensor, " quantities"]:
    r"""Compare chains with one another, and the first half of each with its second.

    $\hat R^2 = \frac{n - 1}{n} + V / W$ with V the variance of the means of the half chains
    and W the mean of their variances, n sweeps each. Since V is W over the $n / \tau$
    independent states of a half, $\hat R < 1.01$ needs halves of about $50 \tau$. It is 1 for a
    quantity that never changes, and infinite for one that changes in no half but differs.

    Ranks are not taken: they help where variances may be infinite. No bit is left out for being
    rarely up, since few events weigh alike in V and W: k short ones raise $\hat R^2$ by k / n
    at most, if all are in one half, and a long one by its length over n, as a slow bit should.

    Raises:
        SamplerError: fewer than 4 sweeps.

    Example:
        >>> generator = torch.Generator().manual_seed(1)
        >>> traces = torch.randn(4, 500, 2, dtype=torch.float64, generator=generator)
        >>> traces[0, :, 1] += 3.0  # one chain sits elsewhere
        >>> split_r_hat(traces) < 1.01
        tensor([ True, False])
    """
    _check(traces)
    n = traces.shape[1] // 2
    halves = torch.cat([traces[:, :n], traces[:, -n:]])
    within, between = halves.var(dim=1).mean(dim=0), halves.mean(dim=1).var(dim=0)
    r_hat = torch.sqrt((n - 1) / n + between / within)
    stuck = torch.where(_constant(traces, (0, 1)), 1.0, torch.inf).to(r_hat)
    return torch.where(_constant(halves, 1).all(dim=0), stuck, r_hat)


def effective_sample_size(traces: Traces) -> Float64[Tensor, " quantities"]:
    r"""Count independent states that would fix the mean as well: all states over $\tau$.

    Raises:
        SamplerError: fewer than 4 sweeps.

    Example:
        >>> generator = torch.Generator().manual_seed(1)
        >>> noise = torch.randn(8, 1000, 1, dtype=torch.float64, generator=generator)
        >>> size = effective_sample_size(noise.repeat_interleave(10, dim=1))
        >>> round(float(size), -3)  # of 80,000 states
        8000.0
    """
    return traces.shape[0] * traces.shape[1] / autocorrelation_time(traces).value


def _autocovariance(traces: Tensor) -> Float64[Tensor, "lags quantities"]:
    """Average products at each lag over all pairs of states of a chain and all chains."""
    n = traces.shape[1]
    spectrum = torch.fft.rfft(traces - traces.mean(dim=(0, 1)), 2 * n, dim=1)
    power = torch.view_as_real(spectrum).square().sum(dim=-1).mean(dim=0)
    pairs = torch.arange(n, 0, -1, device=traces.device)
    return torch.fft.irfft(power, 2 * n, dim=0)[:n] / pairs[:, None]


def _constant(traces: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    return traces.amax(dim=dims) == traces.amin(dim=dims)


def _check(traces: Tensor) -> None:
    if traces.shape[0] < 1 or traces.shape[1] < 4:
        raise SamplerError(
            f"statistics of chains need at least 4 sweeps, not {traces.shape[1]} "
            f"of {traces.shape[0]} chains"
        )
