"""Draws whose networks are wrong on average are right on average once corrected.

Counts of hits are compared by chi-square; showers of one layer depend on each other, so that
limits are twice the degrees of freedom; what is not corrected exceeds them.
"""

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from calo4pqvae._core.rng import RowNoise
from calo4pqvae.config import load_config
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.models.build import build_model
from calo4pqvae.models.cellwise.correcting import correct_energies, correct_levels
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.counting import Counts, SortedHits
from calo4pqvae.models.cellwise.fit_corrections import fit_corrections
from calo4pqvae.models.storage import load_model, save_model

TINY = [
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=10",
    "model.level_bits=[0,2,3,1,0]",
    "model.lateral_bits=1",
    "model.decoder_widths=[4,6,8,10]",
    "training.fit_steps=2",
]
N = 500


@pytest.fixture(scope="module")
def config():
    return load_config("cells", settings=TINY)


@pytest.fixture(scope="module")
def fitted(config, toy_geometry, tmp_path_factory):
    """A model fitted to showers that the same networks made when they were shifted, and these.

    Networks are untrained: what is wanted is known, a shift of rings, pairs and levels.
    """
    rng, folder = np.random.default_rng(5), tmp_path_factory.mktemp("showers")
    shape = toy_geometry.shape
    e_inc = np.exp(rng.uniform(np.log(200), np.log(9000), (N, 1))).astype(np.float32)
    voxels = rng.gamma(2.0, 0.5, (N, *shape)) * (rng.random((N, *shape)) < 0.4)
    voxels = (voxels * e_inc[..., None, None] / 20).astype(np.float32)
    model = build_model(config, toy_geometry).eval()
    batches = written(folder / "first.h5", toy_geometry, e_inc, voxels)
    model.fit(batches, config.training)
    generator, tables = torch.Generator().manual_seed(1), nothing(model)
    tables.rings.copy_(3 * torch.rand(tables.rings.shape, generator=generator))
    tables.bonds += 1.5
    tables.levels.copy_(tables.levels**2)
    tables.far -= 2
    tables.last[:, 1] *= 0.5
    model.corrections = tables
    e_inc = torch.from_numpy(e_inc)
    real = drawn(model, torch.from_numpy(voxels), e_inc, seed=4)
    model.corrections = nothing(model)
    batches = written(folder / "mine.h5", toy_geometry, e_inc.numpy(), real.numpy())
    fit_corrections(model, batches, 1)
    return model, real, e_inc


def written(path, geometry, e_inc, voxels):
    with ShowerWriter(path, geometry) as writer:
        writer.append(e_inc, voxels.reshape(len(voxels), -1))
    return ShowerBatches([ShowerFile(path)], np.arange(len(voxels)), 60, 1)


def nothing(model):
    return DrawCorrections(model.geometry.shape)


def drawn(model, voxels, e_inc, seed=9):
    return model.decode_layers(voxels.sum(dim=(2, 3)), e_inc, RowNoise(seed, 0))


def with_and_without(fitted):
    """Showers drawn with the corrections that were found, and with none."""
    model, voxels, e_inc = fitted
    one, found = drawn(model, voxels, e_inc), model.corrections
    model.corrections = nothing(model)
    other = drawn(model, voxels, e_inc)
    model.corrections = found
    return one, other


def chi_square(real, made, tables):
    """Chi-square of hits in rings and of pairs, over the degrees of freedom."""
    one, other = (Counts.of(showers, tables) for showers in (real, made))
    scale = (one.layers / other.layers.clamp(min=1))[:, None]
    found = []
    for x, y in (
        (one.rings, other.rings * scale),
        (one.pairs, other.pairs * scale),
        (one.far.flatten(1), other.far.flatten(1) * scale),
    ):
        some = x + y > 50
        assert some.sum() >= 3
        found.append(float(((x - y) ** 2 / (x + y))[some].mean()))
    return found


def test_corrected_draws_have_real_hits_and_pairs(fitted):
    model, real, _ = fitted
    fine, raw = (chi_square(real, made, model.corrections) for made in with_and_without(fitted))
    assert max(fine) < 2
    assert min(raw) > 2.5


