"""The first day on a chip: repair, shims, temperature, checks, showers, on one page.

On the emulator it is a rehearsal; with a solver in its place it is the day itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.calibration.checkup import Finding, check_up
from calo4pqvae.annealer.calibration.drift import DriftMonitor
from calo4pqvae.annealer.calibration.measuring import measure_temperature
from calo4pqvae.annealer.calibration.shimming import measure_shims
from calo4pqvae.annealer.chip.constants import first_beta
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.jobs.record import Record
from calo4pqvae.annealer.request import Request
from calo4pqvae.annealer.sampler import AnnealerSampler
from calo4pqvae.annealer.settings import Settings
from calo4pqvae.annealer.usage import worries
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.energies import draw_energies
from calo4pqvae.errors import AnnealerError
from calo4pqvae.generation.distance import ShowerDistance, distance_of_bits
from calo4pqvae.generation.request import request_of
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.repaired import repair_model

__all__ = ["FirstDay", "first_day"]

BATCH = 256
"""Reads that measure the temperature, and that check the chip."""


@dataclass
class FirstDay:
    """What happened, in order.

    Attributes:
        steps: name, result, and annealer's time of each step [s].
        refused: what the chip or the limit refused.
        energies: energies of the prior, of annealed and of classical states, shower by shower.
        distance: showers of the annealer against classical ones.
        seconds: annealer's time in all [s].
        joules: energy of a refrigerator of 16 kW in that time, computed [J].
    """

    steps: list[tuple[str, str, float]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    energies: tuple[np.ndarray, np.ndarray] | None = None
    distance: ShowerDistance | None = None
    seconds: float = 0.0
    joules: float = 0.0

    @property
    def rows(self) -> list[tuple[str, str, float]]:
        """All steps, and what they took together."""
        text = f"{self.joules / 1e3:.3g} kJ, computed from 16 kW"
        return [*self.steps, ("all", text, self.seconds)]

    def page(self, title: str) -> str:
        """Write the day as Markdown."""
        lines = [f"# {title}", "", "| step | result | annealer s |", "|---|---|--:|"]
        lines += [f"| {name} | {text} | {used:.3g} |" for name, text, used in self.rows]
        lines += ["", "## Refused", ""]
        lines += [f"* {text}" for text in self.refused] or ["Nothing."]
        return "\n".join(lines) + "\n"


def first_day(
    model: ShowerModel,
    backend: Any,
    *,
    sweeps: int,
    n: int = 400,
    limit_s: float = 60.0,
    seed: int = 0,
    record: Record | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> FirstDay:
    """Do everything that a first day on a chip needs, within a limit.

    Arguments:
        model: the model.
        backend: a structured dimod sampler with the interface of `DWaveSampler`.
        sweeps: Gibbs sweeps from random bits that classical chains need.
        n: showers, of the annealer and classically.
        limit_s: annealer's time that may be spent [s].
        seed: seed of everything random here.
        record: marks of submissions, such as a journal.
        on_step: told the name of each step before it.

    A step that is refused is noted, and ends the day.
    """
    day = FirstDay()
    sampler: AnnealerSampler | None = None
    try:
        for name, text, sampler in _steps(
            day, model, backend, (sweeps, n, limit_s, seed), record, on_step
        ):
            used = 0.0 if sampler is None else 1e-6 * sampler.usage.time.total - day.seconds
            day.steps.append((name, text, used))
            day.seconds += used
    except AnnealerError as error:
        day.refused.append(str(error))
    if sampler is not None:
        day.seconds = 1e-6 * sampler.usage.time.total
        day.joules = sampler.usage.time.joules()
    return day


Step = tuple[str, str, AnnealerSampler | None]


@torch.no_grad()
def _steps(
    day: FirstDay,
    model: ShowerModel,
    backend: Any,
    numbers: tuple[int, int, float, int],
    record: Record | None,
    on_step: Callable[[str], None],
) -> Iterator[Step]:
    sweeps, n, limit_s, seed = numbers
    chip = WorkingGraph.of(backend)
    yield (
        "chip",
        f"{chip.name}: {chip.lattice}, {len(chip.qubits)} qubits, "
        f"{len(chip.couplers)} couplers",
        None,
    )
    on_step("repair")
    made, found = repair_model(model, chip, sweeps=sweeps, seed=seed)
    lost = f"{found.after} lost" if found.lost else "nothing lost"
    yield "placement", f"{found.lost} of {found.asked} couplers missing, {lost}", None
    settings = Settings(first_beta(backend.properties), gauges=1, limit_s=limit_s)
    graph = made.prior.graph
    sampler = AnnealerSampler(graph, backend, SharedNoise(seed), settings, record=record)
    e_inc = draw_energies(n, made.scale.low, made.scale.high, derive_seed(seed, 1))
    request = request_of(made, e_inc)
    plan = request.plan(sampler)
    yield (
        "plan",
        f"{n} showers: {plan.programmings} programmings, {plan.seconds:.3g} s",
        sampler,
    )
    plan.check(limit_s)
    on_step("shims")
    sampler.shims = measure_shims(sampler)
    sizes = (float(x.std()) for x in (sampler.shims.field, sampler.shims.coupling))
    yield "shims", "lasting h {:.2g}, J {:.2g}".format(*sizes), sampler
    on_step("temperature")
    fit = measure_temperature(
        sampler, request, reads=BATCH, seed=derive_seed(seed, 2), sweeps=sweeps
    )
    own = f"; chip's own {fit.chip}, errors {fit.errors}" if fit.chip else ""
    state = "converged" if fit.converged else "NOT converged"
    yield "temperature", f"beta {fit.beta} ({state}){own}", sampler
    on_step("checks")
    findings = check_up(sampler, *request.first().parts()[0], BATCH)
    day.refused += [f"{f.name}: {f.text}" for f in findings if not f.good]
    yield "checks", _told(findings), sampler
    on_step("showers")
    sampler.monitor = DriftMonitor(fit.likelihood_ratio)
    bits = sample_machine(made.prior, sampler, _t(request), request.clamped, 0)
    day.refused += [worry.text for worry in worries(sampler)]
    day.energies = _energies(request, bits, sweeps, derive_seed(seed, 3))
    away = day.energies[0] - day.energies[1]
    error = float(away.std(ddof=1)) / len(away) ** 0.5
    yield (
        "figure 2",
        f"mean energy less the classical one {float(away.mean()):+.3g} +- {error:.2g}",
        sampler,
    )
    on_step("distance")
    day.distance = d = distance_of_bits(
        made, e_inc, bits, sweeps=sweeps, seed=derive_seed(seed, 4)
    )
    yield (
        "showers",
        f"Frechet distance from {n} classical ones {1e3 * d.value:.0f}e-3, of these from "
        f"{n} others {1e3 * d.floor:.0f}e-3",
        sampler,
    )


def _told(findings: list[Finding]) -> str:
    good = sum(f.good for f in findings)
    return f"{good} of {len(findings)} good"


def _t(request: Request) -> torch.Tensor:
    return request.machine.condition(request.t, len(request.clamped))


def _energies(
    request: Request, bits: torch.Tensor, sweeps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate energies of annealed states, and of classical ones under the same conditions."""
    machine, t = request.machine, _t(request)
    classical = choose_sampler(machine.graph, SharedNoise(seed))
    other = sample_machine(machine, classical, t, request.clamped, sweeps)
    one, two = (machine.energy(z.float(), t).double().numpy() for z in (bits, other))
    return one, two
