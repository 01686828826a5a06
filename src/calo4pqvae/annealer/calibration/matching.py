r"""Find the inverse temperature of an annealer for a model, step by step.

The values programmed are those of the model divided by b. Three rules lead to the b at which
the states are those of the model:

* ``energy``: Newton's step to equal mean energies (`temperature.match_energies`).
* ``likelihood``: the maximum of the pseudo-likelihood (`temperature.pseudo_likelihood`), which
  needs no classical states.
* ``paper``: the scaling by the ratio of mean energies, $b \leftarrow b\,(\langle H\rangle_Q /
  \langle H\rangle_C)^\delta$, with $\delta = \max(4, |\langle H\rangle_Q| / \mathrm{Var}_Q)$
  and b at least 2, as configured by the authors. One step per batch is the paper's procedure.

Where the chip cannot hold the values and the user chose to rescale them, all of this is done
with the weaker model that it can hold: its temperature is the same annealer's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from torch import Tensor

from calo4pqvae.annealer.calibration.control import ChipErrors
from calo4pqvae.annealer.calibration.temperature import (
    PROGRAMMINGS,
    Estimate,
    Reference,
    energies,
    match_energies,
    pseudo_likelihood,
)
from calo4pqvae.annealer.sampler import AnnealerSampler
from calo4pqvae.boltzmann.ising import to_ising
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.errors import AnnealerError

__all__ = ["Fit", "Rule", "Step", "match_temperature"]

Rule = Literal["energy", "likelihood", "paper"]

CLOSE = 0.01
"""Relative distance from the target below which a fit counts as converged, if its error is
smaller."""

KNOWN = 0.03
"""Largest relative error of a fit that counts as converged."""

_LEAST, _TOLERANCE = 2.0, 1.5
"""Smallest b and the factor of the criterion to stop of the paper's rule."""


@dataclass(frozen=True)
class Step:
    """One batch.

    Attributes:
        tried: b of this batch.
        energy: mean energy of its states minus the classical one, with its error.
        by_energy, by_likelihood: inverse temperature of the annealer by either estimate; the
            second is None where the states are local minima.
    """

    tried: float
    energy: Estimate
    by_energy: Estimate
    by_likelihood: Estimate | None


class Batch(NamedTuple):
    """What a batch was, for whoever looks closer.

    Attributes:
        problem: what was programmed, in the model's units.
        states: its reads.
        programming: number of the programming of each read.
        reference: classical energies under the same conditions.
        tried: number that the values were divided by.
    """

    problem: BoltzmannProblem
    states: Bool[Tensor, "reads nodes"]
    programming: Int[np.ndarray, " reads"]
    reference: Reference
    tried: float


@dataclass(frozen=True)
class Fit:
    """The result.

    Attributes:
        rule: rule that led to it.
        beta: inverse temperature of the annealer, to program with.
        steps: all batches.
        converged: whether the last batch was close enough to its target.
        classical: mean energy of the classical states.
        weakened: number that the model was divided by so that the chip could hold it.
        programmings: programmings of the last batch. Their scatter is in the error if there
            are at least `PROGRAMMINGS`; else the error is that of reads alone.
        last: the last batch.
        chip: inverse temperature of the chip itself: `beta` less what errors of the chip do
            to it, with an interval that holds them; None where they were not looked at.
        errors: sizes of those errors.
    """

    rule: Rule
    beta: Estimate
    steps: tuple[Step, ...]
    converged: bool
    classical: float
    weakened: float = 1.0
    programmings: int = 0
    last: Batch | None = None
    chip: Estimate | None = None
    errors: ChipErrors | None = None

    @property
    def covers(self) -> str:
        """Say what the error contains."""
        if self.errors is not None:
            return f"reads and errors of the chip, found to be {self.errors}"
        if self.programmings >= PROGRAMMINGS:
            return f"reads and the errors of the control in {self.programmings} programmings"
        return (
            f"reads only: {self.programmings} programmings do not tell how errors of the "
            "control move it, typically by 2 %"
        )

    @property
    def likelihood_ratio(self) -> Estimate | None:
        r"""$\alpha$ by pseudo-likelihood of the last batch, at the final b: 1 if all agrees."""
        last = self.steps[-1].by_likelihood
        return None if last is None else last.times(1 / self.beta.value)


