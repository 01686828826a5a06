"""The prior as a module: biases that follow the energy, and no automatic gradient."""

import pytest
import torch
from numpy.polynomial import legendre

from calo4pqvae.boltzmann.gradient import Gradient
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.errors import SamplerError


@pytest.fixture
def graph():
    return FourPartiteGraph.complete((2, 3, 3, 2))


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_features_are_legendre_polynomials(graph, order):
    t = torch.linspace(0, 1, 7, dtype=torch.float64)[:, None]
    found = BoltzmannMachine(graph, bias_order=order).double().features(t)
    expected = legendre.legvander(2 * t[:, 0].numpy() - 1, order)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-13, atol=1e-14)


def test_biases_and_energy_follow_the_incident_energy(graph, generator):
    prior = BoltzmannMachine(graph, bias_order=2, scale=1.0, generator=generator).double()
    prior.bias.copy_(torch.randn(3, 10, generator=generator, dtype=torch.float64))
    t = torch.tensor([[0.1], [0.9]], dtype=torch.float64)
    bits = torch.rand(2, 10, generator=generator) < 0.5
    assert prior.problem(t).bias.shape == (2, 10)
    torch.testing.assert_close(prior.problem(t).energy(bits), prior.energy(bits, t))
    other = prior.energy(bits, t.flip(0))
    assert not torch.allclose(other, prior.energy(bits, t))


def test_order_zero_has_one_row_of_biases(graph):
    assert BoltzmannMachine(graph).problem(torch.rand(4, 1)).bias.shape == (1, 10)


def test_the_prior_is_invisible_to_autograd_but_its_energy_is_not(graph, generator):
    prior = BoltzmannMachine(graph, scale=1.0, generator=generator)
    assert list(prior.parameters()) == []
    bits = torch.rand(3, 10, generator=generator).requires_grad_()
    prior.energy(bits, torch.rand(3, 1)).sum().backward()
    assert (bits.grad != 0).all()
    assert not prior.bias.requires_grad
    assert not prior.coupling.requires_grad


def test_energy_stays_in_full_precision_under_autocast(graph, generator):
    prior = BoltzmannMachine(graph, scale=1.0, generator=generator)
    bits = torch.rand(3, 10, generator=generator) < 0.5
    t = torch.rand(3, 1, generator=generator)
    expected = prior.energy(bits, t)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(prior.energy(bits, t), expected)


def test_apply_gradient_climbs(graph, generator):
    prior = BoltzmannMachine(graph, bias_order=1, scale=0.1, generator=generator)
    before = prior.bias.clone(), prior.coupling.clone()
    up = Gradient(
        torch.rand(2, 10, generator=generator), torch.rand(graph.n_edges, generator=generator)
    )
    prior.apply_gradient(up)
    torch.optim.SGD([prior.bias, prior.coupling], lr=0.5).step()
    torch.testing.assert_close(prior.bias, before[0] + 0.5 * up.bias)
    expected = before[1] + 0.5 * up.coupling
    torch.testing.assert_close(prior.coupling, expected)


def test_the_same_generator_gives_the_same_prior(graph):
    first, second = (
        BoltzmannMachine(graph, scale=0.3, generator=torch.Generator().manual_seed(1))
        for _ in range(2)
    )
    assert torch.equal(first.coupling, second.coupling)
    assert torch.equal(first.bias, second.bias)
    assert float(first.coupling.std()) > 0.1


def test_without_a_condition_a_machine_needs_none(generator):
    plain = BoltzmannMachine(FourPartiteGraph.complete((1, 1, 1, 1)), 0, 0.5, generator)
    bits, zeros = torch.rand(6, 4, generator=generator) < 0.5, torch.zeros(6, 1)
    assert torch.equal(plain.energy(bits), plain.energy(bits, zeros))
    assert torch.equal(plain.moments(bits).node, plain.moments(bits, zeros).node)
    assert plain.problem().bias.shape == (1, 4)
    for options in ({"bias_order": 1}, {"coupling_bins": 2}):
        machine = BoltzmannMachine(plain.graph, **options)
        with pytest.raises(SamplerError, match="depend on a condition"):
            machine.problem()
