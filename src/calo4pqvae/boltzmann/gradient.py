"""The gradient of the machine's log-likelihood, written by hand.

A machine is frozen for automatic differentiation; its gradient is the difference of moments
under the data (positive phase) and under the machine itself (negative phase), both with the
clamped partition held. Functions here take samples, never a sampler.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from calo4pqvae.boltzmann.graph import PartiteGraph

__all__ = ["Gradient", "Moments", "centred_gradient", "moments", "plain_gradient"]


@dataclass(frozen=True, eq=False)
class Moments:
    r"""Batch means of the sufficient statistics.

    Attributes:
        node: $\langle \phi_k z_i \rangle$, with the features $\phi_0 = 1, \phi_1, ..$ of the
            condition.
        edge: $\langle z_i z_j \rangle$ on the couplers.
    """

    node: Float[Tensor, "features nodes"]
    edge: Float[Tensor, " edges"]


@dataclass(frozen=True, eq=False)
class Gradient:
    """Ascent direction of the log-likelihood for biases and couplings."""

    bias: Float[Tensor, "features nodes"]
    coupling: Float[Tensor, " edges"]


def moments(
    bits: Shaped[Tensor, "batch nodes"],
    features: Float[Tensor, "batch features"],
    graph: PartiteGraph,
) -> Moments:
    """Average the sufficient statistics over a batch of states or chains.

    Example:
        >>> bits, constant = torch.tensor([[True, True], [True, False]]), torch.ones(2, 1)
        >>> moments(bits, constant, PartiteGraph.complete([1, 1]))
        Moments(node=tensor([[1.0000, 0.5000]]), edge=tensor([0.5000]))
    """
    i, j = graph.edges.to(bits.device)
    states = bits.to(features.dtype)
    by_node = states.T.contiguous()
    edge = (by_node[i] * by_node[j]).mean(dim=1)
    return Moments(features.T @ states / len(states), edge)


def plain_gradient(data: Moments, model: Moments, graph: PartiteGraph) -> Gradient:
    r"""Subtract the phases: $\partial L / \partial W_{ij} = \langle z_i z_j\rangle_d -
    \langle z_i z_j\rangle_m$, and likewise for the biases.

    Biases of the clamped partition do not enter the conditional likelihood: zero.

    Example:
        >>> graph, one = PartiteGraph.complete([0, 1, 1]), torch.ones(1, 1)
        >>> data, model = torch.tensor([[True, True]]), torch.tensor([[True, False]])
        >>> phases = moments(data, one, graph), moments(model, one, graph)
        >>> plain_gradient(*phases, graph)
        Gradient(bias=tensor([[0., 1.]]), coupling=tensor([1.]))
    """  # noqa: D205
    return Gradient(_free(data.node - model.node, graph), data.edge - model.edge)


def centred_gradient(data: Moments, model: Moments, graph: PartiteGraph) -> Gradient:
    r"""Compute the enhanced gradient, invariant under flips of bits.

    It is the plain gradient for the energy written in centred nodes $z_i - \mu_i$ with
    $\mu_i = (\langle z_i\rangle_d + \langle z_i\rangle_m)/2$, carried back to eq. (2):

    $g^W_{ij} = \mathrm{Cov}_d(z_i, z_j) - \mathrm{Cov}_m(z_i, z_j)$ and
    $g^b_i = \langle z_i\rangle_d - \langle z_i\rangle_m - \sum_j g^W_{ij} \mu_j$.

    Biases of higher features of the condition keep their plain gradient.

    Source: Cho, Raiko and Ilin, ICML 2011; Melchior, Fischer and Wiskott, JMLR 17 (2016).

    Example:
        >>> machine = BoltzmannMachine(PartiteGraph.complete([0, 1, 1]))
        >>> bits = torch.tensor([[True, True], [False, False]])
        >>> model = machine.moments(enumerate_states(2))  # all states are equally likely
        >>> step = centred_gradient(machine.moments(bits), model, machine.graph)
        >>> step.coupling
        tensor([0.2500])
    """
    i, j = graph.edges.to(data.edge.device)
    d, m = data.node[0], model.node[0]
    coupling = (data.edge - d[i] * d[j]) - (model.edge - m[i] * m[j])
    mu = (d + m) / 2
    shift = (
        torch.zeros_like(mu).index_add(0, i, coupling * mu[j]).index_add(0, j, coupling * mu[i])
    )
    bias = data.node - model.node
    bias = torch.cat([bias[:1] - shift, bias[1:]])
    return Gradient(_free(bias, graph), coupling)


def _free(bias: Tensor, graph: PartiteGraph) -> Tensor:
    clamped = torch.zeros_like(bias[:, graph.partitions[0]])
    return torch.cat([clamped, bias[:, graph.sizes[0] :]], dim=1)
