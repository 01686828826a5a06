r"""From a Boltzmann problem and codes of the energy to programs of a chip.

Programmed values are those of the Ising problem (`boltzmann.ising`) divided by the annealer's
inverse temperature, so that its states follow $e^{-E}$ of eq. (2).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae.annealer.programs.flux import holding_field
from calo4pqvae.annealer.programs.placement import Placement
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.annealer.programs.ranges import Ranges
from calo4pqvae.boltzmann.ising import to_ising
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.errors import AnnealerError

__all__ = ["Conditioning", "Programmer"]

Conditioning = Literal["fold", "flux"]
"""How the clamped partition is held: folded into the fields of the free nodes, exactly and
without its qubits; or on its own qubits by flux biases, as in the paper."""


class Programmer:
    """Makes the programs of one problem.

    Arguments:
        problem: biases (one row, or one per chain) and couplings.
        placement: qubits of the nodes.
        beta: inverse temperature of the annealer, which values are divided by.
        factor: further number that values are divided by, to bring them into range; the field
            that holds clamped qubits is not, as the annealer gets no hotter by it.
        conditioning: how the clamped partition is held.
        flux_per_field: flux bias that acts like a field of 1 [Phi_0].
        field: field that holds clamped qubits; the recommended one when None.
        clip: bounds to clip values to, if they are to be clipped.

    Attributes:
        first: first node that has a qubit.
        ends, qubits, coupling: couplers, qubits and couplings of all copies.
        holding: field that holds clamped qubits.
    """

    def __init__(
        self,
        problem: BoltzmannProblem,
        placement: Placement,
        beta: float,
        *,
        factor: float = 1.0,
        conditioning: Conditioning = "fold",
        flux_per_field: float = 0.0,
        field: float | None = None,
        clip: Ranges | None = None,
    ) -> None:
        graph, n0 = problem.graph, problem.graph.sizes[0]
        self._problem, self._divisor, self._clip = problem.double(), beta * factor, clip
        self._fold = conditioning == "fold"
        self._within = graph.edges[0] >= (n0 if self._fold else 0)
        if placement.used is not None:
            asked = torch.from_numpy(placement.used)
            lost = int(problem.coupling[self._within & ~asked].count_nonzero())
            if lost:
                raise AnnealerError(f"{lost} couplings have no coupler where the model lies")
            self._within &= asked
        self.first = n0 if self._fold else 0
        used = graph.n_nodes - self.first
        ends = graph.edges[:, self._within].numpy() - self.first
        copies = range(placement.copies)
        self.ends = np.concatenate([ends + copy * used for copy in copies], axis=1)
        self.qubits = placement.qubits[:, self.first :].ravel()
        j = -self._problem.coupling[self._within].numpy() / (4 * self._divisor)
        self._coupling = j if clip is None else j.clip(*clip.j)
        self.coupling = np.tile(self._coupling, placement.copies)
        inside = graph.edges[:, self._within & graph.among_free] - n0
        self._free = replace(graph.free(), edges=inside)
        incident = np.bincount(ends[0], np.abs(self._coupling), used)
        incident += np.bincount(ends[1], np.abs(self._coupling), used)
        self.holding = 0.0
        if not self._fold:
            self.holding = holding_field(incident[:n0], beta) if field is None else field
        self._flux = -self.holding * flux_per_field

    def fields(
        self, chains: Sequence[int] | np.ndarray, clamped: Bool[Tensor, "conditions clamped"]
    ) -> Float[np.ndarray, "conditions used"]:
        """Compute the fields of one copy.

        Arguments:
            chains: number of a chain under each condition, for its row of biases.
            clamped: its clamped state.
        """
        p = self._problem
        bias = p.bias if len(p.bias) == 1 else p.bias[torch.as_tensor(np.asarray(chains))]
        rows = BoltzmannProblem(p.graph, bias, p.coupling)
        if self._fold:
            folded = rows.field(clamped)
            within = p.coupling[self._within]
            h = to_ising(BoltzmannProblem(self._free, folded, within)).field
        else:
            h = to_ising(rows).field.repeat(len(clamped) if len(bias) == 1 else 1, 1)
            h[:, : p.graph.sizes[0]] = 0.0
        h = (h / self._divisor).numpy()
        return h if self._clip is None else h.clip(*self._clip.h)

    def program(
        self, chains: Sequence[int], clamped: Bool[Tensor, "copies clamped"]
    ) -> Program:
        """Make a program whose copies are under the conditions of these chains.

        Copies beyond the number of chains repeat the last one.
        """
        h = self.fields(chains, clamped)
        copies = len(self.qubits) // h.shape[1]
        flux = np.zeros_like(h)
        if not self._fold:
            flux[:, : clamped.shape[1]] = self._flux * (2 * clamped.numpy() - 1.0)
        last = np.minimum(np.arange(copies), len(h) - 1)
        return Program(
            self.qubits, self.ends, h[last].ravel(), self.coupling, flux[last].ravel()
        )

    def groups(self, member: Int[np.ndarray, "2 couplers"]) -> Int[np.ndarray, "2 couplers"]:
        """Number the groups of couplers from 0, without gaps."""
        return np.unique(member, return_inverse=True)[1].reshape(member.shape)
