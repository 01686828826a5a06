r"""The one place that turns 0/1 nodes into spins and back.

With $z = (1 + s) / 2$ the energy of eq. (2) becomes an Ising energy
$H(s) = \sum_i h_i s_i + \sum_{(ij)} J_{ij} s_i s_j$ plus a constant.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["IsingProblem", "from_ising", "to_bits", "to_ising", "to_spins"]

Array = TypeVar("Array", Tensor, np.ndarray)


@dataclass(frozen=True, eq=False)
class IsingProblem:
    """Fields h, couplings J and the constant that was left out, per chain.

    H(s) + constant equals the energy E(z) of the problem it was made from.
    """

    field: Float[Tensor, "chains nodes"]
    coupling: Float[Tensor, " edges"]
    constant: Float[Tensor, " chains"]


def to_ising(problem: BoltzmannProblem) -> IsingProblem:
    r"""Convert a 0/1 problem.

    $J_{ij} = -W_{ij}/4$, $h_i = -b_i/2 - \frac14 \sum_j W_{ij}$, and the constant is
    $-\frac12 \sum_i b_i - \frac14 \sum_{(ij)} W_{ij}$.

    Example:
        >>> graph = PartiteGraph.complete([1, 1])
        >>> problem = BoltzmannProblem(graph, torch.tensor([[0.0, 2.0]]), torch.tensor([4.0]))
        >>> to_ising(problem)
        IsingProblem(field=tensor([[-1., -2.]]), coupling=tensor([-1.]), constant=tensor([-2.]))
    """
    w = problem.coupling
    return IsingProblem(
        field=-problem.bias / 2 - _incident(problem.graph, w) / 4,
        coupling=-w / 4,
        constant=-problem.bias.sum(dim=1) / 2 - w.sum() / 4,
    )


def from_ising(
    graph: PartiteGraph, field: Float[Tensor, "chains nodes"], coupling: Float[Tensor, " edges"]
) -> BoltzmannProblem:
    r"""Convert an Ising problem: $W_{ij} = -4 J_{ij}$ and $b_i = 2 \sum_j J_{ij} - 2 h_i$.

    Energies are those of H(s) up to a constant, which `to_ising` gives.

    Example:
        >>> graph = PartiteGraph.complete([1, 1])
        >>> problem = from_ising(graph, torch.tensor([[-1.0, -2.0]]), torch.tensor([-1.0]))
        >>> problem.bias, problem.coupling
        (tensor([[0., 2.]]), tensor([4.]))
    """
    bias = 2 * _incident(graph, coupling) - 2 * field
    return BoltzmannProblem(graph, bias, -4 * coupling)


def to_spins(bits: Array) -> Array:
    """Turn false and true into -1 and +1 (int8), in a tensor or an array.

    Example:
        >>> to_spins(torch.tensor([False, True]))
        tensor([-1,  1], dtype=torch.int8)
    """
    small: Any = bits.to(torch.int8) if isinstance(bits, Tensor) else bits.astype(np.int8)
    return 2 * small - 1


def to_bits(spins: Array) -> Array:
    """Turn -1 and +1 into false and true, in a tensor or an array.

    Example:
        >>> to_bits(torch.tensor([-1, 1]))
        tensor([False,  True])
    """
    return spins > 0


def _incident(graph: PartiteGraph, coupling: Tensor) -> Float[Tensor, " nodes"]:
    """Add up the couplings of each node."""
    i, j = graph.edges.to(coupling.device)
    return coupling.new_zeros(graph.n_nodes).index_add(0, i, coupling).index_add(0, j, coupling)
