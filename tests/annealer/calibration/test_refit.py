"""A machine fitted against a chip's own samples comes back with the moments that it had."""

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer import AnnealerSampler, Imperfections, Request, Settings, refit
from calo4pqvae.annealer.jobs.record import Record
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.samplers.choose import choose_sampler


def test_reads_of_a_refitted_machine_have_the_moments_that_were_wanted(
    problem, codes, make_annealer
):
    """Lasting errors of 0.05: marginals are off by many errors, and hardly after the refit.

    The twin without a round stays off. Reads of the fit count for the limit, and are recorded.
    """
    machine = BoltzmannMachine(problem.graph)
    machine.bias.copy_(problem.bias)
    machine.coupling.copy_(problem.coupling)
    errors = Imperfections(control_h=0.05, control_j=0.05, systematic=1.0)
    clamped = codes(8, 4000)
    gibbs = choose_sampler(problem.graph, SharedNoise(5))
    wanted = gibbs.sample(problem, clamped, 40)[:, 36:].double().mean(dim=0)
    pulls = {}
    for rounds in (0, 6):
        record = Record("run")
        settings = Settings(beta=6.0, limit_s=60.0)
        annealer = make_annealer(imperfections=errors)
        sampler = AnnealerSampler(
            problem.graph, annealer, SharedNoise(0), settings, record=record
        )
        fitted = refit(
            sampler,
            Request(machine, codes(8, 8)),
            sweeps=40,
            rounds=rounds,
            conditions=8,
            reads=400,
        )
        assert sampler.usage.programmings == 8 * rounds
        assert sampler.settings == settings
        found = sampler.sample(fitted.problem(), clamped)[:, 36:].double().mean(dim=0)
        error = (2 * wanted * (1 - wanted) / len(clamped)).sqrt()
        pulls[rounds] = float((((found - wanted) / error) ** 2).mean()) ** 0.5
    assert torch.equal(machine.coupling, problem.coupling)
    assert pulls[0] > 5, pulls
    assert pulls[6] < pulls[0] / 4, pulls
