"""The prior's hand-written gradient against autograd through an enumerated likelihood.

Energies are written out here once more, with dense tensors, so that a slip in the package's
own energy cannot hide a slip in its gradient.
"""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from calo4pqvae.boltzmann.gradient import Moments, centred_gradient, moments, plain_gradient
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.samplers.exact import enumerate_states

SIZES = (2, 2, 3, 2)
N_DATA = 12


@dataclass
class Machine:
    """A prior in double precision, showers' bits, and the exact model expectations."""

    prior: BoltzmannMachine
    bits: Tensor
    t: Tensor

    @property
    def free(self):
        return enumerate_states(sum(SIZES[1:])).double()

    def completions(self):
        """All states of the free nodes beside each datum's clamped ones: (data, states, n)."""
        clamped = self.bits[:, : SIZES[0]].double()
        n = len(self.free)
        left = clamped[:, None].expand(-1, n, -1)
        return torch.cat([left, self.free.expand(N_DATA, -1, -1)], dim=2)

    def log_likelihood(self, bias, coupling, centre):
        """Mean of log p(free | clamped), with nodes measured from `centre`."""
        features = self.prior.features(self.t)

        def energy(z):
            i, j = self.prior.graph.edges
            z = z - centre
            return -torch.einsum("dk,kn,dsn->ds", features, bias, z) - torch.einsum(
                "dse,e->ds", z[..., i] * z[..., j], coupling
            )

        log_z = torch.logsumexp(-energy(self.completions()), dim=1)
        return (-energy(self.bits.double()[:, None])[:, 0] - log_z).mean()

    def model_moments(self):
        """Exact moments of the conditional distributions, averaged over the data's energies."""
        rows = self.completions()
        e = torch.stack(
            [
                self.prior.energy(r, t.expand(len(r), 1))
                for r, t in zip(rows, self.t, strict=True)
            ]
        )
        p = torch.softmax(-e, dim=1)
        i, j = self.prior.graph.edges
        node = torch.einsum("dk,ds,dsn->kn", self.prior.features(self.t), p, rows) / N_DATA
        edge = torch.einsum("ds,dse->e", p, rows[..., i] * rows[..., j]) / N_DATA
        return Moments(node, edge)

    def data_moments(self):
        return self.prior.moments(self.bits, self.t)


@pytest.fixture(params=[0, 1, 3], ids=["order 0", "order 1", "order 3"])
def machine(request, generator):
    graph = FourPartiteGraph.complete(SIZES)
    prior = BoltzmannMachine(graph, bias_order=request.param, scale=0.7, generator=generator)
    prior = prior.double()
    noise = torch.randn(prior.bias.shape, generator=generator, dtype=torch.float64)
    prior.bias += 0.5 * noise
    bits = torch.rand(N_DATA, graph.n_nodes, generator=generator) < 0.4
    t = torch.rand(N_DATA, 1, generator=generator, dtype=torch.float64)
    return Machine(prior, bits, t)


def by_autograd(machine, centre, bias=None):
    bias = (machine.prior.bias if bias is None else bias).clone().requires_grad_()
    coupling = machine.prior.coupling.clone().requires_grad_()
    machine.log_likelihood(bias, coupling, centre).backward()
    return bias.grad, coupling.grad


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_plain_gradient_is_that_of_the_enumerated_likelihood(machine):
    bias, coupling = by_autograd(machine, torch.zeros(sum(SIZES), dtype=torch.float64))
    found = plain_gradient(machine.data_moments(), machine.model_moments(), machine.prior.graph)
    assert_same(found.bias, bias)
    assert_same(found.coupling, coupling)
    assert float(coupling.abs().min()) > 1e-4


def test_centred_gradient_is_that_of_the_centred_machine_carried_back(machine):
    """E = -sum b'(z-mu) - sum W (z-mu)(z-mu) equals eq. (2) for b' = b + W mu."""
    data, model = machine.data_moments(), machine.model_moments()
    mu = (data.node[0] + model.node[0]) / 2
    i, j = machine.prior.graph.edges
    w = torch.zeros(len(mu), len(mu), dtype=torch.float64)
    w[i, j] = w[j, i] = machine.prior.coupling
    centred = machine.prior.bias.clone()
    centred[0] += w @ mu
    bias, coupling = by_autograd(machine, mu, centred)
    g = torch.zeros_like(w)
    g[i, j] = g[j, i] = coupling
    bias[0] -= g @ mu
    bias[:, : SIZES[0]] = 0
    found = centred_gradient(data, model, machine.prior.graph)
    assert_same(found.coupling, coupling)
    assert_same(found.bias, bias)


@pytest.mark.parametrize("gradient", [plain_gradient, centred_gradient])
def test_clamped_biases_do_not_move(machine, gradient):
    found = gradient(machine.data_moments(), machine.model_moments(), machine.prior.graph)
    assert (found.bias[:, : SIZES[0]] == 0).all()
    assert (found.bias[:, SIZES[0] :] != 0).all()


def flip(z, node):
    flipped = z.clone()
    flipped[:, node] = ~flipped[:, node]
    return flipped


def changed_by_flip(gradient, generator, node):
    """By how much an update of a machine with one node flipped differs from the flipped update.

    Writing z' = 1 - z for one node turns W into -W on its couplers and adds W to the biases
    of its neighbours; an invariant update transforms in the same way.
    """
    graph = FourPartiteGraph.complete(SIZES)
    data = torch.rand(40, graph.n_nodes, generator=generator) < 0.3
    model = torch.rand(40, graph.n_nodes, generator=generator) < 0.6
    model[:, : SIZES[0]] = data[:, : SIZES[0]]
    one = torch.ones(40, 1, dtype=torch.float64)

    def update(d, m):
        return gradient(moments(d, one, graph), moments(m, one, graph), graph)

    before, after = update(data, model), update(flip(data, node), flip(model, node))
    i, j = graph.edges
    at_node = (i == node) | (j == node)
    coupling = torch.where(at_node, -before.coupling, before.coupling)
    bias = before.bias[0].clone()
    bias[node] *= -1
    bias.index_add_(0, (i + j - node)[at_node], before.coupling[at_node])
    free = slice(SIZES[0], None)
    return max(
        float((after.coupling - coupling).abs().max()),
        float((after.bias[0] - bias)[free].abs().max()),
    )


@pytest.mark.parametrize("node", [0, 3, 8])
def test_centred_update_is_invariant_under_flips(generator, node):
    assert changed_by_flip(centred_gradient, generator, node) < 1e-14


def test_plain_update_is_not(generator):
    assert changed_by_flip(plain_gradient, generator, 3) > 1e-2


def test_moments_are_plain_averages(generator):
    graph = FourPartiteGraph.complete(SIZES)
    bits = torch.rand(30, graph.n_nodes, generator=generator) < 0.5
    features = torch.rand(30, 3, generator=generator, dtype=torch.float64)
    found = moments(bits, features, graph)
    for k in range(3):
        for node in range(graph.n_nodes):
            mean = (features[:, k] * bits[:, node]).mean()
            torch.testing.assert_close(found.node[k, node], mean)
    for e, (i, j) in enumerate(graph.edges.T.tolist()):
        assert float(found.edge[e]) == pytest.approx(
            float((bits[:, i] & bits[:, j]).sum()) / 30
        )
