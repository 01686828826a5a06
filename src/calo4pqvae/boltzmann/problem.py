"""What a sampler is asked: a four-partite Boltzmann problem, free of any network."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.errors import SamplerError

__all__ = ["BoltzmannProblem", "energy"]


def energy(
    bits: Shaped[Tensor, "batch nodes"],
    bias: Float[Tensor, "#batch nodes"],
    coupling: Float[Tensor, " edges"],
    graph: FourPartiteGraph,
) -> Float[Tensor, " batch"]:
    r"""Evaluate eq. (2): $E(z) = -\sum_i b_i z_i - \sum_{(ij)} W_{ij} z_i z_j$.

    The four partitions v, h, s, t of the paper are consecutive in z. Relaxed bits in [0, 1]
    are allowed; the expression stays linear in each of them.

    Source: seed paper, eq. (2).
    """
    i, j = graph.edges.to(bits.device)
    states = bits.to(coupling.dtype)
    return -(states * bias).sum(dim=1) - (states[:, i] * states[:, j]) @ coupling


@dataclass(frozen=True, eq=False)
class BoltzmannProblem:
    """Biases and couplings on a graph, with p(z) proportional to exp(-E(z)).

    Arguments:
        graph: nodes and couplers.
        bias: bias of each node, one row for all chains or one row per chain.
        coupling: coupling of each edge.

    Raises:
        SamplerError: sizes do not match the graph, or a value is not finite.
    """

    graph: FourPartiteGraph
    bias: Float[Tensor, "chains nodes"]
    coupling: Float[Tensor, " edges"]

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Refuse sizes that do not match and values that are not finite.

        Raises:
            SamplerError: as on construction; the tensors may have changed since.
        """
        if self.bias.shape[1] != self.graph.n_nodes or len(self.coupling) != self.graph.n_edges:
            raise SamplerError(
                f"{tuple(self.bias.shape)} biases and {len(self.coupling)} couplings "
                f"do not fit {self.graph.n_nodes} nodes and {self.graph.n_edges} couplers"
            )
        for name, values in (("bias", self.bias), ("coupling", self.coupling)):
            broken = _count_broken(values)
            if broken:
                raise SamplerError(f"{broken} values of the {name} are not finite")

    def energy(self, bits: Shaped[Tensor, "chains nodes"]) -> Float[Tensor, " chains"]:
        """Evaluate eq. (2) for each chain."""
        return energy(bits, self.bias, self.coupling, self.graph)


def _count_broken(values: Tensor) -> int:
    """Count what is not finite; on a CPU in one thread, as waking more takes longer."""
    if values.device.type == "cpu":
        return values.numel() - int(np.isfinite(values.detach().numpy()).sum())
    return int((~torch.isfinite(values)).sum())
