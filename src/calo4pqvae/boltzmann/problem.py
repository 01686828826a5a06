"""What a sampler is asked: biases and couplings on a graph, free of any network."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from calo4pqvae.boltzmann.energy import energy
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.errors import SamplerError

__all__ = ["BoltzmannProblem"]


@dataclass(frozen=True, eq=False)
class BoltzmannProblem:
    """Biases and couplings on a graph, with p(z) proportional to exp(-E(z)).

    Arguments:
        graph: nodes and couplers.
        bias: bias of each node, one row for all chains or one row per chain.
        coupling: coupling of each edge.

    Raises:
        SamplerError: sizes do not match the graph, or a value is not finite.

    Example:
        >>> graph = PartiteGraph.complete([1, 1])
        >>> problem = BoltzmannProblem(graph, torch.tensor([[1.0, 2.0]]), torch.tensor([3.0]))
        >>> problem.energy(torch.tensor([[True, False], [True, True]]))
        tensor([-1., -6.])
    """

    graph: PartiteGraph
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
        """Evaluate E(z) of each chain; for many states, see `boltzmann.energy`."""
        return energy(bits, self.bias, self.coupling, self.graph)

    def double(self) -> "BoltzmannProblem":
        """Return the same problem in float64."""
        return replace(self, bias=self.bias.double(), coupling=self.coupling.double())

    def take(self, rows: Int[Tensor, " rows"]) -> "BoltzmannProblem":
        """Return the problem of some chains; biases that all chains share stay one row."""
        return self if len(self.bias) == 1 else replace(self, bias=self.bias[rows])

    def repeat(self, chains: int) -> "BoltzmannProblem":
        """Return the problem with so many chains, one after the other, for each row."""
        rows = torch.arange(len(self.bias), device=self.bias.device)
        return self.take(rows.repeat_interleave(chains))

    def field(
        self, clamped: Bool[Tensor, "conditions clamped"]
    ) -> Float[Tensor, "conditions free"]:
        r"""Fold the clamped partition into the biases: $f_i(u) = b_i + \sum_j W_{ij} u_j$.

        Arguments:
            clamped: states u of the clamped partition, over whose nodes j is summed.

        Raises:
            SamplerError: the number of clamped nodes or of rows of biases does not fit.
        """
        n0 = self.graph.sizes[0]
        if clamped.shape[1] != n0:
            raise SamplerError(
                f"clamped states have {clamped.shape[1]} nodes, the clamped partition {n0}"
            )
        if len(self.bias) not in {1, len(clamped)}:
            raise SamplerError(
                f"{len(self.bias)} rows of biases do not fit {len(clamped)} clamped states"
            )
        i, j = self.graph.edges.to(self.coupling.device)
        touching = i < n0
        terms = clamped[:, i[touching]] * self.coupling[touching]
        bias = self.bias[:, n0:].expand(len(clamped), -1)
        return bias.index_add(1, j[touching] - n0, terms)

    def fold(self, clamped: Bool[Tensor, "conditions clamped"]) -> "BoltzmannProblem":
        """Return the problem of the free nodes alone, one row for each clamped state.

        Its energies lack those of the clamped nodes' own biases.

        Raises:
            SamplerError: as for `field`.

        Example:
            >>> graph = PartiteGraph.complete([1, 1])
            >>> problem = BoltzmannProblem(graph, torch.tensor([[1.0, 2.0]]), torch.ones(1))
            >>> problem.fold(torch.tensor([[False], [True]])).bias
            tensor([[2.],
                    [3.]])
        """
        within = self.graph.among_free.to(self.coupling.device)
        return BoltzmannProblem(self.graph.free(), self.field(clamped), self.coupling[within])


def _count_broken(values: Tensor) -> int:
    """Count what is not finite; on a CPU in one thread, as waking more takes longer."""
    if values.device.type == "cpu":
        return values.numel() - int(np.isfinite(values.detach().numpy()).sum())
    return int((~torch.isfinite(values)).sum())
