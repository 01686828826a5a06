r"""How many sweeps chains need from random starts, measured on the problem at hand.

Many chains per condition run through windows that double in length, until split R-hat of the
energy and of every free node is below 1.01: the chains then agree to what some hundred
autocorrelation times can tell. The longest of these times sets the burn-in.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from calo4pqvae.boltzmann.diagnostics.mixing import autocorrelation_time, split_r_hat
from calo4pqvae.boltzmann.energy import EnergyOperator
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.errors import SamplerError

__all__ = ["R_HAT", "ConditionMixing", "Mixing", "measure_mixing"]

R_HAT = 1.01
"""Split R-hat below which chains count as equilibrated (Vehtari et al., Bayesian Anal. 16
(2021) 667)."""

_FIRST = 32
"""Sweeps of the first window: split R-hat of shorter halves is mostly noise."""

_RECORDS = 512
"""Records of a chain at most: they tell times up to a tenth of the window."""

_BYTES = 8
"""Bytes, of eight nodes each, whose traces are unpacked at a time, to bound the memory."""


@dataclass(frozen=True)
class ConditionMixing:
    """How chains mix under one condition.

    Attributes:
        tau_energy: autocorrelation time of the energy [sweeps].
        tau_energy_error: its standard error [sweeps].
        tau_node: longest autocorrelation time of a free node [sweeps].
        tau_node_error: its standard error, as if the node had not been picked [sweeps].
        slowest_node: number of that node in the graph.
        r_hat: largest split R-hat of the energy and the free nodes.
        effective_per_second: states per second of sampling this condition alone, over the
            longest autocorrelation time.
    """

    tau_energy: float
    tau_energy_error: float
    tau_node: float
    tau_node_error: float
    slowest_node: int
    r_hat: float
    effective_per_second: float

    @property
    def tau(self) -> float:
        """Longest autocorrelation time measured [sweeps]."""
        return max(self.tau_energy, self.tau_node)

    @property
    def converged(self) -> bool:
        """Whether R-hat is below 1.01 for all quantities."""
        return self.r_hat < R_HAT


@dataclass(frozen=True)
class Mixing:
    """How chains mix under all conditions.

    Attributes:
        conditions: one entry per condition.
        chains: chains per condition.
        sweeps: sweeps that each chain ran; the second half of them was measured.
        thinning: every how many sweeps a state was recorded.
    """

    conditions: tuple[ConditionMixing, ...]
    chains: int
    sweeps: int
    thinning: int

    @property
    def converged(self) -> bool:
        """Whether the chains of all conditions agree."""
        return all(condition.converged for condition in self.conditions)

    @property
    def burn_in(self) -> int:
        r"""Sweeps recommended for independent chains from random starts: ten times $\tau$.

        $\tau$ is the longest time of all quantities and conditions. An exponential decay of
        time constant T has $\tau = \coth(1 / 2T)$, about 2T, so that $10 \tau$ sweeps leave
        $e^{-20}$ of the bias of the start in the slowest mode measured, and more of one that
        moves the energy and the single nodes only a little. Not seen are modes that move none
        of these, and those that no chain visited.

        Raises:
            SamplerError: the sweeps were too few to tell the longest time.
        """
        longest = max(condition.tau for condition in self.conditions)
        if math.isinf(longest):
            raise SamplerError(f"{self.sweeps} sweeps are too few to tell how chains mix")
        return math.ceil(10 * longest)


@torch.no_grad()
def measure_mixing(
    problem: BoltzmannProblem,
    clamped: Bool[Tensor, "conditions clamped"],
    sampler: Sampler,
    *,
    chains: int = 64,
    limit: int = 32_768,
    allow_unconverged: bool = False,
) -> Mixing:
    """Run chains from random bits until they agree, and measure how fast they mix.

    After 32 sweeps, each window is as long as all sweeps before it, which are forgotten. A
    window of more than 512 sweeps is recorded at 512 equal distances; a time shorter than that
    distance then reads as the distance. The chains start where the sampler starts them: random
    bits, for the samplers of this package. The rate of independent states is timed on one more
    call as long as the last window.

    Arguments:
        problem: biases (one row, or one per condition) and couplings.
        clamped: states of the clamped partition.
        sampler: draws the chains.
        chains: independent chains per condition.
        limit: sweeps of each chain after which to give up.
        allow_unconverged: return what was found at the limit, in place of the error.

    Raises:
        SamplerError: chains still disagree at the limit, there are fewer than 2 chains, the
            limit is below 64, or the request is one that the sampler refuses.

    Example:
        >>> graph = zephyr(3).unclamped()
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 12), torch.zeros(graph.n_edges))
        >>> sampler = CompiledGibbs(graph, SharedNoise(seed=1))
        >>> mixing = measure_mixing(problem, graph.nothing_clamped(1), sampler)
        >>> mixing.converged, mixing.burn_in < 20  # independent bits are new in each sweep
        (True, True)
    """
    if chains < 2 or limit < 2 * _FIRST:
        raise SamplerError(
            f"mixing is measured on at least 2 chains of {2 * _FIRST} sweeps, "
            f"not on {chains} of {limit}"
        )
    run = _Run(problem, clamped, sampler, chains)
    run.advance(_FIRST)
    records = run.record(_FIRST)
    while (r_hat := records.r_hat()).max() >= R_HAT and 4 * records.sweeps <= limit:
        records = run.record(2 * records.sweeps)
    if r_hat.max() >= R_HAT and not allow_unconverged:
        raise SamplerError(
            f"chains disagree after {2 * records.sweeps} sweeps: split R-hat is "
            f"{float(r_hat.max()):.4g} under condition {int(r_hat.argmax())}, not below "
            f"{R_HAT}; allow more than {limit} sweeps, or sample weaker couplings"
        )
    rate = chains * len(clamped) * records.sweeps / run.seconds(records.sweeps)
    conditions = tuple(records.mixing(c, float(r), rate) for c, r in enumerate(r_hat))
    return Mixing(conditions, chains, 2 * records.sweeps, records.thinning)


class _Run:
    """All chains of all conditions side by side, condition after condition."""

    def __init__(
        self, problem: BoltzmannProblem, clamped: Tensor, sampler: Sampler, chains: int
    ) -> None:
        self._problem = problem.repeat(chains)
        self._clamped = clamped.repeat_interleave(chains, dim=0)
        self._sampler, self._chains = sampler, chains
        self._states: Tensor | None = None
        self._energy = EnergyOperator(problem.graph, problem.coupling, self._problem.bias)

    def advance(self, sweeps: int) -> Tensor:
        """Run all chains in one call and return their states."""
        request = (self._problem, self._clamped, sweeps, self._states)
        self._states = self._sampler.sample(*request)
        return self._states

    def record(self, sweeps: int) -> "_Records":
        """Run a window and keep energies and free nodes along the way."""
        thinning = max(1, sweeps // _RECORDS)
        graph = self._problem.graph
        energies, packed = [], []
        for _ in range(sweeps // thinning):
            states = self.advance(thinning)
            energies.append(self._energy(states).cpu())
            free = states[:, graph.sizes[0] :].cpu().numpy()
            packed.append(np.packbits(free, axis=1))
        trace = torch.stack(energies).unflatten(1, (-1, self._chains))
        bits = np.stack(packed).reshape(*trace.shape, -1)
        return _Records(graph, trace, bits, thinning)

    def seconds(self, sweeps: int) -> float:
        """Time one call."""
        began = time.perf_counter()
        states = self.advance(sweeps)
        if states.is_cuda:
            torch.cuda.synchronize(states.device)
        return time.perf_counter() - began


@dataclass(frozen=True, eq=False)
class _Records:
    """Energies and packed free nodes of a window: (records, conditions, chains, ...)."""

    graph: PartiteGraph
    energies: Tensor
    packed: np.ndarray
    thinning: int

    @property
    def sweeps(self) -> int:
        return self.thinning * len(self.energies)

    def r_hat(self) -> Tensor:
        """Find the largest split R-hat under each condition."""
        blocks = (self._blocks(c) for c in range(self.energies.shape[1]))
        largest = [max(float(split_r_hat(b).max()) for b in parts) for parts in blocks]
        return torch.tensor(largest, dtype=torch.float64)

    def mixing(self, condition: int, r_hat: float, rate: float) -> ConditionMixing:
        """Sum up one condition, with the states drawn per second."""
        times = [autocorrelation_time(block) for block in self._blocks(condition)]
        value = self.thinning * torch.cat([part.value for part in times])
        error = self.thinning * torch.cat([part.error for part in times])
        slowest = 1 + int(value[1:].argmax())
        return ConditionMixing(
            tau_energy=float(value[0]),
            tau_energy_error=float(error[0]),
            tau_node=float(value[slowest]),
            tau_node_error=float(error[slowest]),
            slowest_node=self.graph.sizes[0] + slowest - 1,
            r_hat=r_hat,
            effective_per_second=rate / float(value.max()),
        )

    def _blocks(self, condition: int) -> Iterator[Tensor]:
        """Unpack the energy, then some nodes at a time: (chains, records, quantities)."""
        yield self.energies[:, condition].T[:, :, None]
        packed = self.packed[:, condition].swapaxes(0, 1)
        for first in range(0, packed.shape[2], _BYTES):
            part = packed[:, :, first : first + _BYTES]
            count = min(8 * part.shape[2], self.graph.n_latents - 8 * first)
            yield torch.from_numpy(np.unpackbits(part, axis=2, count=count)).double()
