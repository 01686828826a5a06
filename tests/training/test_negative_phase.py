"""The negative phase: conditions of the chains, and what the prior learns from it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.gradient import Gradient, centred_gradient
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.config import Config, TrainingConfig
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.models.vae.model import Calo4pQVAE
from calo4pqvae.training.negative_phase import NegativePhase
from calo4pqvae.training.processes import Processes

Configure = Callable[..., Config]


@pytest.fixture
def model(configure: Configure, toy_geometry: CylindricalGeometry) -> Calo4pQVAE:
    return build_model(configure("prior.initial_scale=0.5"), toy_geometry)


@pytest.fixture
def e_inc(generator: torch.Generator) -> Tensor:
    return 10 ** (2 + 2 * torch.rand(16, 1, generator=generator))


def bits_of(model: Calo4pQVAE, e_inc: Tensor, generator: torch.Generator) -> Tensor:
    """Bits as an encoder gives them: the code, and latents that stand for a shower."""
    code = model.code(e_inc)
    latents = torch.rand(len(e_inc), model.prior.graph.n_latents, generator=generator) < 0.5
    return torch.cat([code, latents], dim=1)


def phase(model: Calo4pQVAE, kind: str, sweeps: int) -> NegativePhase:
    config = TrainingConfig(negative_phase=kind, sweeps=sweeps)
    return NegativePhase(model, config, SharedNoise(5), Processes())


def test_contrastive_divergence_starts_at_the_data(
    model: Calo4pQVAE, e_inc: Tensor, generator: torch.Generator
) -> None:
    bits = bits_of(model, e_inc, generator)
    negative = phase(model, "cd", sweeps=0)
    for _ in range(2):
        chains, energies = negative.run(bits, e_inc)
        assert torch.equal(chains, bits)
        assert torch.equal(energies, e_inc)
    assert negative.chains is None


def test_contrastive_divergence_forgets_the_last_batch(
    model: Calo4pQVAE, e_inc: Tensor, generator: torch.Generator
) -> None:
    bits = bits_of(model, e_inc, generator)
    alone = phase(model, "cd", sweeps=3).run(bits, e_inc)[0]
    negative = phase(model, "cd", sweeps=3)
    state = negative._sampler.noise.state()
    negative.run(~bits, e_inc)
    negative._sampler.noise.restore(state)
    assert torch.equal(negative.run(bits, e_inc)[0], alone)


@pytest.mark.parametrize("kind", ["cd", "pcd"])
@pytest.mark.parametrize("sweeps", [0, 2])
def test_chains_are_clamped_to_the_code_of_their_energy(
    model: Calo4pQVAE, e_inc: Tensor, generator: torch.Generator, kind: str, sweeps: int
) -> None:
    negative = phase(model, kind, sweeps)
    n_clamped = model.prior.graph.sizes[0]
    for factor in (1.0, 0.9, 0.5):
        energies = (factor * e_inc).clamp(min=100.0)
        chains, theirs = negative.run(bits_of(model, energies, generator), energies)
        assert torch.equal(chains[:, :n_clamped], model.code(theirs))
        assert torch.equal(theirs.sort(dim=0).values, energies.sort(dim=0).values)


def test_persistent_chains_begin_at_the_data_in_the_order_of_energy(
    model: Calo4pQVAE, e_inc: Tensor, generator: torch.Generator
) -> None:
    bits = bits_of(model, e_inc, generator)
    chains, energies = phase(model, "pcd", sweeps=0).run(bits, e_inc)
    order = e_inc[:, 0].argsort()
    assert torch.equal(energies, e_inc[order])
    assert torch.equal(chains, bits[order])


def test_persistent_chains_go_on_from_the_last_batch_whatever_the_data(
    model: Calo4pQVAE, e_inc: Tensor, generator: torch.Generator
) -> None:
    first, second = phase(model, "pcd", 2), phase(model, "pcd", 2)
    bits = bits_of(model, e_inc, generator)
    before = first.run(bits, e_inc)[0]
    second.run(bits, e_inc)
    one = first.run(bits, e_inc)
    other = second.run(bits_of(model, e_inc, generator), e_inc.flip(0))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
    assert not torch.equal(one[0], before)
    assert torch.equal(first.chains, one[0])


def test_no_sweeps_leave_persistent_latents_alone(
    model: Calo4pQVAE, e_inc: Tensor, generator: torch.Generator
) -> None:
    negative, n_clamped = phase(model, "pcd", 0), model.prior.graph.sizes[0]
    before = negative.run(bits_of(model, e_inc, generator), e_inc)[0].clone()
    after = negative.run(bits_of(model, e_inc, generator), e_inc.flip(0))[0]
    assert torch.equal(after[:, n_clamped:], before[:, n_clamped:])


@pytest.fixture
def machine(
    configure: Configure, toy_geometry: CylindricalGeometry
) -> Callable[[int, float], Calo4pQVAE]:
    """A function (seed, scale) -> model with twelve nodes, three of them clamped."""

    def make(seed: int, scale: float) -> Calo4pQVAE:
        small = ("prior.lattice=complete", "prior.nodes_per_partition=3", "prior.bias_order=1")
        model = build_model(configure(*small), toy_geometry)
        draw = torch.Generator().manual_seed(seed)
        for values in (model.prior.bias, model.prior.coupling):
            values.copy_(scale * torch.randn(values.shape, generator=draw))
        return model

    return make


CONDITIONS = torch.tensor([[110.0], [600.0], [2000.0], [9000.0]])
"""Energies [MeV] with the four different codes of three bits."""


def conditional(model: Calo4pQVAE) -> tuple[Tensor, Tensor]:
    """p(latents | energy) for the four conditions, enumerated, and the list of latents."""
    t, code = model.condition(CONDITIONS)
    return ExactSampler().conditional(model.prior.problem(t), code)


def divergence(truth: Calo4pQVAE, learnt: Calo4pQVAE) -> float:
    """Mean Kullback-Leibler divergence over the four conditions [nats]."""
    p, q = conditional(truth)[0].double(), conditional(learnt)[0].double()
    return float((p * (p / q).log()).sum(dim=1).mean())


def fit(truth: Calo4pQVAE, learnt: Calo4pQVAE, kind: str, sign: float) -> Calo4pQVAE:
    """Learn from exact samples of the truth, batch by batch as the training loop does."""
    negative = phase(learnt, kind, sweeps=5)
    optimiser = torch.optim.SGD([learnt.prior.bias, learnt.prior.coupling])
    draw = torch.Generator().manual_seed(7)
    which = torch.arange(256) % 4
    t, code = (value[which] for value in truth.condition(CONDITIONS))
    probabilities, states = conditional(truth)
    for step in range(300):
        optimiser.param_groups[0]["lr"] = 0.3 * (1 - step / 300)
        chosen = torch.multinomial(probabilities, 64, replacement=True, generator=draw)
        bits = torch.cat([code, states[chosen.T.flatten()]], dim=1)
        chains, theirs = negative.run(bits, CONDITIONS[which])
        data = learnt.prior.moments(bits, t)
        fantasy = learnt.prior.moments(chains, learnt.condition(theirs)[0])
        rule = centred_gradient(data, fantasy, learnt.prior.graph)
        learnt.prior.apply_gradient(Gradient(sign * rule.bias, sign * rule.coupling))
        optimiser.step()
    return learnt


@pytest.mark.parametrize("kind", ["cd", "pcd"])
def test_the_prior_learns_a_known_machine(
    kind: str, machine: Callable[[int, float], Calo4pQVAE]
) -> None:
    truth = machine(2, 0.8)
    assert len(torch.unique(truth.code(CONDITIONS), dim=0)) == 4
    assert divergence(truth, machine(1, 0.01)) > 0.5
    assert divergence(truth, fit(truth, machine(1, 0.01), kind, 1.0)) < 0.06


def test_a_gradient_of_the_wrong_sign_leads_away(
    machine: Callable[[int, float], Calo4pQVAE],
) -> None:
    truth, learnt = machine(2, 0.8), machine(1, 0.01)
    start = divergence(truth, learnt)
    assert divergence(truth, fit(truth, learnt, "cd", -1.0)) > 2 * start
