r"""How far the correlations of given states are from those of a machine's chains.

A machine that is fitted to states follows their moments as far as its couplers allow; what it
cannot follow, only an encoder that makes the states can give up. The distance here tells it: a
quarter of the squared Frobenius distance between both matrices of second moments of the spins,
$\frac14 \sum_{i \ne j} (\langle s_i s_j\rangle_d - \langle s_i s_j\rangle_m)^2$, for small
correlations the divergence between the two distributions [nats]. Many weak correlations of one
common movement add up in it, though no single pair shows them.
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from calo4pqvae.errors import SamplerError

__all__ = ["SIMILAR", "correlation_mismatch"]

SIMILAR = 0.1
"""Width in t within which two states count as of one condition: correlations change little over
a tenth of the range, and a batch of 48 still holds a dozen such states for each."""


def correlation_mismatch(
    states: Float[Tensor, "states nodes"],
    t: Float[Tensor, "states 1"],
    chains: Shaped[Tensor, "chains nodes"],
    chain_t: Float[Tensor, "chains 1"],
) -> Float[Tensor, ""]:
    r"""Estimate the distance at equal conditions, without bias, with gradients to the states.

    $\langle s_i s_j\rangle$ enters only through products of two different states,
    $\sum_{i \ne j} s_i s_j s'_i s'_j = (s \cdot s')^2 - \sum_i (s_i s'_i)^2$, each pair
    weighted by $e^{-(t - t')^2 / 2 w^2}$ with w = 0.1. Spins are counted from their common
    mean.

    Arguments:
        states: bits of the data, which may be relaxed.
        t: their conditions.
        chains: bits of the machine's chains.
        chain_t: their conditions.

    Returns:
        the estimate [nats]; single ones may be negative.

    Raises:
        SamplerError: fewer than two states or chains.
    """
    if min(len(states), len(chains)) < 2:
        raise SamplerError("correlations need at least 2 states and 2 chains")
    model = 2 * chains.to(states.dtype) - 1
    data = 2 * states - 1
    mean = (data.detach().mean(dim=0) + model.mean(dim=0)) / 2
    spins, where = torch.cat([data - mean, model - mean]), torch.cat([t, chain_t])
    squares = spins.square()
    products = (spins @ spins.T).square() - squares @ squares.T
    near = torch.exp(-((where - where.T) ** 2) / (2 * SIMILAR**2)).fill_diagonal_(0.0)
    n = len(states)
    blocks = (slice(0, n), slice(n, None))
    parts = [
        [(products[a, b] * near[a, b]).sum() / near[a, b].sum() for b in blocks] for a in blocks
    ]
    return (parts[0][0] + parts[1][1] - parts[0][1] - parts[1][0]) / 4