def test_corrected_levels_give_real_energies():
    """Energies that rise with their level but for a scatter; real ones lie lower than drawn."""
    rng, tables, n = np.random.default_rng(3), DrawCorrections((6, 4, 3)), 4000
    row = np.repeat(np.arange(tables.n_levels), n)

    def energies(level):
        return np.exp(4 * level + 0.3 * rng.standard_normal(len(level)))

    def hits():
        shares = tables.levels.view(-1, len(tables.KNOTS)).numpy()
        u = rng.random((tables.n_levels, n))
        level = [np.interp(x, share, tables.KNOTS) for x, share in zip(u, shares, strict=True)]
        level = np.concatenate(level)
        energy = energies(level)
        return SortedHits.sort(row, energy, energy, level, row, n=tables.n_levels)

    def furthest(one, other):
        return max(ks_2samp(x, y).statistic for x, y in zip(one, other, strict=True))

    wanted = energies(rng.random(len(row)) ** 1.5)
    real = SortedHits.sort(row, wanted, wanted, row, row, n=tables.n_levels)
    raw = furthest(real.rows, hits().rows)
    for _ in range(12):
        correct_levels(tables, real, hits())
    limit = 2.0 * (2 / n) ** 0.5  # 1 in 30 for the furthest of all rows
    assert furthest(real.rows, hits().rows) < limit
    assert raw > 3 * limit


def test_moved_energies_have_the_real_distribution():
    """Drawn logarithmic energies lie lower and scatter more; limit: 1 in 30 for the worst."""
    rng, tables, n = np.random.default_rng(4), DrawCorrections((6, 4, 9)), 4000
    grid = np.arange(tables.N_MOVES) * tables.SPACING
    row = np.repeat(np.arange(tables.n_levels), n)
    ring = np.tile(np.arange(9), len(row) // 9 + 1)[: len(row)]
    ring = np.where(row % 3 < 2, row % 3, np.maximum(ring, 2))  # rows are of rings 0, 1, others

    def hits(mean, spread, moves):
        y = np.maximum(mean + spread * rng.standard_normal(len(row)), 0.0)
        if moves is not None:
            of = tables.range_of(torch.from_numpy(ring)).numpy()
            for table in range(tables.n_levels // 3):
                for k in range(moves.shape[1]):
                    mine = (row // 3 == table) & (of == k)
                    y[mine] += np.interp(y[mine], grid, moves[table, k])
        energy = 0.5 * np.exp(y)
        return SortedHits.sort(row, energy, energy, energy, ring, n=tables.n_levels)

    def furthest(one, other):
        return max(ks_2samp(x, y).statistic for x, y in zip(one.rows, other.rows, strict=True))

    real, limit = hits(4.3, 0.8, None), 2.0 * (2 / n) ** 0.5
    assert furthest(real, hits(4.1, 1.0, None)) > 2 * limit
    for _ in range(8):
        correct_energies(tables, real, hits(4.1, 1.0, tables.moves.numpy()), 0.5)
    assert furthest(real, hits(4.1, 1.0, tables.moves.numpy())) < limit


def test_a_model_of_before_is_read_and_draws_as_it_did(fitted, config, tmp_path):
    model, voxels, e_inc = fitted
    before = {k: v for k, v in model.state_dict().items() if not k.startswith("corrections")}
    other = build_model(config, model.geometry).eval()
    other.restore(before)
    assert not torch.equal(drawn(other, voxels, e_inc), drawn(model, voxels, e_inc))
    assert float(other.corrections.rings.abs().max()) == 0
    save_model(tmp_path / "kept", model, config, {})
    again = load_model(tmp_path / "kept").model
    assert torch.equal(drawn(again, voxels, e_inc), drawn(model, voxels, e_inc))


def test_levels_rise_and_stay_inside(fitted):
    tables = fitted[0].corrections
    u = torch.linspace(1e-7, 1 - 1e-7, 200).view(1, -1, 1).expand(1, -1, 3).float()
    for layer in range(len(tables.block)):
        for n in (1.0, 3.0, 100.0):
            level = tables.reshape(layer, torch.tensor([n]), u)
            assert bool((level.diff(dim=1) >= 0).all())
            assert 0 < float(level.min()) <= float(level.max()) < 1


def test_a_fit_to_few_showers_is_possible(fitted, tmp_path):
    model, voxels, e_inc = fitted
    kept, model.corrections = model.corrections, nothing(model)
    few = written(tmp_path / "few.h5", model.geometry, e_inc[:60].numpy(), voxels[:60].numpy())
    fit_corrections(model, few, 1)
    found, model.corrections = model.corrections, kept
    assert all(bool(torch.isfinite(x).all()) for x in found.state_dict().values())
    untouched = nothing(model)
    assert torch.allclose(found.moves[-1], untouched.moves[-1])  # no layer has 85 hits
    assert torch.allclose(found.last[-1], untouched.last[-1])
