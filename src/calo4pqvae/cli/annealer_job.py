"""Before a job is sent to an annealer: what is told of its cost and of its temperature."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from calo4pqvae._core.numbers import plain
from calo4pqvae.cli.annealer_options import EMULATOR, fill_in
from calo4pqvae.cli.annealer_setup import make_sampler

if TYPE_CHECKING:
    from calo4pqvae.annealer.calibration.matching import Fit
    from calo4pqvae.annealer.request import Request
    from calo4pqvae.annealer.sampler import AnnealerSampler

__all__ = ["measure", "prepare_job"]


def prepare_job(args: argparse.Namespace, request: "Request") -> "AnnealerSampler":
    """Plan a job, measure the temperature if it is not known, and watch it from then on.

    Raises:
        ConfigError: options do not fit each other.
        AnnealerError: the job cannot be done as it is, or the temperature was not found.
    """
    from calo4pqvae.annealer.calibration.drift import DriftMonitor
    from calo4pqvae.annealer.calibration.measuring import insist, measuring_seconds

    args.backend = EMULATOR if args.sampler == EMULATOR else "any"
    fill_in(args)
    sampler = make_sampler(args, request.machine, Path(args.out))
    name = sampler.dispatcher.backend.name
    plan, before = request.plan(sampler), 0.0
    print(
        f"{plan.programmings} programmings and {plan.reads} reads on {name}: "
        f"{plain(plan.seconds)} s, {plain(plan.joules / 1e3)} kJ"
    )
    unknown = args.beta is None and args.temperature is None
    if unknown:
        before = measuring_seconds(sampler, request)
        print(f"at most {plain(before)} s more to measure its temperature")
    plan.check(args.max_seconds, before)
    request.check_values(sampler)
    reference = args.reference
    if unknown:
        reference = insist(measure(args, sampler, request), name).likelihood_ratio
        request.check_values(sampler)
    sampler.monitor = DriftMonitor(reference)
    return sampler


def measure(args: argparse.Namespace, sampler: "AnnealerSampler", request: "Request") -> "Fit":
    """Measure the annealer's temperature, telling each step."""
    from calo4pqvae.annealer.calibration.measuring import BATCH, BATCHES, measure_temperature

    fit = measure_temperature(
        sampler,
        request,
        rule=args.rule,
        reads=getattr(args, "reads", BATCH),
        iterations=getattr(args, "iterations", BATCHES),
        seed=args.seed,
        on_step=lambda step: print(
            f"  at {step.tried:.4g}: energy {step.energy} above the classical one; beta "
            f"{step.by_energy} by energies, {step.by_likelihood or 'none'} by likelihood"
        ),
    )
    print(f"beta {fit.beta} ({'converged' if fit.converged else 'NOT converged'}, {fit.rule})")
    print(f"  its error covers {fit.covers}")
    if fit.chip is not None:
        print(f"  without errors of the chip {fit.chip}")
    if fit.weakened != 1:
        print(
            f"  measured with the model divided by {fit.weakened:.3g}, which the chip can hold"
        )
    return fit
