"""A Boltzmann machine on a graph: parameters, and how they depend on a condition."""

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from calo4pqvae._core.polynomials import legendre
from calo4pqvae.boltzmann.energy import energy
from calo4pqvae.boltzmann.gradient import Gradient, Moments, moments
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.errors import SamplerError

__all__ = ["BoltzmannMachine"]


class BoltzmannMachine(nn.Module):
    r"""Boltzmann machine on a graph, $p(z) \propto e^{-E(z)}$ with E of `boltzmann.energy`.

    Its parameters may depend on a condition t in [0, 1], known for each state: the biases
    through Legendre polynomials, $b_i(t) = \sum_{k \le K} B_{ki} P_k(2t - 1)$, and the
    couplings as $W_{ij}(t) = W^0_{ij} + (2 t_k - 1) W^1_{ij}$, with $t_k$ the centre of the
    k-th of `coupling_bins` equal intervals of [0, 1]: chains of one interval share them. By
    default (K = 0, one interval) nothing depends on t. An annealer is programmed with new
    fields for each condition anyway, so this costs it nothing.

    All parameters are invisible to automatic differentiation: a loss sees them as constants,
    and `apply_gradient` receives what `boltzmann.gradient` computes.

    Arguments:
        graph: nodes and couplers.
        bias_order: highest polynomial order K of the biases' dependence on t.
        scale: standard deviation of the initial couplings and constant biases.
        generator: source of the initial values.
        coupling_bins: intervals of t with couplings of their own; 1 for the same everywhere.

    Example:
        >>> machine = BoltzmannMachine(PartiteGraph.complete([0, 3, 2]))
        >>> machine.coupling += 0.5
        >>> machine.energy(torch.ones(1, 5, dtype=torch.bool))
        tensor([-3.])
    """

    bias: Tensor
    coupling: Tensor
    coupling_slope: Tensor | None

    def __init__(
        self,
        graph: PartiteGraph,
        bias_order: int = 0,
        scale: float = 0.0,
        generator: torch.Generator | None = None,
        coupling_bins: int = 1,
    ) -> None:
        super().__init__()
        self.graph, self.coupling_bins = graph, coupling_bins
        bias = torch.zeros(bias_order + 1, graph.n_nodes)
        bias[0] = scale * torch.randn(graph.n_nodes, generator=generator)
        self.register_buffer("bias", bias)
        self.register_buffer(
            "coupling", scale * torch.randn(graph.n_edges, generator=generator)
        )
        slope = torch.zeros(graph.n_edges) if coupling_bins > 1 else None
        self.register_buffer("coupling_slope", slope)

    @property
    def bias_order(self) -> int:
        """Highest polynomial order of the biases in t."""
        return len(self.bias) - 1

    @property
    def used_edges(self) -> Bool[Tensor, " edges"]:
        """Whether a coupler has a coupling under any condition."""
        used = self.coupling != 0
        return used if self.coupling_slope is None else used | (self.coupling_slope != 0)

    def features(self, t: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch features"]:
        """Evaluate the Legendre polynomials P_0 to P_K at 2t - 1."""
        return legendre(t.to(self.bias.dtype), self.bias_order)

    def condition(
        self, t: Float[Tensor, "batch 1"] | None, rows: int
    ) -> Float[Tensor, "batch 1"]:
        """Return t, or zeros in its place if nothing depends on it.

        Raises:
            SamplerError: there is no t, and parameters depend on it.
        """
        if t is not None:
            return t
        if self.bias_order or self.coupling_bins > 1:
            raise SamplerError(
                "the machine's parameters depend on a condition; give one for each state"
            )
        return self.bias.new_zeros(rows, 1)

    def problem(self, t: Float[Tensor, "batch 1"] | None = None) -> BoltzmannProblem:
        """State the sampling problem of chains under conditions t.

        Raises:
            SamplerError: the conditions call for different couplings (see `groups`), or there
                are none and parameters depend on them.
        """
        t = self.condition(t, 1)
        numbers = self.coupling_bin(t)
        if len(numbers) and bool((numbers != numbers[0]).any()):
            raise SamplerError(
                "these conditions have different couplings; sample them in groups"
            )
        first = numbers[:1] if len(numbers) else numbers.new_zeros(1)
        return BoltzmannProblem(self.graph, self.node_bias(t), self.couplings(first)[0])

    def groups(self, t: Float[Tensor, "batch 1"]) -> list[Int[Tensor, " rows"]]:
        """Sort rows by their couplings: the rows of each interval of t that occurs."""
        numbers = self.coupling_bin(t)
        return [torch.nonzero(numbers == k)[:, 0] for k in numbers.unique().tolist()]

    def coupling_bin(self, t: Float[Tensor, "batch 1"]) -> Int[Tensor, " batch"]:
        """Give the interval of t whose couplings hold."""
        return (t[:, 0] * self.coupling_bins).long().clamp(0, self.coupling_bins - 1)

    def coupling_feature(self, number: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Give 2 t_k - 1 at the centre of each interval."""
        return (2 * number.to(self.coupling.dtype) + 1) / self.coupling_bins - 1

    def couplings(self, number: Int[Tensor, " batch"]) -> Float[Tensor, "batch edges"]:
        """Evaluate the couplings in intervals of t."""
        constant = self.coupling.expand(len(number), -1)
        if self.coupling_slope is None:
            return constant
        return constant + self.coupling_feature(number)[:, None] * self.coupling_slope

    def node_bias(self, t: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch_or_1 nodes"]:
        """Evaluate the biases under conditions t; one row when they do not depend on it."""
        if self.bias_order == 0:
            return self.bias
        return self.features(t) @ self.bias

    def energy(
        self, bits: Shaped[Tensor, "batch nodes"], t: Float[Tensor, "batch 1"] | None = None
    ) -> Float[Tensor, " batch"]:
        """Evaluate E(z), with gradients reaching the bits but not the parameters.

        Always in full precision: an energy is a small difference of many terms.
        """
        t = self.condition(t, len(bits))
        with torch.autocast(bits.device.type, enabled=False):
            if self.coupling_slope is None:
                return energy(bits, self.node_bias(t), self.coupling, self.graph)
            parts = bits.new_zeros(len(bits), dtype=self.bias.dtype)
            for rows in self.groups(t):
                problem = self.problem(t[rows])
                parts = parts.index_add(0, rows, problem.energy(bits[rows]))
            return parts

    def moments(
        self, bits: Shaped[Tensor, "batch nodes"], t: Float[Tensor, "batch 1"] | None = None
    ) -> Moments:
        """Average the sufficient statistics over a batch."""
        return moments(bits, self.features(self.condition(t, len(bits))), self.graph)

    def apply_gradient(self, gradient: Gradient) -> None:
        """Hand a gradient to the optimiser, as descent directions in ``.grad``."""
        self.bias.grad = -gradient.bias
        self.coupling.grad = -gradient.coupling
