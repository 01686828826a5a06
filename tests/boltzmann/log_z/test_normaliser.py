"""The exact conditional normaliser against plain loops, and the likelihood it makes."""

import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.log_z import normaliser as partition
from calo4pqvae.boltzmann.log_z.normaliser import (
    LogZEstimate,
    conditional_log_likelihood,
    exact_log_z,
)
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.exact import ExactSampler, enumerate_states
from calo4pqvae.errors import SamplerError

SIZES = (2, 3, 4, 2)
CLAMPED = enumerate_states(2)


@pytest.fixture
def problem(generator):
    """Couplings as strong as the biases; each clamped state has biases of its own."""
    graph = FourPartiteGraph.complete(SIZES)
    bias = torch.randn(4, graph.n_nodes, generator=generator, dtype=torch.float64)
    coupling = torch.randn(graph.n_edges, generator=generator, dtype=torch.float64)
    return BoltzmannProblem(graph, bias, coupling)


def loop_log_z(problem, clamped):
    """Add exp(-E) state by state, term by term."""
    edges = list(zip(problem.graph.edges.T.tolist(), problem.coupling.tolist(), strict=True))
    values = []
    for bias, code in zip(problem.bias.tolist(), clamped.int().tolist(), strict=True):
        total = 0.0
        for free in product((0, 1), repeat=problem.graph.n_latents):
            z = (*code, *free)
            exponent = sum(b * s for b, s in zip(bias, z, strict=True))
            exponent += sum(w * z[i] * z[j] for (i, j), w in edges)
            total += math.exp(exponent)
        values.append(math.log(total))
    return torch.tensor(values, dtype=torch.float64)


def test_exact_value_equals_a_loop_over_states(problem):
    expected = loop_log_z(problem, CLAMPED)
    torch.testing.assert_close(exact_log_z(problem, CLAMPED), expected, rtol=1e-13, atol=0)


def test_value_is_conditional_and_single_precision_is_lifted(problem):
    """The joint normaliser is another number; float32 problems are summed in float64."""
    shared = replace(problem, bias=problem.bias[:1].float(), coupling=problem.coupling.float())
    found = exact_log_z(shared, CLAMPED)
    energies = shared.double().energy(enumerate_states(11))
    joint = torch.logsumexp(-energies, dim=0)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.logsumexp(dim=0), joint, rtol=1e-14, atol=0)
    assert (joint - found > 0.1).all()


def test_blocks_of_states_join(problem, monkeypatch):
    whole = exact_log_z(problem, CLAMPED)
    monkeypatch.setattr(partition, "_BLOCK", 5)
    torch.testing.assert_close(exact_log_z(problem, CLAMPED), whole, rtol=1e-14, atol=0)


def test_uncoupled_machine_of_27_free_nodes(generator):
    """Its ln Z is a sum over nodes; 2^18 states are listed, in 16 blocks."""
    graph = FourPartiteGraph.complete((1, 9, 9, 9))
    bias = torch.randn(1, 28, generator=generator, dtype=torch.float64)
    problem = BoltzmannProblem(graph, bias, torch.zeros(graph.n_edges, dtype=torch.float64))
    expected = bias[0, 0] + torch.log1p(bias[0, 1:].exp()).sum()
    found = exact_log_z(problem, torch.ones(1, 1, dtype=torch.bool))
    torch.testing.assert_close(found[0], expected, rtol=1e-13, atol=0)


