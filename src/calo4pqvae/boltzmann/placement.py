"""Which variable sits on which node: strong couplings belong on edges."""

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from calo4pqvae._core.jit import compiled
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.neighbours import Neighbours
from calo4pqvae.errors import SamplerError

__all__ = ["place"]

_COOLING = (0.3, 0.001)
"""First and last temperature in units of the largest weight: at first most exchanges are taken,
at last none that loses more than a hundredth of that weight."""


def place(
    weight: Float[Tensor, "variables variables"],
    graph: PartiteGraph,
    seed: int = 0,
    rounds: int = 4000,
) -> Int[Tensor, " variables"]:
    """Find free nodes for variables so that the weights realised by edges add up to the most.

    Simulated annealing over exchanges of two nodes' occupants (a node may be empty); the
    temperature falls geometrically from 0.3 to 0.001 of the largest weight.

    Arguments:
        weight: what a coupler is worth to each pair of variables, symmetric.
        graph: nodes and couplers; those of partition 0 are not used.
        seed: seed of the proposals.
        rounds: proposals per node.

    Returns:
        the node of each variable.

    Raises:
        SamplerError: more variables than free nodes.

    Example:
        >>> path = PartiteGraph((0, 2, 1), torch.tensor([[0, 1], [2, 2]]), torch.arange(3))
        >>> centre = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> int(place(centre, path)[0])  # the variable coupled to both others
        2
    """
    n, n0 = len(weight), graph.sizes[0]
    if n > graph.n_latents:
        raise SamplerError(f"{n} variables do not fit {graph.n_latents} free nodes")
    padded = np.zeros((graph.n_latents, graph.n_latents))
    padded[:n, :n] = weight.numpy()
    occupant = np.arange(len(padded))
    start, end = (share * padded.max() for share in _COOLING)
    near = Neighbours.of(graph.free())
    _anneal(occupant, padded, near, start, end, rounds * len(padded), seed)
    node_of = np.empty(len(padded), dtype=np.int64)
    node_of[occupant] = np.arange(len(padded)) + n0
    return torch.from_numpy(node_of[:n])


@compiled()
@no_type_check
def _anneal(  # noqa: ANN202 - compiled
    occupant: np.ndarray,
    weight: np.ndarray,
    near: Neighbours,
    start: float,
    end: float,
    steps: int,
    seed: int,
):
    np.random.seed(seed)  # noqa: NPY002 - the only generator of compiled code
    nodes = len(occupant)
    for step in range(steps):
        temperature = start * (end / start) ** (step / steps)
        a, b = np.random.randint(nodes), np.random.randint(nodes)  # noqa: NPY002
        x, y = occupant[a], occupant[b]
        gain = 0.0
        for entry in range(near.first[a], near.first[a + 1]):
            if near.node[entry] != b:
                other = occupant[near.node[entry]]
                gain += weight[y, other] - weight[x, other]
        for entry in range(near.first[b], near.first[b + 1]):
            if near.node[entry] != a:
                other = occupant[near.node[entry]]
                gain += weight[x, other] - weight[y, other]
        if gain >= 0 or np.random.random() < np.exp(gain / temperature):  # noqa: NPY002
            occupant[a], occupant[b] = y, x
