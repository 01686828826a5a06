"""Before a job is sent to an annealer: its cost, its temperature, its values."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calo4pqvae.cli.annealer_options import EMULATOR, fill_in
from calo4pqvae.cli.annealer_setup import make_sampler, parts_of, plan_of

if TYPE_CHECKING:
    import numpy as np

    from calo4pqvae.annealer.calibration.matching import Fit
    from calo4pqvae.annealer.sampler import AnnealerSampler
    from calo4pqvae.models.base import ShowerModel

__all__ = ["BATCH", "BATCHES", "calibrate", "measure_or_stop", "prepare_job"]

BATCH, BATCHES = 128, 8
"""Reads of a batch that measures the temperature, and batches at most."""

_CONDITIONS = 8
"""Different incident energies in a batch that measures the temperature, and programmings at
least: their scatter tells how errors of the control move it."""


def prepare_job(
    args: argparse.Namespace, model: "ShowerModel", e_inc: "np.ndarray"
) -> "AnnealerSampler":
    """Plan a job, measure the temperature if it is not known, and watch it from then on.

    Raises:
        ConfigError: options do not fit each other.
        AnnealerError: the job cannot be done as it is, or the temperature was not found.
    """
    from calo4pqvae.annealer.calibration.drift import DriftMonitor

    args.backend = EMULATOR if args.sampler == EMULATOR else "any"
    fill_in(args)
    sampler = make_sampler(args, model, args.seed, Path(args.out))
    plan = plan_of(sampler, model, e_inc)
    print(
        f"{plan.programmings} programmings and {plan.reads} reads on "
        f"{sampler.dispatcher.backend.name}: {plan.seconds:.3g} s, {plan.joules / 1e3:.3g} kJ"
    )
    unknown = args.beta is None and args.temperature is None
    before = 0.0
    if unknown:
        problem, code = _batch_of(args, model, e_inc, BATCH)
        before = BATCHES * _spread(sampler, BATCH).plan(problem, code).seconds
        sampler.settings = replace(sampler.settings, most_reads=None)
        print(f"at most {before:.3g} s more to measure its temperature")
    plan.check(args.max_seconds, before)
    _check_values(sampler, model, e_inc)
    reference = args.reference
    if unknown:
        fit = measure_or_stop(args, sampler, model, e_inc)
        reference = fit.likelihood_ratio
        _check_values(sampler, model, e_inc)
    sampler.monitor = DriftMonitor(reference)
    return sampler


def calibrate(
    args: argparse.Namespace,
    sampler: "AnnealerSampler",
    model: "ShowerModel",
    e_inc: "np.ndarray",
    *,
    reads: int = BATCH,
    iterations: int = BATCHES,
    sweeps: int = 500,
) -> "Fit":
    """Measure the annealer's temperature at energies of the job, telling each step."""
    from calo4pqvae._core.rng import SharedNoise, derive_seed
    from calo4pqvae.annealer.calibration.matching import match_temperature
    from calo4pqvae.annealer.calibration.temperature import Reference
    from calo4pqvae.boltzmann.samplers.choose import choose_sampler

    problem, code = _batch_of(args, model, e_inc, reads)
    noise = SharedNoise(derive_seed(args.seed, 7))
    classical = choose_sampler(model.prior.graph, noise)
    _spread(sampler, reads)
    try:
        fit = match_temperature(
            sampler,
            problem,
            code,
            lambda target: Reference.sample(target, code, classical, sweeps),
            rule=args.rule,
            iterations=iterations,
            on_step=lambda step: print(
                f"  at {step.tried:.4g}: energy {step.energy} above the classical one; beta "
                f"{step.by_energy} by energies, {step.by_likelihood or 'none'} by likelihood"
            ),
        )
    finally:
        sampler.settings = replace(sampler.settings, most_reads=None)
    print(f"beta {fit.beta} ({'converged' if fit.converged else 'NOT converged'}, {fit.rule})")
    print(f"  its error covers {fit.covers}")
    if fit.weakened != 1:
        print(
            f"  measured with the model divided by {fit.weakened:.3g}, which the chip can hold"
        )
    return fit


def measure_or_stop(
    args: argparse.Namespace, sampler: "AnnealerSampler", model: Any, e_inc: "np.ndarray"
) -> "Fit":
    """Measure the temperature; without one, nothing may be made.

    Raises:
        AnnealerError: the fit has not converged.
    """
    from calo4pqvae.errors import AnnealerError

    fit = calibrate(args, sampler, model, e_inc)
    if not fit.converged:
        raise AnnealerError(
            f"the temperature of {sampler.dispatcher.backend.name} was not found in {BATCHES} "
            f"batches of {BATCH} reads (rule '{fit.rule}', last {fit.beta}), and nothing was "
            "generated; measure it with 'calo4pqvae annealer temperature', more --reads and "
            "another --rule, or give --beta"
        )
    return fit


def _check_values(sampler: "AnnealerSampler", model: Any, e_inc: "np.ndarray") -> None:
    """Refuse a job of which any part has values that the chip cannot hold."""
    for problem, code in parts_of(model, e_inc):
        sampler.settle(problem, code)


def _spread(sampler: "AnnealerSampler", reads: int) -> "AnnealerSampler":
    """Spread a batch over programmings, also where all of it has one energy."""
    most = max(1, reads // _CONDITIONS)
    sampler.settings = replace(sampler.settings, most_reads=most)
    return sampler


def _batch_of(
    args: argparse.Namespace, model: "ShowerModel", e_inc: "np.ndarray", reads: int
) -> tuple[Any, Any]:
    """State the problem of a batch that measures the temperature, over energies of the job.

    Where couplings depend on the energy, the batch stays with those of most showers.
    """
    import numpy as np
    import torch

    groups = model.prior.groups(model.scale(torch.from_numpy(e_inc)))
    mine = np.sort(e_inc[max(groups, key=len).numpy(), 0])
    distinct = reads if args.mode == "single" else _CONDITIONS
    place = np.linspace(0, len(mine) - 1, distinct).round().astype(int)
    energies = mine[place][np.arange(reads) % distinct]
    t, code = model.condition(torch.from_numpy(energies)[:, None])
    return model.prior.problem(t), code
