"""The joined model: what it computes, what it refuses, and that all of it learns."""

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.gradient import centred_gradient, plain_gradient
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
from calo4pqvae.config import load_config
from calo4pqvae.errors import ConfigError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model

SHAPE = (23, 6, 8)
BATCH = 24
THRESHOLD = 2.0**-10

PAPER = [
    "data.energy_gev=[1,1000]",
    "prior.nodes_per_partition=60",
    "model.encoder_widths=[3,4,5,6]",
    "model.decoder_widths=[6,5,4,3]",
]
QUICK = [
    "data.energy_gev=[1,1000]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[6,5,16]",
    "model.decoder_widths=[16,5,6,8]",
]


@pytest.fixture(scope="module")
def geometry():
    return CylindricalGeometry.regular(
        *SHAPE[:2], [4.0 * i for i in range(9)], threshold=THRESHOLD
    )


@pytest.fixture(params=[("paper", PAPER), ("quick", QUICK)], ids=["paper", "quick"])
def model(request, geometry):
    return build_model(load_config(request.param[0], settings=request.param[1]), geometry)


@pytest.fixture
def batch(generator):
    e_inc = 10 ** (3 + 3 * torch.rand(BATCH, 1, generator=generator))
    showers = torch.rand(BATCH, *SHAPE, generator=generator) ** 4
    hits = torch.rand(BATCH, *SHAPE, generator=generator) < 0.5
    return 0.01 * e_inc[:, :, None, None] * showers * hits, e_inc


def test_every_network_parameter_receives_a_gradient(model, batch):
    model.train()
    losses = model(*batch, SharedNoise(1), 2.0)
    losses.total(0.7).backward()
    assert list(model.prior.parameters()) == []
    assert model.prior.bias.grad is None
    assert model.prior.coupling.grad is None
    sizes = {
        name: None if p.grad is None else float(p.grad.norm())
        for name, p in model.named_parameters()
    }
    assert len(sizes) > 20
    assert not [name for name, size in sizes.items() if size is None]
    # A gradient that vanishes up to rounding is none at all: 1e-7 of the largest.
    largest = max(sizes.values())
    assert largest < float("inf")
    assert not {name: size for name, size in sizes.items() if not size > 1e-7 * largest}


def reaches(term, network):
    grads = torch.autograd.grad(
        term, list(network.parameters()), retain_graph=True, allow_unused=True
    )
    return any(g is not None and float(g.norm()) > 1e-6 for g in grads)


def test_which_term_teaches_which_network(model, batch, generator):
    """Voxels and the prior's energy reach the encoder through the relaxed bits."""
    coupling = model.prior.coupling
    coupling.copy_(0.1 * torch.randn(coupling.shape, generator=generator))
    losses = model.train()(*batch, SharedNoise(1), 2.0)
    for level in model.encoder.levels:
        assert reaches(losses.values, level)
        assert reaches(losses.hits, level)
        assert reaches(losses.positive_energy, level)
        assert reaches(losses.negative_entropy, level)
    assert reaches(losses.values, model.decoder)
    assert reaches(losses.hits, model.decoder)
    assert not reaches(losses.positive_energy, model.decoder)
    assert not reaches(losses.negative_entropy, model.decoder)


@pytest.mark.parametrize("gradient", [plain_gradient, centred_gradient])
def test_every_coupling_and_free_bias_moves_in_one_step(model, batch, gradient, generator):
    """With chains and data that differ, no coupler may be left behind."""
    prior = model.prior
    t, code = model.condition(batch[1].repeat(8, 1))
    bits = torch.rand(len(t), prior.graph.n_nodes, generator=generator) < 0.3
    bits[:, : prior.graph.sizes[0]] = code
    states = GibbsSampler(prior.graph, SharedNoise(2)).sample(prior.problem(t), code, 2, bits)
    before = prior.bias.clone(), prior.coupling.clone()
    step = gradient(prior.moments(bits, t), prior.moments(states, t), prior.graph)
    prior.apply_gradient(step)
    torch.optim.SGD([prior.bias, prior.coupling], lr=0.1).step()
    i, j = prior.graph.edges
    varying = code.any(0) & ~code.all(0)  # centring leaves nothing of a constant node
    used = torch.cat([varying, varying.new_ones(prior.graph.n_latents)])
    seen = used[i] & used[j]
    assert (prior.coupling != before[1])[seen].float().mean() > 0.99
    n0 = prior.graph.sizes[0]
    assert torch.equal(prior.bias[:, :n0], before[0][:, :n0])
    assert (prior.bias != before[0])[0, n0:].float().mean() > 0.9