def match_temperature(
    sampler: AnnealerSampler,
    problem: BoltzmannProblem,
    clamped: Bool[Tensor, "reads clamped"],
    classical: Callable[[BoltzmannProblem], Reference],
    *,
    rule: Rule = "energy",
    start: float | None = None,
    iterations: int = 8,
    exponent: float = 4.0,
    on_step: Callable[[Step], None] | None = None,
) -> Fit:
    """Program batches until their states have the model's temperature.

    The sampler's setting `beta` is moved, and left at the result.

    Arguments:
        sampler: the annealer.
        problem: biases (one row, or one per read) and couplings.
        clamped: condition of each read of a batch.
        classical: finds classical energies of a problem under the same conditions.
        rule: how to go on from a batch.
        start: first b; the sampler's setting when absent.
        iterations: batches at most.
        exponent: smallest exponent of the paper's rule.
        on_step: called after each batch.

    Raises:
        AnnealerError: the solver fails, or a rule has no next step.
    """
    beta, steps, converged = start or sampler.settings.beta, [], False
    estimate, stopped, weakened = Estimate(beta, math.inf), False, 1.0
    target, reference, batch = problem, None, None
    while len(steps) < iterations and not stopped:
        sampler.settings = replace(sampler.settings, beta=beta)
        factor = sampler.range_factor(target, clamped)
        if factor != 1:
            weakened *= factor
            target, reference = _divide(problem, weakened), None
        reference = reference or classical(target)
        states = sampler.sample(target, clamped)
        batch = Batch(target, states, sampler.programming, reference, beta)
        step = _judge(target, states, reference, beta, sampler.programming)
        steps.append(step)
        if on_step is not None:
            on_step(step)
        if rule == "paper":
            estimate, stopped, beta = _paper(target, states, reference, beta, exponent)
            converged = stopped and estimate.error < KNOWN * estimate.value
            continue
        found = step.by_energy if rule == "energy" else step.by_likelihood
        if found is None:
            raise AnnealerError(
                f"states of {sampler.dispatcher.backend.name} are local minima: they have no "
                "temperature, and this solver cannot sample the model"
            )
        estimate, converged = found, _is_close(found, beta)
        stopped, beta = converged, found.value
    if not 0 < estimate.value < math.inf:
        raise AnnealerError(
            f"no inverse temperature of {sampler.dispatcher.backend.name} can be measured: the "
            f"reads give {estimate}"
        )
    sampler.settings = replace(sampler.settings, beta=estimate.value)
    mean = 0.0 if reference is None else float(reference.mean.mean())
    programmings = len(np.unique(sampler.programming))
    found = (rule, estimate, tuple(steps), converged, mean, weakened, programmings, batch)
    return Fit(*found)


def _divide(problem: BoltzmannProblem, factor: float) -> BoltzmannProblem:
    return BoltzmannProblem(problem.graph, problem.bias / factor, problem.coupling / factor)


def _judge(
    problem: BoltzmannProblem,
    states: Tensor,
    reference: Reference,
    beta: float,
    programming: np.ndarray,
) -> Step:
    away = energies(problem, states) - reference.mean
    error = math.hypot(float(away.std()) / math.sqrt(len(away)), reference.error)
    try:
        likelihood = pseudo_likelihood(problem, states, programming).times(beta)
    except AnnealerError:
        likelihood = None
    by_energy = match_energies(problem, states, reference, programming).times(beta)
    return Step(beta, Estimate(float(away.mean()), error), by_energy, likelihood)


def _is_close(found: Estimate, tried: float) -> bool:
    """Whether the target lies within two errors, or 1 %, of what was tried."""
    away = abs(found.value - tried)
    return away <= max(2 * found.error, CLOSE * tried) and found.error < KNOWN * tried


def _paper(
    problem: BoltzmannProblem,
    states: Tensor,
    reference: Reference,
    beta: float,
    exponent: float,
) -> tuple[Estimate, bool, float]:
    """Take the authors' step; the result is the b that was tried, as theirs."""
    constant = to_ising(problem.double()).constant
    q = (energies(problem, states) - constant).numpy()
    c = (reference.mean - constant).numpy()
    mean, variance, n = float(q.mean()), float(q.var(ddof=1)), len(q)
    if not (variance > 0 and float(c.mean()) != 0):
        raise AnnealerError(
            "all states have the same energy: the paper's rule has no next step; use another "
            "rule or more reads",
            remedy="rule",
        )
    ratio = mean / float(c.mean())
    if ratio <= 0:
        raise AnnealerError(
            "mean energies have different signs, so that their ratio gives no step; use the "
            "rule 'energy' or 'likelihood'",
            remedy="rule",
        )
    exponent = max(exponent, abs(mean) / variance)
    spread_q = math.sqrt(variance)
    spread_c = math.sqrt(float(np.var(c)) + reference.variance)
    allowed = _TOLERANCE * 2 * spread_q * spread_c / (spread_q + spread_c)
    error = math.hypot(spread_q / math.sqrt(n), reference.error) / reference.variance
    done = abs(mean - float(c.mean())) < allowed / math.sqrt(n)
    following = max(_LEAST, beta * ratio**exponent)
    return Estimate(beta, beta * error), done, following
