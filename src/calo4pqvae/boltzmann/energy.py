r"""The one place that evaluates the energy E(z) of eq. (2).

$E(z) = -\sum_i b_i z_i - \sum_{(ij)} W_{ij} z_i z_j$, and $p(z) \propto e^{-E(z)}$.

`energy` passes gradients to the bits and works in the precision of the couplings; it holds a
product for each coupler and state. `EnergyOperator` keeps the couplings as a sparse matrix in
float64: a tenth of the time, for whoever evaluates many states of one problem.
"""

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from calo4pqvae.boltzmann.graph import PartiteGraph

__all__ = ["EnergyOperator", "energy"]


def energy(
    bits: Shaped[Tensor, "batch nodes"],
    bias: Float[Tensor, "#batch nodes"],
    coupling: Float[Tensor, " edges"],
    graph: PartiteGraph,
) -> Float[Tensor, " batch"]:
    """Evaluate E(z) of each state, which may be relaxed: E is linear in each bit.

    Source: arXiv:2410.22870, eq. (2).
    """
    i, j = graph.edges.to(bits.device)
    states = bits.to(coupling.dtype)
    return -(states * bias).sum(dim=1) - (states[:, i] * states[:, j]) @ coupling


class EnergyOperator:
    """E(z) of many states in float64, without gradients.

    Parameters are copied: a later change of the tensors does not reach the operator.

    Arguments:
        graph: nodes and couplers.
        coupling: coupling of each edge.
        bias: biases, one row for all states or one row per state; zero when absent.

    Example:
        >>> graph = PartiteGraph.complete([1, 1])
        >>> operator = EnergyOperator(graph, torch.tensor([3.0]), torch.tensor([[1.0, 2.0]]))
        >>> operator(torch.tensor([[True, False], [True, True]]))
        tensor([-1., -6.], dtype=torch.float64)
    """

    def __init__(
        self,
        graph: PartiteGraph,
        coupling: Float[Tensor, " edges"],
        bias: Float[Tensor, "rows nodes"] | None = None,
    ) -> None:
        edges, shape = graph.edges.to(coupling.device), (graph.n_nodes, graph.n_nodes)
        values = coupling.detach().to(torch.float64, copy=True)
        matrix = torch.sparse_coo_tensor(edges, values, shape, check_invariants=True)
        self._matrix = matrix.coalesce()
        rows = coupling.new_zeros(1, graph.n_nodes) if bias is None else bias.detach()
        self._bias = rows.T.to(torch.float64, copy=True)

    @torch.no_grad()
    def __call__(self, bits: Shaped[Tensor, "batch nodes"]) -> Float64[Tensor, " batch"]:
        """Evaluate E(z) of each state."""
        z = bits.T.double()
        return -((self._matrix @ z + self._bias) * z).sum(dim=0)
