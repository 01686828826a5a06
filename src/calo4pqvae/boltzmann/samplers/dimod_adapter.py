r"""Any sampler of D-Wave's `dimod` as a sampler of ours: annealers, simulators, yours.

The clamped partition is folded into the biases of the free nodes, which are left as an Ising
problem $H(s)$ with $p(s) \propto e^{-H(s)}$. Chains under equal biases are one submission of
as many reads. `dwave_gibbs` is a ready-made one, and a check that shares no code with this
package's own block Gibbs sampling.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae._core.optional import require
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.ising import IsingProblem, to_bits, to_ising, to_spins
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import check_noise, check_request
from calo4pqvae.errors import SamplerError

__all__ = ["DimodSampler", "dwave_gibbs", "gibbs_parameters"]

_SEEDS = 2**31
"""Seeds lie below this, so that signed and unsigned integers of 32 bits hold them."""

_OURS = ("num_reads", "seed", "initial_states")
"""Parameters that are set here for each submission."""

_SPARE = 16
"""Spare nodes for D-Wave's simulated annealer: its first four numbers are poor, see below."""


class DimodSampler:
    """Draw chains with a `dimod.Sampler` that samples at inverse temperature 1.

    It obeys `samplers.base.Sampler`. Each submission gets a seed of its own if the wrapped
    sampler knows a parameter ``seed``; without one, states cannot be repeated. Initial states
    are passed on to a `dimod.Initialized`, whose reads must come in their order. Other
    samplers ignore them: each state is a fresh draw then, whatever the number of sweeps, and
    reads are dealt out to chains at random, since many samplers sort their answers.

    Variables of the submissions are the graph's labels, the qubits of the lattice.

    Arguments:
        graph: nodes and couplers.
        sampler: an instance of `dimod.Sampler`.
        noise: source of seeds and initial states.
        parameters: the wrapped sampler's parameters for a number of sweeps, or the same ones
            for any number. A temperature other than 1 is theirs to set right.
        spare: nodes without bias and couplers that stand first in each submission, for
            samplers whose first random numbers after seeding are poor.

    Raises:
        SamplerError: `sampler` is not an instance of `dimod.Sampler`, or two nodes share a
            label.
        MissingExtraError: dimod is not installed.

    Example:
        >>> import dimod
        >>> class AllUp(dimod.Sampler):
        ...     parameters, properties = {"num_reads": []}, {}
        ...     def sample(self, bqm, num_reads):
        ...         spins = [dict.fromkeys(bqm.variables, 1)] * num_reads
        ...         return dimod.SampleSet.from_samples_bqm(spins, bqm)
        >>> graph = PartiteGraph.complete([0, 1, 1])
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 2), torch.zeros(1))
        >>> sampler = DimodSampler(graph, AllUp(), SharedNoise(seed=1))
        >>> sampler.sample(problem, graph.nothing_clamped(1), sweeps=0)
        tensor([[True, True]])
    """

    def __init__(
        self,
        graph: PartiteGraph,
        sampler: Any,
        noise: SharedNoise,
        *,
        parameters: Callable[[int], Mapping[str, Any]] | Mapping[str, Any] | None = None,
        spare: int = 0,
    ) -> None:
        check_noise(noise)
        dimod = require("dimod", "dimod")
        if not isinstance(sampler, dimod.Sampler):
            raise SamplerError(f"{sampler!r} is not an instance of dimod.Sampler")
        self.graph, self.sampler, self.noise = graph, sampler, noise
        self.ignores_start = not isinstance(sampler, dimod.Initialized)
        self._parameters = {} if parameters is None else parameters
        free = graph.free()
        self._spare, self._names = spare, _names(free, spare)
        self._ends = free.edges.numpy() + spare

    @torch.no_grad()
    def sample(
        self,
        problem: BoltzmannProblem,
        clamped: Bool[Tensor, "chains clamped"],
        sweeps: int,
        start: Bool[Tensor, "chains nodes"] | None = None,
    ) -> Bool[Tensor, "chains nodes"]:
        """Submit all chains, then return the state of each.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            clamped: state of the clamped partition of each chain.
            sweeps: number of sweeps, handed to `parameters`; 0 returns the start, unless the
                wrapped sampler ignores it.
            start: initial states; random bits when absent. Its clamped partition is
                replaced by `clamped`.

        Raises:
            SamplerError: the request is one that `check_request` refuses, `parameters` sets
                what is set here, or the answer lacks reads, or has other variables or values
                than were asked for.
        """
        check_request(problem, clamped, sweeps, start, self.graph)
        n0 = self.graph.sizes[0]
        if self.ignores_start:
            free = torch.empty(len(clamped), self.graph.n_latents, dtype=torch.bool)
        elif start is None:
            free = self.noise.uniform(len(clamped), self.graph.n_latents).cpu() < 0.5
        else:
            free = start[:, n0:].cpu().clone()
        if sweeps or self.ignores_start:
            self._draw(problem, clamped.cpu(), sweeps, free)
        return torch.cat([clamped, free.to(clamped.device)], dim=1)

    def _draw(
        self, problem: BoltzmannProblem, clamped: Tensor, sweeps: int, free: Tensor
    ) -> None:
        """Replace the free nodes of each chain by their state in the answers."""
        seeds, order = self._random(len(clamped))
        groups = _groups(problem.bias[:, self.graph.sizes[0] :].cpu(), clamped)
        ising = self._ising(problem, clamped, [int(group[0]) for group in groups])
        arguments = self._arguments(sweeps)
        answers = []
        for group, field in zip(groups, ising.field.numpy(), strict=True):
            arguments |= {"num_reads": len(group)}
            if "seed" in self.sampler.parameters:
                arguments |= {"seed": int(seeds[group[0]])}
            if not self.ignores_start:
                arguments |= {"initial_states": (self._spins(free[group]), self._names)}
            model = self._model(field, ising.coupling.numpy())
            answers.append(self.sampler.sample(model, **arguments))
        for group, answer in zip(groups, answers, strict=True):
            chains = group[order[group].argsort()] if self.ignores_start else group
            free[chains] = to_bits(torch.from_numpy(self._reads(answer, len(group))))

    def _random(self, chains: int) -> tuple[Int[Tensor, " chains"], Float[Tensor, " chains"]]:
        """Draw a seed for each chain, no two alike on all processes, and a random order."""
        coarse, fine, order = self.noise.uniform(chains, 3).cpu().double().T
        width = _SEEDS // max(1, self.noise.world_size * chains)
        place = self.noise.rank * chains + torch.arange(chains)
        return place * width + ((coarse + 2.0**-24 * fine) * width).long(), order

    def _ising(
        self, problem: BoltzmannProblem, clamped: Tensor, chains: list[int]
    ) -> IsingProblem:
        """State the problem of the free nodes of some chains, in double precision."""
        near = BoltzmannProblem(self.graph, problem.bias.cpu(), problem.coupling.cpu())
        return to_ising(
            near.take(torch.tensor(chains, dtype=torch.int64)).double().fold(clamped[chains])
        )

    def _arguments(self, sweeps: int) -> dict[str, Any]:
        given = self._parameters
        arguments = dict(given(sweeps) if callable(given) else given)
        for name in _OURS:
            if name in arguments:
                raise SamplerError(
                    f"{name} is set for each submission, leave it out of `parameters`"
                )
        return arguments

    def _model(self, field: np.ndarray, coupling: np.ndarray) -> Any:
        field = np.pad(field, (self._spare, 0))
        return require("dimod", "dimod").BinaryQuadraticModel.from_numpy_vectors(
            field, (*self._ends, coupling), 0.0, "SPIN", variable_order=self._names
        )

    def _spins(self, free: Tensor) -> np.ndarray:
        return np.pad(to_spins(free).numpy(), ((0, 0), (self._spare, 0)), constant_values=1)

    def _reads(self, answer: Any, asked: int) -> Int[np.ndarray, "reads free"]:
        """Read the spins of the free nodes, as often as they occurred."""
        name = type(self.sampler).__name__
        if set(answer.variables) != set(self._names):
            raise SamplerError(f"{name} answered with other variables than it was given")
        times = answer.record.num_occurrences
        if not self.ignores_start and (times != 1).any():
            raise SamplerError(f"{name} merged equal reads, and with them different chains")
        if times.sum() != asked:
            raise SamplerError(f"{name} answered {times.sum()} reads where {asked} were asked")
        if answer.vartype.name == "BINARY":
            answer = answer.change_vartype("SPIN", inplace=False)
        columns = [answer.variables.index(v) for v in self._names[self._spare :]]
        spins = np.repeat(answer.record.sample[:, columns], times, axis=0)
        if (np.abs(spins) != 1).any():
            raise SamplerError(f"{name} answered with spins other than -1 and 1")
        return spins


