"""A first fit of the machine that needs no samples: each node given all others."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae.boltzmann.machine import BoltzmannMachine

__all__ = ["PseudoFit", "fit_pseudo_likelihood", "maximise"]


class PseudoFit(NamedTuple):
    """Biases and couplings that maximise the pseudo-likelihood.

    Attributes:
        bias: one row per feature of the condition.
        coupling: constant couplings, and their slopes where there are any.
        value: mean pseudo-log-likelihood [nats].
    """

    bias: Float[Tensor, "features nodes"]
    coupling: Float[Tensor, "orders pairs"]
    value: float


def fit_pseudo_likelihood(
    machine: BoltzmannMachine,
    bits: Bool[Tensor, "states nodes"],
    t: Float[Tensor, "states 1"] | None = None,
    ridge: float = 1e-4,
) -> float:
    """Set biases and couplings of a machine to the maximum of the pseudo-likelihood.

    Arguments:
        machine: machine to fit, in place.
        bits: states of all nodes.
        t: condition of each state; none for a machine that depends on none.
        ridge: as in `maximise`.

    Returns:
        the mean pseudo-log-likelihood reached [nats].

    Source: Besag, The Statistician 24 (1975) 179.

    Example:
        >>> machine = BoltzmannMachine(PartiteGraph.complete([0, 1, 1]))
        >>> bits = torch.tensor([[True, True], [False, False]]).repeat(50, 1)
        >>> bits[0, 0] = False
        >>> fit_pseudo_likelihood(machine, bits) > -0.2, bool(machine.coupling > 5)
        (True, True)
    """
    t = machine.condition(t, len(bits))
    slope = None
    if machine.coupling_slope is not None:
        slope = machine.coupling_feature(machine.coupling_bin(t))
    fit = maximise(bits, machine.features(t), slope, machine.graph.edges, ridge)
    machine.bias.copy_(fit.bias)
    machine.coupling.copy_(fit.coupling[0])
    if machine.coupling_slope is not None:
        machine.coupling_slope.copy_(fit.coupling[1])
    return fit.value


def maximise(
    bits: Bool[Tensor, "states nodes"],
    features: Float[Tensor, "states features"],
    slope: Float[Tensor, " states"] | None,
    pairs: Int[Tensor, "2 pairs"],
    ridge: float = 1e-4,
    steps: int = 100,
) -> PseudoFit:
    r"""Maximise the mean of $\sum_i \ln p(z_i | z_{-i}, t)$ over biases and couplings.

    The function is concave. It has the likelihood's maximum in the limit of many states and
    is a good start otherwise.

    Arguments:
        bits: states of all nodes.
        features: features of the condition that the biases are linear in.
        slope: feature of the condition for the couplings' second term; None for constant ones.
        pairs: nodes that are coupled.
        ridge: weight of half the sum of squares of couplings and of terms of the condition.
        steps: most steps of the optimiser (L-BFGS).
    """
    z, features = bits.double(), features.double()
    n, sign = z.shape[1], 2 * bits.double() - 1
    bias = torch.zeros(features.shape[1], n, dtype=torch.float64, requires_grad=True)
    orders = 1 if slope is None else 2
    coupling = torch.zeros(orders, pairs.shape[1], dtype=torch.float64, requires_grad=True)

    def reached(values: Tensor) -> Tensor:
        matrix = values.new_zeros(n, n).index_put((pairs[0], pairs[1]), values)
        return z @ (matrix + matrix.T)

    def loss() -> Tensor:
        field = features @ bias + reached(coupling[0])
        if slope is not None:
            field = field + slope.double()[:, None] * reached(coupling[1])
        fit = -torch.nn.functional.softplus(-sign * field).sum(dim=1).mean()
        return ridge / 2 * ((coupling**2).sum() + (bias[1:] ** 2).sum()) - fit

    optimiser = torch.optim.LBFGS(
        [bias, coupling], max_iter=steps, history_size=20, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(closure)
    return PseudoFit(bias.detach(), coupling.detach(), -float(loss().detach()))
