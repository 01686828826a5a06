r"""A problem as the CUDA kernel reads it.

The kernel needs $e^{-f} = 2^{-f / \ln 2}$ of each field f, so that it is given biases and
couplings times $-1 / \ln 2$, in float32.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.neighbours import Neighbours
from calo4pqvae.errors import SamplerError

__all__ = ["Columns", "spread_biases"]

UNIT = -1 / math.log(2)
"""The kernel's biases and weights are those of the problem times this."""

LARGEST_FIELD = 2.0**14
"""Problems with larger fields are refused: float32 could miss them by 0.01 [nats]."""


@dataclass(frozen=True)
class Columns:
    """The free nodes with their neighbours, in the order of the kernel's threads.

    Nodes of a partition come by falling number of neighbours, as a warp takes as long as its
    longest column. An entry is a pair of neighbours; short columns end in weights of zero, and
    so does a row that the kernel reads ahead.

    Attributes:
        column: node of each column and the number of its entries.
        ends: number of columns up to each partition, the clamped one with none included.
        node: neighbours of each column.
        edge: couplers that lead to them; one that does not exist where there is none.
    """

    column: Int[Tensor, "columns 2"]
    ends: Int[Tensor, " partitions"]
    node: Int[Tensor, "entries columns 2"]
    edge: Int[Tensor, "entries columns 2"]

    @classmethod
    def of(cls, graph: PartiteGraph, device: torch.device) -> "Columns":
        """Lay out a graph's free nodes."""
        near, n0 = Neighbours.of(graph), graph.sizes[0]
        order = np.lexsort((-near.degree, graph.partition_of_node.numpy()))[n0:]
        degree, columns = near.degree[order], len(order)
        rows = degree.max(initial=0) // 2 + 2
        node = np.zeros((2 * rows, columns), np.int32)
        edge = np.full((2 * rows, columns), graph.n_edges)
        for k in range(degree.max(initial=0)):
            has = degree > k
            entry = near.first[order[has]] + np.uint32(k)
            node[k, has], edge[k, has] = near.node[entry], near.edge[entry]
        parts = (
            np.stack([order, -(-degree // 2)], axis=1).astype(np.int32),
            (np.cumsum(graph.sizes) - n0).astype(np.int32),
            *(slots.reshape(rows, 2, columns).swapaxes(1, 2).copy() for slots in (node, edge)),
        )
        return cls(*(torch.from_numpy(part).to(device) for part in parts))

    def weights(self, coupling: Float[Tensor, " edges"]) -> Float[Tensor, "entries columns 2"]:
        """Look up the couplings to all neighbours, in the kernel's units."""
        padded = torch.nn.functional.pad(coupling.float() * UNIT, (0, 1))
        return padded[self.edge]

    def entries(self, weight: Tensor) -> Int[Tensor, "entries columns 4"]:
        """Interleave neighbours with the bits of their weights."""
        return torch.stack((self.node, weight.view(torch.int32)), dim=-1).flatten(2)

    def check_fields(self, weight: Tensor, bias: Tensor) -> None:
        """Refuse fields above `LARGEST_FIELD`.

        Raises:
            SamplerError: a node's field can be larger.
        """
        node = self.column[:, 0]
        reach = (bias.abs().amax(0)[node] + weight.abs().sum((0, 2))) / -UNIT
        largest = reach.max().item()
        if largest > LARGEST_FIELD:
            raise SamplerError(
                f"the field of node {node[reach.argmax()].item()} can be {largest:.3g} nats; "
                f"the sampler holds fields up to {LARGEST_FIELD:.3g}"
            )


def spread_biases(
    bias: Float[Tensor, "rows nodes"], lead: int, lanes: int
) -> Float[Tensor, "rows_or_lanes nodes"]:
    """Give every lane its row, in the kernel's units; one row for all stays one."""
    if len(bias) == 1:
        return bias.float().contiguous() * UNIT
    laid = bias.new_zeros(lanes, bias.shape[1], dtype=torch.float32)
    laid[lead : lead + len(bias)].copy_(bias).mul_(UNIT)
    return laid
