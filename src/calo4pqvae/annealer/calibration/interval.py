"""A temperature with an interval that means what it says: errors of the chip, simulated.

Control errors, repeated reads and readout errors move an estimate and widen it. Their sizes are
known from the reads (`control`, `readout`). Classical chains with errors of those sizes,
measured as the chip was, tell by how much: the estimate is shifted back, and its error is their
scatter.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.calibration.control import ChipErrors
from calo4pqvae.annealer.calibration.temperature import Estimate
from calo4pqvae.boltzmann.ising import from_ising, to_ising
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.errors import AnnealerError

__all__ = ["correct", "simulate_reads"]

REPLICAS = 20
"""Simulated measurements: their scatter is known to 16 %, their mean to a fifth of it."""


def correct(
    found: Estimate,
    estimator: Callable[[Tensor], float],
    problem: BoltzmannProblem,
    clamped: Bool[Tensor, "reads clamped"],
    programming: Int[np.ndarray, " reads"],
    errors: ChipErrors,
    *,
    tried: float,
    sweeps: int,
    seed: int = 0,
    replicas: int = REPLICAS,
) -> Estimate:
    """Shift an estimate by what errors of the chip do to it; its error is their scatter.

    Arguments:
        found: the estimate of the annealer's inverse temperature.
        estimator: what was done with the reads, as a function from states to the estimate.
        problem: biases (one row, or one per read) and couplings, in the model's units.
        clamped: condition of each read.
        programming: number of the programming of each read.
        errors: sizes of the chip's errors.
        tried: number that the model's values were divided by.
        sweeps: Gibbs sweeps that chains need.
        seed: seed of the simulation.
        replicas: simulated measurements.
    """
    alpha, values = found.value / tried, []
    for number in range(replicas):
        noise = derive_seed(seed, number)
        states = simulate_reads(
            problem, clamped, programming, errors, alpha, tried, sweeps, noise
        )
        try:
            values.append(estimator(states))
        except AnnealerError:  # one of many may have no temperature
            continue
    if len(values) < replicas // 2:
        return found
    scatter = np.array(values)
    # Estimates scale with the truth, and so does what moves them.
    ratio = found.value / float(scatter.mean())
    error = float(scatter.std(ddof=1)) * ratio * (1 + 1 / len(values)) ** 0.5
    return Estimate(found.value * ratio, error, len(values) - 1.0)


@torch.no_grad()
def simulate_reads(
    problem: BoltzmannProblem,
    clamped: Bool[Tensor, "reads clamped"],
    programming: Int[np.ndarray, " reads"],
    errors: ChipErrors,
    alpha: float,
    tried: float,
    sweeps: int,
    seed: int,
) -> Bool[Tensor, "reads nodes"]:
    """Draw classical states as a chip with such errors would: one set of errors a programming.

    Arguments:
        problem: biases (one row, or one per read) and couplings, in the model's units.
        clamped: condition of each read.
        programming: number of the programming of each read.
        errors: sizes of the chip's errors.
        alpha: temperature of the states, relative to the model's.
        tried: number that the model's values were divided by.
        sweeps: Gibbs sweeps that chains need.
        seed: seed of the errors and chains.
    """
    folded = problem.fold(clamped)
    ising = to_ising(folded.double())
    rng, graph = np.random.default_rng(seed), folded.graph
    sampler = choose_sampler(graph, SharedNoise(derive_seed(seed, 1)))
    states = clamped.new_empty(len(clamped), problem.graph.n_nodes)
    states[:, : clamped.shape[1]] = clamped
    for number in np.unique(programming):
        rows = torch.from_numpy(np.flatnonzero(programming == number))
        mine = rows if len(ising.field) > 1 else slice(None)
        h = ising.field[mine] + tried * errors.h * _normal(rng, graph.n_nodes)
        j = ising.coupling + tried * errors.j * _normal(rng, graph.n_edges)
        own = from_ising(graph, (alpha * h).float(), (alpha * j).float())
        drawn = sampler.sample(own, graph.nothing_clamped(len(rows)), sweeps)
        states[rows, clamped.shape[1] :] = _read(drawn, errors, rng)
    return states


def _normal(rng: np.random.Generator, n: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(n))


def _read(states: Tensor, errors: ChipErrors, rng: np.random.Generator) -> Tensor:
    """Let reads repeat the one before, and spins be read wrongly."""
    if errors.repeats:
        fresh = rng.random(len(states)) >= errors.repeats
        fresh[0] = True
        last = np.maximum.accumulate(np.where(fresh, np.arange(len(states)), 0))
        states = states[torch.from_numpy(last)]
    if errors.readout:
        states = states ^ torch.from_numpy(rng.random(states.shape) < errors.readout)
    return states