def test_derivatives_are_the_mean_bits(problem):
    """d ln Z / d b_i = p(z_i = 1) and d ln Z / d W_ij = p(z_i = z_j = 1)."""
    problem.bias.requires_grad_()
    problem.coupling.requires_grad_()
    exact_log_z(problem, CLAMPED).sum().backward()
    with torch.no_grad():
        p, states = ExactSampler().conditional(problem, CLAMPED)
    bits = torch.cat(
        [CLAMPED[:, None].expand(-1, len(states), -1), states.expand(4, -1, -1)], dim=2
    ).double()
    i, j = problem.graph.edges
    nodes = torch.einsum("cs,csn->cn", p, bits)
    edges = torch.einsum("cs,cse->e", p, bits[:, :, i] * bits[:, :, j])
    torch.testing.assert_close(problem.bias.grad, nodes, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(problem.coupling.grad, edges, rtol=1e-11, atol=1e-13)


def test_clamped_field_is_the_field_without_free_neighbours(problem):
    state = torch.cat([CLAMPED, torch.zeros(4, 9, dtype=torch.bool)], dim=1)
    for node in range(9):
        on = state.clone()
        on[:, 2 + node] = True
        torch.testing.assert_close(
            problem.field(CLAMPED)[:, node], problem.energy(state) - problem.energy(on)
        )


def all_states(code):
    free = enumerate_states(9)
    return torch.cat([code.expand(len(free), -1), free], dim=1)


def test_likelihood_is_normalised_over_the_free_nodes(problem):
    log_z = exact_log_z(problem, CLAMPED)
    for k, code in enumerate(CLAMPED):
        one = replace(problem, bias=problem.bias[k : k + 1])
        log_p = conditional_log_likelihood(one, all_states(code), log_z[k].expand(512))
        assert abs(log_p.logsumexp(dim=0)) < 1e-13
        assert (log_p < 0).all()


def test_biases_of_clamped_nodes_cancel_in_the_likelihood(problem):
    """A normaliser without them, the wrong twin, does not cancel."""
    bits = torch.cat([CLAMPED, torch.ones(4, 9, dtype=torch.bool)], dim=1)
    bias = problem.bias.clone()
    bias[:, :2] += 3.0
    shifted = replace(problem, bias=bias)
    before = conditional_log_likelihood(problem, bits, exact_log_z(problem, CLAMPED))
    after = conditional_log_likelihood(shifted, bits, exact_log_z(shifted, CLAMPED))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-12)
    without = shifted.bias.clone()
    without[:, :2] = 0
    twin = exact_log_z(replace(problem, bias=without), CLAMPED)
    wrong = conditional_log_likelihood(shifted, bits, twin)
    assert ((wrong - before).abs() > 0.5)[CLAMPED.any(dim=1)].all()


def test_estimate_averages_weights_with_the_jackknife(generator):
    logs = torch.randn(3, 7, generator=generator, dtype=torch.float64) + 400
    estimate = LogZEstimate.from_log_weights(logs)
    weights = (logs - 400).exp()
    left_out = torch.stack(
        [weights[:, [k for k in range(7) if k != c]].mean(dim=1).log() for c in range(7)]
    )
    spread = (left_out - left_out.mean(dim=0)).square().sum(dim=0)
    torch.testing.assert_close(estimate.value, 400 + weights.mean(dim=1).log())
    torch.testing.assert_close(estimate.error, (spread * 6 / 7).sqrt())
    size = weights.sum(dim=1) ** 2 / (weights**2).sum(dim=1)
    torch.testing.assert_close(estimate.effective_sample_size, size)
    assert estimate.n_chains == 7
    reverse = LogZEstimate.from_log_weights(logs, reverse=True)
    torch.testing.assert_close(reverse.value, -estimate.value)
    torch.testing.assert_close(reverse.error, estimate.error)


def test_one_chain_that_carries_all_weight_has_a_large_finite_error():
    logs = torch.tensor([[0.0, -100.0, -100.0, -100.0]], dtype=torch.float64)
    estimate = LogZEstimate.from_log_weights(logs)
    assert 50 < float(estimate.error[0]) < 100
    torch.testing.assert_close(estimate.effective_sample_size[0], torch.tensor(1.0).double())


def test_requests_that_do_not_fit_are_refused(problem):
    with pytest.raises(SamplerError, match="clamped states have 3 nodes"):
        exact_log_z(problem, torch.ones(4, 3, dtype=torch.bool))
    with pytest.raises(SamplerError, match="4 rows of biases do not fit 3 clamped states"):
        exact_log_z(problem, CLAMPED[:3])
    graph = FourPartiteGraph.complete((0, 13, 12, 13))
    wide = BoltzmannProblem(graph, torch.zeros(1, 38), torch.zeros(graph.n_edges))
    with pytest.raises(SamplerError, match=r"2\^25 states; at most 2\^24"):
        exact_log_z(wide, torch.ones(1, 0, dtype=torch.bool))
    with pytest.raises(SamplerError, match="at least 2 chains per condition, not 1"):
        LogZEstimate.from_log_weights(torch.zeros(2, 1))
