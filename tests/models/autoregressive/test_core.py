"""The compiled core: the showers of torch, bits of the right distribution, no company kept."""

import numpy as np
import pytest
import torch

import calo4pqvae.models.autoregressive.model as layered
from calo4pqvae._core import cpp
from calo4pqvae._core.rng import RowNoise, SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.data.energy_code import ThermometerCode
from calo4pqvae.data.transforms import EnergyScale
from calo4pqvae.errors import CheckpointError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.compiled import compiled
from calo4pqvae.models.autoregressive.core import Core
from calo4pqvae.models.autoregressive.layer_energies import LongitudinalDistribution
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.autoregressive.packing import pack, to_bytes
from calo4pqvae.models.storage import load_pretrained
from calo4pqvae.models.voxels import SharedVoxels
from calo4pqvae.testing.statistics import chi_square_p_value

pytestmark = pytest.mark.skipif(not Core.available(), reason="there is no C++ compiler")

THRESHOLD = 0.0151515
SHAPES = {
    "four groups": (6, 16, 9),
    "two groups": (4, 8, 3),
    "odd": (3, 7, 4),
    "two sectors": (3, 2, 4),
    "one sector": (3, 1, 6),
}


def small_model(shape, generator, clamped=0):
    """A model of random weights, every one of which matters."""
    n_layers, n_alpha, n_r = shape
    geometry = CylindricalGeometry.regular(
        n_layers, n_alpha, [float(r) for r in range(n_r + 1)], threshold=THRESHOLD
    )
    graph, scale = FourPartiteGraph.complete([clamped, 3, 3, 3]), EnergyScale(1e3, 1e6)
    prior = BoltzmannMachine(graph, bias_order=2, coupling_bins=4)
    distribution = LongitudinalDistribution(
        n_layers, THRESHOLD, graph.n_nodes, (1, 1, 1, 1, 0), 4, 5
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20260101)  # whatever other tests have drawn before
        decoder = CausalDecoder(shape, THRESHOLD, (4, 6, 8, 10))
    model = LayeredQVAE(
        geometry=geometry,
        scale=scale,
        code=ThermometerCode(clamped, scale),
        prior=prior,
        distribution=distribution,
        decoder=decoder,
        voxels=SharedVoxels(THRESHOLD, n_r),
    )
    with torch.no_grad():
        for value in (*decoder.parameters(), *prior.buffers()):
            value.add_(torch.randn(value.shape, generator=generator), alpha=0.4)
        distribution.node_of_bit.copy_(
            clamped + torch.randperm(9, generator=generator)[: distribution.levels.n_bits]
        )
        distribution.marginals.absent += 11 + torch.randn(
            distribution.marginals.absent.shape, generator=generator
        )
        # Layers of MeV, where torch has its digits.
        distribution.marginals.table[:, n_layers] -= 8
        mixed = torch.randn(4, n_layers + 4, 2 * n_layers + 8, generator=generator)
        mixed = mixed @ mixed.transpose(1, 2)
        width = mixed.diagonal(dim1=1, dim2=2).sqrt()
        distribution.copula.correlation.copy_(mixed / width[:, :, None] / width[:, None])
    return model.eval()


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def model(request, generator):
    return small_model(request.param, generator)


@pytest.fixture
def given(model, generator):
    """Layer energies of which some are zero, incident energies, and bits."""
    n, (n_layers, *_) = 400, model.decoder.shape
    layers = torch.exp(5 * torch.rand(n, n_layers, generator=generator) - 3)
    layers[torch.rand(n, n_layers, generator=generator) < 0.3] = 0
    layers[:, 1] = 0
    layers[0] = 0
    e_inc = 1e3 * torch.exp(6.9 * torch.rand(n, 1, generator=generator))
    bits = torch.rand(n, model.prior.graph.n_nodes, generator=generator) < 0.5
    return layers, e_inc, bits


def by_torch(monkeypatch, function, *args):
    with monkeypatch.context() as patch:
        patch.setattr(layered, "compiled", lambda _: None)
        return function(*args)


def rows_alike(one, other):
    """Showers that agree; one hit more makes another shower of all that follows."""
    return torch.isclose(one, other, rtol=0.03, atol=1e-3).flatten(start_dim=1).all(dim=1)


def test_voxels_are_those_of_torch(model, given, monkeypatch):
    layers, e_inc, _ = given
    drawn = model.decode_layers(layers, e_inc, SharedNoise(3))
    plain = by_torch(monkeypatch, model.decode_layers, layers, e_inc, SharedNoise(3))
    assert float(((drawn > 0) == (plain > 0)).float().mean()) > 0.999
    assert float(rows_alike(drawn, plain).float().mean()) > 0.95
    assert torch.allclose(drawn.sum(dim=(2, 3)), layers, rtol=1e-4, atol=1e-5)


def test_showers_of_given_bits_are_those_of_torch(model, given, monkeypatch):
    _, e_inc, bits = given
    for noise in (lambda: SharedNoise(3), lambda: RowNoise(3, 11)):
        drawn = model.decode(bits, e_inc, noise())
        plain = by_torch(monkeypatch, model.decode, bits, e_inc, noise())
        assert float(rows_alike(drawn, plain).float().mean()) > 0.9


