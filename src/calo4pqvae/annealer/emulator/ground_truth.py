"""States of an Ising problem at a hidden temperature, drawn by the package's Gibbs kernel."""

import numpy as np
import torch
from jaxtyping import Float, Int

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.ising import from_ising, to_spins
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs, random_states

__all__ = ["GroundTruth"]


class GroundTruth:
    """Draw all spins of an Ising problem by block Gibbs sampling; none is held.

    Arguments:
        colour: colour 0 to 3 of each variable; no coupler joins two of one colour.
        ends: couplers, as pairs of variables.
    """

    def __init__(
        self, colour: Int[np.ndarray, " nodes"], ends: Int[np.ndarray, "2 couplers"]
    ) -> None:
        self._order = np.argsort(colour, kind="stable")
        number = np.empty_like(self._order)
        number[self._order] = np.arange(len(colour))
        pairs = np.sort(number[ends], axis=0)
        self._edge = np.lexsort((pairs[1], pairs[0]))
        a, b, c, d = np.bincount(colour, minlength=4).tolist()
        self._graph = FourPartiteGraph(
            (a, b, c, d),
            torch.from_numpy(pairs[:, self._edge]),
            torch.from_numpy(self._order),
        )
        self._kernel = CompiledGibbs(self._graph, SharedNoise(0))
        self._ends = np.cumsum([0, a, b, c, d]).astype(np.uint64)

    def draw(
        self,
        h: Float[np.ndarray, " nodes"],
        j: Float[np.ndarray, " couplers"],
        reads: int,
        *,
        sweeps: int,
        key: int,
        between: int | None = None,
    ) -> Int[np.ndarray, "reads nodes"]:
        r"""Draw states from $p(s) \propto e^{-H(s)}$.

        Arguments:
            h: fields, times the inverse temperature.
            j: couplings, times the inverse temperature.
            reads: states wanted.
            sweeps: sweeps from a random start.
            key: key of the random numbers.
            between: sweeps between one read and the next, all of one chain; None for a chain
                per read.
        """
        field, coupling = (torch.from_numpy(x) for x in (h[self._order], j[self._edge]))
        problem = from_ising(self._graph, field[None], coupling)
        chains = reads if between is None else 1
        states = random_states(key, 0, chains, len(h))
        found = []
        for step in range(reads // chains):
            n = (between or 0) if step else sweeps
            moment = derive_seed(key, step)
            states = self._kernel.sweep(problem, states, n, self._ends, moment)
            found.append(states)
        spins = np.empty((reads, len(h)), np.int8)
        spins[:, self._order] = to_spins(np.concatenate(found))
        return spins
