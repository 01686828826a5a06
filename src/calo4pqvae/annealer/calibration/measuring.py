"""Measure how cold an annealer is, on chains like those of the job that it is for."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.calibration.control import estimate_errors
from calo4pqvae.annealer.calibration.interval import correct
from calo4pqvae.annealer.calibration.matching import Fit, Rule, Step, match_temperature
from calo4pqvae.annealer.calibration.readout import measure_readout
from calo4pqvae.annealer.calibration.temperature import (
    Reference,
    match_energies,
    pseudo_likelihood,
)
from calo4pqvae.annealer.request import Request
from calo4pqvae.annealer.sampler import AnnealerSampler
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.errors import AnnealerError

__all__ = ["BATCH", "BATCHES", "measure_temperature", "measuring_seconds"]

BATCH, BATCHES = 128, 8
"""Reads of a batch, and batches at most."""

CONDITIONS = 8
"""Different conditions in a batch, and programmings at least: their scatter tells how errors of
the control move the temperature."""


def measure_temperature(
    sampler: AnnealerSampler,
    request: Request,
    *,
    rule: Rule = "energy",
    reads: int = BATCH,
    iterations: int = BATCHES,
    seed: int = 0,
    sweeps: int = 500,
    on_step: Callable[[Step], None] | None = None,
) -> Fit:
    """Program batches until their states have the machine's temperature, and keep it.

    The sampler's setting `beta` is left at the result. Spins are reversed at random in each
    programming, so that lasting errors of the control scatter, too; two more programmings tell
    how often a spin is read wrongly. Except for the paper's rule, the error holds what errors
    of the chip do, and `Fit.chip` is the estimate without them.

    Arguments:
        sampler: the annealer.
        request: chains of the job, of which batches take their conditions.
        rule: how to go on from a batch (`matching`).
        reads: reads of a batch.
        iterations: batches at most.
        seed: seed of the classical chains.
        sweeps: sweeps that classical chains need.
        on_step: called after each batch.

    Raises:
        AnnealerError: the solver fails, or a rule has no next step.

    Example:
        >>> graph = zephyr(12, m=2)
        >>> machine = BoltzmannMachine(graph, scale=0.5, generator=torch.Generator())
        >>> chip = EmulatedAnnealer(beta=7.0, graph=WorkingGraph.around(graph), sweeps=20)
        >>> annealer = AnnealerSampler(graph, chip, SharedNoise(1), Settings(beta=8.5))
        >>> request = Request(machine, torch.rand(64, 12) < 0.5)
        >>> fit = measure_temperature(annealer, request, reads=2000, sweeps=50)
        >>> fit.converged, abs(fit.beta.value - 7.0) < 1.0
        (True, True)
    """
    problem, clamped = _batch(sampler, request, reads)
    classical = choose_sampler(request.machine.graph, SharedNoise(derive_seed(seed, 7)))
    before = sampler.settings
    gauges = max(before.gauges, 1)
    sampler.settings = replace(before, most_reads=_each(reads), gauges=gauges, relax=0)
    if not sampler.check_ranges(problem, clamped).inside:  # a reversed spin may need more
        sampler.settings = replace(sampler.settings, gauges=before.gauges)
    try:
        fit = match_temperature(
            sampler,
            problem,
            clamped,
            lambda target: Reference.sample(target, clamped, classical, sweeps),
            rule=rule,
            iterations=iterations,
            on_step=on_step,
        )
    finally:
        after = sampler.settings.beta
        sampler.settings = replace(before, beta=after)
    if rule == "paper" or not fit.converged:
        return fit
    readout = measure_readout(sampler).value
    return with_interval(fit, readout, sweeps=sweeps, seed=derive_seed(seed, 8))


def with_interval(fit: Fit, readout: float, *, sweeps: int, seed: int = 0) -> Fit:
    """Take errors of the chip out of a fit, and put them into its error (`interval`).

    Arguments:
        fit: a fit by energies or likelihood.
        readout: probability that a spin is read wrongly.
        sweeps: sweeps that classical chains need.
        seed: seed of the simulation.
    """
    batch, rule = fit.last, fit.rule
    assert batch is not None

    def estimate(states: Tensor) -> float:
        if rule == "likelihood":
            found = pseudo_likelihood(batch.problem, states)
        else:
            found = match_energies(batch.problem, states, batch.reference)
        return found.value * batch.tried

    alpha = pseudo_likelihood(batch.problem, batch.states).value
    errors = estimate_errors(
        batch.problem,
        batch.states,
        batch.programming,
        alpha=alpha,
        beta=fit.beta.value,
        readout=readout,
    )
    n0 = batch.problem.graph.sizes[0]
    chip = correct(
        fit.beta,
        estimate,
        batch.problem,
        batch.states[:, :n0],
        batch.programming,
        errors,
        tried=batch.tried,
        sweeps=sweeps,
        seed=seed,
    )
    own = chip.times(fit.beta.value / chip.value)
    return replace(fit, beta=own, chip=chip, errors=errors)


def measuring_seconds(sampler: AnnealerSampler, request: Request) -> float:
    """Say what measuring the temperature takes of the annealer at most [s]."""
    before = sampler.settings
    sampler.settings = replace(before, most_reads=_each(BATCH))
    try:
        return BATCHES * sampler.plan(*_batch(sampler, request, BATCH)).seconds
    finally:
        sampler.settings = before


def insist(fit: Fit, name: str) -> Fit:
    """Let only a fit pass that has converged.

    Arguments:
        fit: a measured temperature.
        name: name of the annealer.

    Raises:
        AnnealerError: it has not.
    """
    if not fit.converged:
        raise AnnealerError(
            f"the temperature of {name} was not found in {len(fit.steps)} batches (rule "
            f"'{fit.rule}', last {fit.beta}), and nothing was generated; take more reads or "
            "another rule, or say what it is",
            remedy="temperature",
        )
    return fit


def _batch(sampler: AnnealerSampler, request: Request, reads: int):  # noqa: ANN202
    return request.batch(reads, reads if sampler.settings.mode == "single" else CONDITIONS)


def _each(reads: int) -> int:
    """Reads of a programming, so that also a batch of one condition is spread over several."""
    return max(1, reads // CONDITIONS)