def test_every_weight_has_a_part(model, given):
    """A twin in which one tensor was forgotten draws other showers."""
    layers, e_inc, _ = given
    drawn = model.decode_layers(layers, e_inc, SharedNoise(3))
    with torch.no_grad():
        for name, value in model.decoder.named_parameters():
            kept = value.clone()
            value.zero_()
            other = model.decode_layers(layers, e_inc, SharedNoise(3))
            value.copy_(kept)
            assert not torch.equal(drawn, other), name


@pytest.fixture
def sixteen(generator):
    return small_model(SHAPES["four groups"], generator)


def test_a_shower_does_not_notice_company_or_threads(sixteen, monkeypatch):
    e_inc = torch.linspace(2e3, 9e5, 60)[:, None]
    bits, energies = sixteen.sample(e_inc, 5, 100, 7)
    whole = sixteen.decode(bits, e_inc, RowNoise(5, 100))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    again, _ = sixteen.sample(e_inc, 5, 100, 7)
    assert torch.equal(bits, again)
    assert torch.equal(whole, sixteen.decode(bits, e_inc, RowNoise(5, 100)))
    for start, end in ((0, 1), (17, 40), (59, 60)):
        rows = slice(start, end)
        mine, energy = sixteen.sample(e_inc[rows], 5, 100 + start, 7)
        assert torch.equal(mine, bits[rows])
        assert torch.equal(energy, energies[rows])
        part = sixteen.decode(mine, e_inc[rows], RowNoise(5, 100 + start))
        assert torch.equal(part, whole[rows])
    other, _ = sixteen.sample(e_inc, 6, 100, 7)
    assert not torch.equal(other, bits)


@pytest.mark.parametrize("clamped", [0, 5])
def test_bits_have_the_distribution_of_the_machine(generator, clamped):
    """All 512 states, at two energies of which each has couplings of its own."""
    model, n = small_model((3, 2, 4), generator, clamped), 20_000
    states = np.arange(512)[:, None] >> np.arange(9) & 1
    for energy in (3e3, 4e5):
        e_inc = torch.full((n, 1), energy)
        bits, energies = model.sample(e_inc, 1, 0, 40)
        t, code = model.condition(e_inc)
        assert torch.equal(bits[:, :clamped], code)
        assert torch.allclose(energies, model.prior.energy(bits.float(), t), atol=1e-4)
        number = (bits[:, clamped:].numpy() << np.arange(9)).sum(axis=1)
        every = np.hstack([np.repeat(code[:1].numpy(), 512, axis=0), states])
        log_p = -model.prior.energy(torch.from_numpy(every).float(), t[:1].expand(512, 1))
        expected = n * torch.softmax(log_p.double(), dim=0).numpy()
        found = np.bincount(number, minlength=512)
        # Two cases of a false alarm in ten thousand each; a twin of another energy must fail.
        assert chi_square_p_value(found, expected) > 1e-4
        wrong = -model.prior.energy(torch.from_numpy(every).float(), 1 - t[:1].expand(512, 1))
        twin = n * torch.softmax(wrong.double(), dim=0).numpy()
        assert chi_square_p_value(found, twin) < 1e-6


def test_changed_weights_make_a_new_core(sixteen):
    first = compiled(sixteen)
    assert compiled(sixteen) is first
    with torch.no_grad():
        sixteen.prior.bias += 0.1
    assert compiled(sixteen) is not first


def test_damaged_weights_are_refused(sixteen):
    whole = to_bytes(pack(sixteen, sweeps=3))
    Core(whole)
    rng = np.random.default_rng(20260101)
    for _ in range(40):
        broken = bytearray(whole)
        broken[rng.integers(len(broken))] ^= 1 << rng.integers(8)
        with pytest.raises(CheckpointError, match=r"damaged|another version"):
            Core(bytes(broken))
        with pytest.raises(CheckpointError, match="damaged"):
            Core(whole[: rng.integers(len(whole))] or b"0")


def test_without_a_compiler_there_is_no_core(tmp_path, monkeypatch):
    (tmp_path / "core.hpp").write_text("int answer() { return 42; }\n")
    monkeypatch.setenv("CXX", "/nonexistent/compiler")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(cpp.importlib.util, "find_spec", lambda _: None)
    assert cpp.load_library(tmp_path, "core.hpp") is None


def test_the_pretrained_model_draws_the_showers_of_torch(monkeypatch):
    """At most one of 128 with another hit (one of 500 over many), energies to 1e-4."""
    model = load_pretrained().model
    e_inc = 1e3 * torch.logspace(0.01, 2.99, 128)[:, None]
    bits, _ = model.sample(e_inc, 2, 0, 50)
    drawn = model.decode(bits, e_inc, RowNoise(2, 0))
    plain = by_torch(monkeypatch, model.decode, bits, e_inc, RowNoise(2, 0))
    same = ((drawn > 0) == (plain > 0)).flatten(start_dim=1).all(dim=1)
    assert int((~same).sum()) <= 1
    hits = plain[same] > 0
    difference = (drawn[same][hits] / plain[same][hits] - 1).abs()
    assert float(difference.median()) < 1e-4
