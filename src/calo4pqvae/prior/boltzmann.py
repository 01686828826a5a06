"""The prior: a Boltzmann machine whose first partition holds the incident energy."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from calo4pqvae.prior.gradient import Gradient, Moments, moments
from calo4pqvae.prior.graph import FourPartiteGraph
from calo4pqvae.prior.problem import BoltzmannProblem, energy

__all__ = ["BoltzmannPrior"]


class BoltzmannPrior(nn.Module):
    r"""Four-partite Boltzmann machine, $p(z) \propto e^{-E(z)}$ with E of eq. (2).

    Its biases may depend on the scaled incident energy t in [0, 1] through Legendre
    polynomials, $b_i(t) = \sum_{k \le K} B_{ki} P_k(2t - 1)$; K = 0 is the paper's machine.
    An annealer is programmed with the fields of each energy anyway, so this costs it nothing.

    All values are invisible to automatic differentiation: the encoder's loss sees them as
    constants, and `apply_gradient` receives what `prior.gradient` computes.

    Arguments:
        graph: nodes and couplers.
        bias_order: highest polynomial order K of the biases' energy dependence.
        scale: standard deviation of the initial couplings and constant biases.
        generator: source of the initial values.
    """

    bias: Tensor
    coupling: Tensor

    def __init__(
        self,
        graph: FourPartiteGraph,
        bias_order: int = 0,
        scale: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.graph = graph
        bias = torch.zeros(bias_order + 1, graph.n_nodes)
        bias[0] = scale * torch.randn(graph.n_nodes, generator=generator)
        self.register_buffer("bias", bias)
        self.register_buffer(
            "coupling", scale * torch.randn(graph.n_edges, generator=generator)
        )

    @property
    def bias_order(self) -> int:
        """Highest polynomial order of the energy dependence."""
        return len(self.bias) - 1

    def features(self, t: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch features"]:
        """Evaluate the Legendre polynomials P_0 to P_K at 2t - 1."""
        x = 2 * t.to(self.bias.dtype) - 1
        columns = [torch.ones_like(x), x]
        for k in range(1, self.bias_order):
            columns.append(((2 * k + 1) * x * columns[k] - k * columns[k - 1]) / (k + 1))
        return torch.cat(columns[: self.bias_order + 1], dim=1)

    def problem(self, t: Float[Tensor, "batch 1"]) -> BoltzmannProblem:
        """State the sampling problem of chains with scaled incident energies t."""
        return BoltzmannProblem(self.graph, self.node_bias(t), self.coupling)

    def node_bias(self, t: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch_or_1 nodes"]:
        """Evaluate the biases at scaled energies t; one row when they do not depend on it."""
        if self.bias_order == 0:
            return self.bias
        return self.features(t) @ self.bias

    def energy(
        self, bits: Shaped[Tensor, "batch nodes"], t: Float[Tensor, "batch 1"]
    ) -> Float[Tensor, " batch"]:
        """Evaluate eq. (2), with gradients reaching the bits but not the prior.

        Always in full precision: an energy is a small difference of many terms.
        """
        with torch.autocast(bits.device.type, enabled=False):
            return energy(bits, self.node_bias(t), self.coupling, self.graph)

    def moments(
        self, bits: Shaped[Tensor, "batch nodes"], t: Float[Tensor, "batch 1"]
    ) -> Moments:
        """Average the sufficient statistics over a batch."""
        return moments(bits, self.features(t), self.graph)

    def apply_gradient(self, gradient: Gradient) -> None:
        """Hand a gradient to the optimiser, as descent directions in ``.grad``."""
        self.bias.grad = -gradient.bias
        self.coupling.grad = -gradient.coupling
