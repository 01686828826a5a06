"""The conditional normaliser ln Z(u): exact, or estimated by weights; and its likelihood."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.errors import SamplerError

__all__ = ["LogZEstimate", "conditional_log_likelihood", "exact_log_z"]

_LIMIT = 24
"""Nodes listed at most: 2^24 states take some ten seconds on one core."""

_BLOCK = 2**14
"""States listed at a time: with 24 nodes in float64 they just fit into the second cache."""


@dataclass(frozen=True, eq=False)
class LogZEstimate:
    """Estimates of ln Z(u), one per condition u.

    Attributes:
        value: the estimates [nats].
        error: their standard errors, jackknife over chains [nats]; too small where few chains
            carry most of the weight.
        effective_sample_size: number of equally weighted chains worth as much.
        log_weights: logarithm of what each chain says of Z(u), or of 1/Z(u) in reverse.
    """

    value: Float[Tensor, " conditions"]
    error: Float[Tensor, " conditions"]
    effective_sample_size: Float[Tensor, " conditions"]
    log_weights: Float[Tensor, "conditions chains"]

    @property
    def n_chains(self) -> int:
        """Number of chains per condition."""
        return self.log_weights.shape[1]

    @classmethod
    def from_log_weights(
        cls, log_weights: Float[Tensor, "conditions chains"], *, reverse: bool = False
    ) -> "LogZEstimate":
        """Average weights of Z(u), or of 1/Z(u) if reverse, over the chains.

        Raises:
            SamplerError: fewer than 2 chains, which have no error.
        """
        n = log_weights.shape[1]
        if n < 2:
            raise SamplerError(f"an error needs at least 2 chains per condition, not {n}")
        total = torch.logsumexp(log_weights, dim=1)
        share = torch.softmax(log_weights, dim=1)
        top = log_weights.argmax(dim=1, keepdim=True)
        without_top = log_weights.scatter(1, top, -torch.inf).logsumexp(dim=1, keepdim=True)
        # Near 1, 1 - share has lost its digits: the largest weight is left out by a new sum.
        without = (total[:, None] + torch.log1p(-share)).scatter(1, top, without_top)
        error = torch.sqrt((n - 1) * without.var(dim=1, correction=0))
        value = total - math.log(n)
        size = 1 / (share**2).sum(dim=1)
        return cls(-value if reverse else value, error, size, log_weights)


def exact_log_z(
    problem: BoltzmannProblem, clamped: Bool[Tensor, "conditions clamped"]
) -> Float[Tensor, " conditions"]:
    r"""Compute $\ln Z(u) = \ln \sum_x e^{-E(u, x)}$ over the free nodes x [nats], in float64.

    The largest free partition is summed in closed form, since its nodes are independent
    given the others; the states of the others are listed block by block, so that memory
    does not grow with their number. Biases of the clamped nodes are part of E and of ln Z.
    Automatic differentiation passes through.

    Arguments:
        problem: biases (one row, or one per condition) and couplings.
        clamped: states u of the clamped partition.

    Raises:
        SamplerError: more than 24 nodes would have to be listed, or sizes do not match.

    Example:
        >>> graph = PartiteGraph.complete([0, 40, 8])  # the 8 are listed, the 40 summed
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 48), torch.zeros(320))
        >>> exact_log_z(problem, graph.nothing_clamped(1)) / math.log(2)
        tensor([48.], dtype=torch.float64)
    """
    problem = problem.double()
    free = problem.fold(clamped)
    field, sizes = free.bias, free.graph.sizes
    constant = (problem.bias[:, : problem.graph.sizes[0]] * clamped).sum(dim=1)
    part = free.graph.partition_of_node.to(field.device)
    summed = part == max(range(1, len(sizes)), key=lambda p: sizes[p])
    if int((~summed).sum()) > _LIMIT:
        raise SamplerError(
            f"ln Z of this machine needs a list of 2^{int((~summed).sum())} states; at most "
            f"2^{_LIMIT} are listed, use annealed importance sampling"
        )
    i, j = free.graph.edges.to(field.device)
    matrix = torch.zeros(len(part), len(part), dtype=field.dtype, device=field.device)
    matrix = matrix.index_put((i, j), free.coupling)
    matrix = matrix + matrix.T
    within, across = matrix[~summed][:, ~summed] / 2, matrix[~summed][:, summed]
    rows = [_sum_states(f[~summed], f[summed], within, across) for f in field]
    return constant + torch.stack(rows)


def _sum_states(listed: Tensor, summed: Tensor, within: Tensor, across: Tensor) -> Tensor:
    totals, zero = [], listed.new_zeros(())
    for states in _blocks(listed):
        outer = states @ listed + ((states @ within) * states).sum(dim=1)
        inner = torch.logaddexp(summed + states @ across, zero).sum(dim=1)
        totals.append(torch.logsumexp(outer + inner, dim=0))
    return torch.logsumexp(torch.stack(totals), dim=0)


def _blocks(like: Tensor) -> Iterator[Tensor]:
    """Count through all states of as many nodes as `like` has, in its type and place."""
    places = torch.arange(len(like), device=like.device)
    for first in range(0, 2 ** len(like), _BLOCK):
        last = min(first + _BLOCK, 2 ** len(like))
        numbers = torch.arange(first, last, device=like.device)
        yield (numbers[:, None] >> places & 1).to(like.dtype)


def conditional_log_likelihood(
    problem: BoltzmannProblem,
    bits: Bool[Tensor, "states nodes"],
    log_z: Float[Tensor, " states"],
) -> Float[Tensor, " states"]:
    r"""Evaluate $\ln p(x | u) = -E(u, x) - \ln Z(u)$ of each state [nats].

    Both terms contain the biases of the clamped nodes, which therefore cancel. An upper
    bound of ln Z gives a lower bound of the likelihood, and the other way round.

    Arguments:
        problem: biases (one row, or one per state) and couplings.
        bits: states of all nodes, the clamped ones included.
        log_z: ln Z(u) of each state's own clamped nodes and biases [nats].

    Example:
        >>> graph = PartiteGraph.complete([0, 1, 1])
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 2), torch.tensor([1.0]))
        >>> log_z = exact_log_z(problem, graph.nothing_clamped(1)).expand(4)
        >>> conditional_log_likelihood(problem, enumerate_states(2), log_z).exp().sum()
        tensor(1.0000, dtype=torch.float64)
    """
    return -problem.double().energy(bits) - log_z.double()