def test_losses_are_finite_and_add_up(model, batch):
    losses = model(*batch, SharedNoise(1), 2.0)
    kl = losses.negative_entropy + losses.positive_energy
    torch.testing.assert_close(losses.total(0.3), losses.values + losses.hits + 0.3 * kl)
    assert torch.isfinite(losses.total(0.3))
    assert float(losses.negative_entropy.detach()) <= 0
    assert losses.bits.shape == (BATCH, model.prior.graph.n_nodes)
    assert torch.equal(losses.bits[:, : model.prior.graph.sizes[0]], model.code(batch[1]))


def test_encode_and_decode(model, batch):
    model.eval()
    bits = model.encode(*batch, SharedNoise(3))
    assert bits.shape == (BATCH, model.prior.graph.n_nodes)
    assert bits.dtype == torch.bool
    showers = model.decode(bits, batch[1], SharedNoise(4))
    assert showers.shape == (BATCH, *SHAPE)
    assert showers.dtype == torch.float32
    assert torch.isfinite(showers).all()
    hits = showers[showers != 0]
    assert 0 < len(hits) < showers.numel()
    assert float(hits.min()) >= model.geometry.threshold


def test_the_same_noise_gives_the_same_result(model, batch):
    model.eval()
    first, second = (model.encode(*batch, SharedNoise(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, model.encode(*batch, SharedNoise(4)))
    made = [model.decode(first, batch[1], SharedNoise(seed)) for seed in (5, 5, 6)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_exact_bits_of_training_are_those_of_encoding(model, batch):
    """With sharp relaxation both ways draw the same bits from the same numbers."""
    model.eval()
    relaxed = model(*batch, SharedNoise(3), 1e5).bits
    exact = model.encode(*batch, SharedNoise(3))
    assert (relaxed == exact).float().mean() > 0.999


@pytest.mark.parametrize("e_inc", [999.0, 1.01e6, float("nan")])
def test_energies_outside_the_range_are_refused(model, batch, e_inc):
    showers, energies = batch[0][:2], torch.tensor([[1e4], [e_inc]])
    with pytest.raises(ConfigError, match="1 of 2 incident energies lie outside"):
        model(showers, energies, SharedNoise(0), 1.0)
    with pytest.raises(ConfigError, match="1 of 2 incident energies lie outside"):
        model.encode(showers, energies, SharedNoise(0))


def test_read_out_keeps_what_reaches_the_threshold(model):
    below = THRESHOLD * (1 - 1e-6)
    shower = torch.zeros(1, *SHAPE)
    shower[0, 0, 0, :4] = torch.tensor([0.0, below, THRESHOLD, 7.0])
    read = model.read_out(shower)
    assert read[0, 0, 0, :4].tolist() == [0.0, 0.0, THRESHOLD, 7.0]


def test_hits_at_the_threshold_of_dataset_2_are_kept():
    """The threshold is no float32 number; a voxel drawn exactly there must survive."""
    settings = [*QUICK, "prior.nodes_per_partition=4"]
    model = build_model(
        load_config("quick", settings=settings), CylindricalGeometry.dataset_2()
    )
    lowest = torch.full((1, 45, 16, 9), model.geometry.threshold)
    assert torch.equal(model.read_out(lowest), lowest)


def test_the_same_configuration_builds_the_same_weights(geometry):
    config = load_config("quick", settings=QUICK)
    before = torch.get_rng_state()
    first, second = (build_model(config, geometry).state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in first.items():
        assert torch.equal(second[name], value), name
    other = build_model(load_config("quick", settings=[*QUICK, "training.seed=1"]), geometry)
    assert not torch.equal(other.decoder.dense.weight, first["decoder.dense.weight"])
