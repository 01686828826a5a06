"""Voxels of given layer energies, drawn by torch and by compiled code."""

import pytest
import torch

import calo4pqvae.models.autoregressive.drawing.compiled as compiled_draws
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.drawing import CompiledDraws, draw_voxels
from calo4pqvae.models.voxels import SharedVoxels

THRESHOLD = 0.0151515


SHAPES = {
    "four groups": (6, 16, 9),
    "two groups": (4, 8, 3),
    "odd": (3, 7, 4),
    "two sectors": (3, 2, 4),
    "one sector": (3, 1, 6),
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def parts(request, generator):
    """A decoder whose every weight matters, layers of which some are empty, and chances."""
    shape, n = request.param, 400
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20260101)  # whatever other tests have drawn before
        decoder = CausalDecoder(shape, THRESHOLD, (4, 6, 8, 10)).eval()
    with torch.no_grad():
        for value in decoder.parameters():
            value.add_(torch.randn(value.shape, generator=generator), alpha=0.4)
    voxels = SharedVoxels(THRESHOLD, shape[2])
    layers = torch.exp(5 * torch.rand(n, shape[0], generator=generator) - 3)
    layers[torch.rand(n, shape[0], generator=generator) < 0.3] = 0
    layers[:, 1] = 0
    layers[0] = 0
    t = torch.rand(n, 1, generator=generator)
    chances = torch.rand(n, shape[0], 2 + 2 * shape[1] * shape[2], generator=generator)
    return decoder, voxels, layers, t, chances.clamp(1e-5, 1 - 1e-5)


def rows_alike(one, other):
    """Showers that agree; one hit more makes another shower of all that follows."""
    return torch.isclose(one, other, rtol=0.03, atol=1e-3).flatten(start_dim=1).all(dim=1)


@torch.no_grad()
def test_compiled_draws_are_those_of_torch(parts):
    decoder, voxels, *given = parts
    plain = draw_voxels(decoder, voxels, *given)
    drawn = CompiledDraws(decoder, voxels)(*given)
    assert float(((drawn > 0) == (plain > 0)).float().mean()) > 0.999
    assert float(rows_alike(drawn, plain).float().mean()) > 0.95
    assert torch.allclose(drawn.sum(dim=(2, 3)), given[0], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_every_weight_has_a_part_in_compiled_draws(parts):
    """A twin in which one tensor was forgotten draws other showers."""
    decoder, voxels, *given = parts
    drawn = CompiledDraws(decoder, voxels)(*given)
    for name, value in decoder.named_parameters():
        kept = value.clone()
        value.zero_()
        other = CompiledDraws(decoder, voxels)(*given)
        value.copy_(kept)
        assert not torch.equal(drawn, other), name


@torch.no_grad()
def test_compiled_draws_do_not_depend_on_the_blocks(parts, monkeypatch):
    decoder, voxels, *given = parts
    whole = CompiledDraws(decoder, voxels)(*given)
    monkeypatch.setattr(compiled_draws, "_BLOCK", 17)
    blocks = CompiledDraws(decoder, voxels)(*given)
    assert float(rows_alike(whole, blocks).float().mean()) > 0.95
