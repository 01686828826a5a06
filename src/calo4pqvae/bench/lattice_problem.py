"""The problem that samplers are timed on: a whole Zephyr lattice with random parameters.

Partition 0 is clamped to one code for all chains, as in generation. Samplers of this package
get the whole problem with the code; others get the free nodes alone, the code folded into
their fields. Both ask for the same distribution, and only updates of free nodes count.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.boltzmann.energy import EnergyOperator
from calo4pqvae.boltzmann.ising import from_ising
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["SPREAD", "LatticeProblem", "lattice_problem"]

SPREAD = 0.3
"""Standard deviation of fields and couplings of the spins, at inverse temperature 1."""

_SEED = 20260101


@dataclass(frozen=True, eq=False)
class LatticeProblem:
    """A problem with a clamped code, and the same problem of the free nodes alone.

    Attributes:
        whole: biases and couplings of all nodes.
        code: state of the clamped partition, the same for all chains.
        free: biases and couplings of the free nodes, the code folded in; its own conditioning
            partition is empty.
    """

    whole: BoltzmannProblem
    code: Bool[Tensor, "1 clamped"]
    free: BoltzmannProblem

    def codes(self, chains: int) -> Bool[Tensor, "chains clamped"]:
        """Repeat the code for every chain."""
        return self.code.repeat(chains, 1)

    def energies(self, free_bits: Bool[Tensor, "chains free"]) -> Float[Tensor, " chains"]:
        """Evaluate eq. (2) of all nodes for each chain, in float64."""
        operator = EnergyOperator(self.whole.graph, self.whole.coupling, self.whole.bias)
        return operator(torch.cat([self.codes(len(free_bits)), free_bits], dim=1))


def lattice_problem(m: int) -> LatticeProblem:
    r"""Make the problem on all 16 m (2m + 1) qubits of the Zephyr lattice Z(m, 4).

    Fields h and couplings J of the spins are normal with mean 0 and standard deviation
    `SPREAD`; they and the code depend on m alone.

    Raises:
        SamplerError: m is below 1.
    """
    graph = zephyr(4 * m * (2 * m + 1), m)
    generator = torch.Generator().manual_seed(_SEED)
    h = SPREAD * torch.randn(1, graph.n_nodes, generator=generator)
    j = SPREAD * torch.randn(graph.n_edges, generator=generator)
    code = torch.rand(1, graph.sizes[0], generator=generator) < 0.5
    whole = from_ising(graph, h, j)
    return LatticeProblem(whole, code, whole.fold(code))