def dwave_gibbs(graph: PartiteGraph, noise: SharedNoise) -> DimodSampler:
    """Make a Gibbs sampler of `dwave.samplers.SimulatedAnnealingSampler`, on one CPU core.

    A sweep draws the free nodes one by one at inverse temperature 1. That sampler's generator
    starts from a nearly empty state: after seeding, its first two nodes always flip and the
    next two draw the same number. Spare nodes take these numbers.

    Arguments:
        graph: nodes and couplers.
        noise: source of seeds and initial states.

    Raises:
        MissingExtraError: dwave-samplers is not installed.

    Example:
        >>> graph = PartiteGraph.complete([0, 2, 2])
        >>> problem = BoltzmannProblem(graph, torch.full((1, 4), 30.0), torch.zeros(4))
        >>> dwave_gibbs(graph, SharedNoise(seed=1)).sample(problem, graph.nothing_clamped(1), 5)
        tensor([[True, True, True, True]])
    """
    sampler = require("dwave.samplers", "dimod").SimulatedAnnealingSampler()
    return DimodSampler(graph, sampler, noise, parameters=gibbs_parameters, spare=_SPARE)


def gibbs_parameters(sweeps: int) -> dict[str, Any]:
    """State Gibbs sweeps at inverse temperature 1 as simulated annealing of D-Wave."""
    return {
        "beta_schedule_type": "custom",
        "beta_schedule": [1.0],
        "num_sweeps_per_beta": sweeps,
        "proposal_acceptance_criteria": "Gibbs",
    }


def _names(free: PartiteGraph, spare: int) -> list[int]:
    labels = free.labels.tolist()
    if len(set(labels)) < len(labels):
        raise SamplerError("two free nodes of the graph have the same label")
    least = min(labels, default=0)
    return [*range(least - spare, least), *labels]


def _groups(bias: Tensor, clamped: Tensor) -> list[Tensor]:
    """Collect the chains that share biases and clamped nodes."""
    if len(bias) == 1:  # one column of it is enough, and none would be one too few
        bias = bias[:, :1].expand(len(clamped), 1)
    keys = torch.cat([bias, clamped.to(bias.dtype)], dim=1)
    _, number, counts = keys.unique(dim=0, return_inverse=True, return_counts=True)
    return list(number.argsort(stable=True).split(counts.tolist()))
