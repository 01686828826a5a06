"""What is known layer by layer is what training sees all at once; drawn showers obey it."""

import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.models.autoregressive.sectors import shear_odd_rings, unshear_odd_rings
from calo4pqvae.models.cellwise.compiled import CompiledCells
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.draws import draw_voxels
from calo4pqvae.models.cellwise.lateral import DRAWN, LEARNT, Aims, Lateral, block_ends
from calo4pqvae.models.cellwise.likelihood import losses, measured
from calo4pqvae.models.voxels.quantiles import QuantileTable


@pytest.fixture
def shape(decoder):
    """Distributions of hits as they are trained, not reshaped."""
    return QuantileTable(decoder.shape[2])


@pytest.fixture
def tables(decoder):
    """Corrections of draws that correct nothing."""
    return DrawCorrections(decoder.shape)


@torch.no_grad()
def test_walking_tells_what_training_sees(decoder, showers):
    x, t = showers
    lateral = decoder.measure(x)
    wholes = decoder(x, t, lateral)
    decoding = decoder.init_cells(x.sum(dim=(2, 3)), t, lateral, LEARNT)
    for layer in range(x.shape[1]):
        for one, whole in zip(decoder.step_cells(decoding, layer), wholes, strict=True):
            assert torch.allclose(one, whole[:, layer], atol=2e-4)
        decoder.update_cells(decoding, x[:, layer])


def draw(decoder, showers, make, seed=3):
    x, t = showers
    layers, lateral = x.sum(dim=(2, 3)), decoder.measure(x)
    each = 2 + 2 * x[0, 0].numel()
    chances = torch.rand(
        len(x), x.shape[1], each, generator=torch.Generator().manual_seed(seed)
    )
    with torch.no_grad():
        return make(layers, lateral, t, chances), layers


def test_layers_sum_to_their_energies(decoder, showers, shape, tables):
    made, layers = draw(decoder, showers, CompiledCells(decoder, shape, tables))
    assert torch.allclose(made.sum(dim=(2, 3)), layers, rtol=1e-4, atol=1e-3)
    assert float(made[made > 0].min()) >= decoder.threshold * (1 - 1e-6)


def reshaping_table(shape, seed=0):
    """A table that moves levels by up to one unit of the logit, rising all the same."""
    shift = torch.rand(shape.table.shape, generator=torch.Generator().manual_seed(seed))
    shape.table.copy_((shape.table + 2 * shift - 1).sort(dim=-1).values)
    edges = torch.linspace(2, 9, shape.edges.shape[1])
    shape.edges.copy_(edges.expand_as(shape.edges))
    return shape


def corrected(tables, seed=1):
    """Corrections of every kind, by up to one unit."""
    generator = torch.Generator().manual_seed(seed)
    for part in (tables.rings, tables.bonds, tables.far):
        part.copy_(2 * torch.rand(part.shape, generator=generator) - 1)
    tables.levels.copy_(tables.levels ** (0.7 + 0.6 * torch.rand(1, generator=generator)))
    tables.moves.copy_(0.05 * torch.rand(tables.moves.shape, generator=generator))
    tables.last[:, 1] = 0.8 * tables.last[:, 1] + torch.rand(1, generator=generator)


def test_compiled_code_and_torch_draw_the_same(decoder, showers, shape, tables):
    table = reshaping_table(shape)
    corrected(tables)

    def by_torch(*given):
        return draw_voxels(decoder, table, tables, *given)

    one, _ = draw(decoder, showers, CompiledCells(decoder, shape, tables))
    other, _ = draw(decoder, showers, by_torch)
    assert torch.equal(one > 0, other > 0)
    apart = (one - other).abs() / (other + 1e-2)
    assert float(apart.max()) < 0.05
    assert int((apart > 0.01).sum()) < 0.005 * int(
        (one > 0).sum()
    )  # rounding, enlarged by moves
    another, _ = draw(decoder, showers, by_torch, seed=4)
    assert not torch.allclose(one, another, rtol=1e-3, atol=1e-4)


def test_draws_follow_the_likelihood(decoder, showers, shape, tables):
    """The gradient of the likelihood of a model's own showers vanishes on average."""
    x, t = (part.repeat(40, *[1] * (part.ndim - 1)) for part in showers)
    made, _ = draw(decoder, (x, t), CompiledCells(decoder, shape, tables))
    for term, part in (("hits", slice(0, 1)), ("values", slice(2, None))):
        lengths = []
        for given in (made, unshear_odd_rings(x)):
            loss = losses(decoder, given, t)[term]
            (slope,) = torch.autograd.grad(loss, decoder.mean)
            lengths.append(float(slope[:, part].norm()))
        assert lengths[0] < 0.35 * lengths[1]


def test_levels_of_drawn_hits_are_as_the_table_says(decoder, showers, shape, tables):
    """Uniform without a table; with one they are not, and a fit finds it. Limit: 1 in 1,000.

    A tenth of a unit is lost where both distributions overlap: which one a hit is of is not
    known.
    """
    x, t = (part.repeat(20, *[1] * (part.ndim - 1)) for part in showers)
    x = 50 * x  # few hits stand at the threshold or take all that there is room for

    def distance(table):
        made, _ = draw(decoder, (x, t), CompiledCells(decoder, table, tables))
        with torch.no_grad():
            found = measured(decoder, made, t, SharedNoise(2), decoder.measure(x))
        ranked = torch.sigmoid(found[1]).sort().values
        even = (torch.arange(len(ranked)) + 0.5) / len(ranked)
        return float((ranked - even).abs().max()) * len(ranked) ** 0.5, found

    assert distance(shape)[0] < 1.95
    shape.table.copy_(shape.table - 0.5)
    far, found = distance(shape)
    assert far > 5
    fitted = QuantileTable(len(shape.table))
    assert fitted.fit(*found)
    key, _, ring = found
    assert abs(float(fitted.at(key, torch.full_like(key, 0.5), ring).mean()) + 0.5) < 0.1


def test_the_axis_is_as_far_from_the_centre_as_wanted(decoder, showers):
    x, t = showers
    measured = decoder.measure(x)
    turned = Lateral(-measured.centres, measured.radius)
    aims = [decoder(x, t, lateral)[1] for lateral in (measured, turned)]
    assert not torch.allclose(*aims)
    assert torch.equal(shear_odd_rings(unshear_odd_rings(x)), x)


def test_draws_make_up_for_less_of_what_they_missed(decoder, showers):
    """The last layer of a block is told less of its miss, the first one more of its aim."""
    x, _ = showers
    layers, lateral = x.sum(dim=(2, 3)), decoder.measure(x)
    nothing = torch.zeros(len(x), 1, 4)
    first, last = 0, block_ends(layers.shape[1])[-1] - 1
    lengths = {}
    for steering in (LEARNT, DRAWN):
        aims = Aims.set(lateral, layers, steering)
        for layer in (first, last):
            directions, _ = aims.at(slice(layer, layer + 1), nothing, nothing[..., :2])
            lengths[steering, layer] = directions[:, 0, 2].norm(dim=-1)
    share = layers[:, last] / layers.sum(dim=1)
    mine = (layers[:, first] > 0) & (share > 0) & (lengths[LEARNT, last] < 0.9)
    ratio = {k: (lengths[DRAWN, k] / lengths[LEARNT, k])[mine] for k in (first, last)}
    expected = 1.12 * (share + 0.05) / (share + 0.06)
    torch.testing.assert_close(ratio[last], expected[mine], rtol=1e-3, atol=1e-3)
    assert (ratio[first] > 1.04).all()
