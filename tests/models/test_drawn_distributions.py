"""What is measured after training: clusters of hits and the spread of the total."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.config import load_config
from calo4pqvae.errors import CheckpointError, ConfigError
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import load_model, save_model
from calo4pqvae.models.voxels.clusters import Clusters, LayerCounts
from calo4pqvae.models.voxels.totals import Totals

SHAPE = (12, 8, 3)
"""Layers, azimuth bins, rings."""


def logits(generator, n=2000):
    """Layers from almost empty to half full, the same for all voxels of a layer."""
    level = -5 + 5 * torch.rand(n, SHAPE[0], 1, 1, generator=generator)
    return level.expand(n, *SHAPE).contiguous()


def clustered(generator, theta=0.5, share=0.4):
    """A distribution with known clusters, and what it draws."""
    distribution = Clusters()
    distribution.edges.copy_(torch.linspace(1, 16, distribution.BINS - 1))
    distribution.excess.fill_(theta)
    distribution.neighbour.fill_(share)
    given = logits(generator)
    return distribution, given, distribution.draw(given, SharedNoise(5))


def test_without_a_fit_hits_are_independent(generator):
    given = logits(generator)
    seen = LayerCounts.of(given, Clusters().draw(given, SharedNoise(5)))
    rate, expected, variance, _, hits = seen
    pull = (hits - expected).sum() / variance.sum().sqrt()
    assert abs(pull) < 4.5  # one false alarm in 150,000
    spread = float(((hits - expected) ** 2).sum() / variance.sum())
    assert spread == pytest.approx(1, abs=0.03)
    assert (hits == 0).float().mean() == pytest.approx(float(torch.exp(-rate).mean()), abs=0.01)


def test_a_fit_finds_the_clusters_that_were_drawn(generator):
    """What known clusters draw, others measure: spread, neighbours, and empty layers."""
    _, given, hits = clustered(generator)
    found = Clusters()
    found.fit(LayerCounts.of(given, hits))
    assert found.excess.mean() == pytest.approx(0.45, abs=0.1)
    assert float(found.neighbour) == pytest.approx(0.4, abs=0.08)
    again = found.draw(given, SharedNoise(6))
    real, mine = (x.sum(dim=(2, 3)) for x in (hits.float(), again.float()))
    empty = [(x == 0).float().mean() for x in (real, mine)]
    assert empty[1] == pytest.approx(float(empty[0]), abs=0.015)
    assert mine.mean() == pytest.approx(float(real.mean()), rel=0.02)
    alone = Clusters().draw(given, SharedNoise(6)).float().sum(dim=(2, 3))
    assert (alone == 0).float().mean() < empty[0] - 0.03  # the wrong twin is told


def test_too_few_layers_with_hits_change_nothing(generator):
    distribution = Clusters()
    given = logits(generator, 20)
    distribution.fit(LayerCounts.of(given, distribution.draw(given, SharedNoise(1))))
    assert not distribution.excess.any()


def material(generator, wide, n=20_000):
    """Energies, and logarithmic responses whose spread falls with them."""
    t = torch.rand(n, 1, generator=generator)
    noise = torch.randn(n, 1, generator=generator)
    return t, -0.05 + 0.02 * t + wide * (0.15 - 0.1 * t) * noise


def test_totals_take_mean_and_spread_of_the_originals(generator):
    """In three windows of t; the wrong twin, uncorrected, is 1.8 times too wide."""
    t, true = material(generator, 1.0)
    drawn = 0.03 + 1.8 * (true - 0.02 * t) + 0.02 * t
    distribution = Totals()
    distribution.fit(drawn, true, t)
    corrected = drawn + torch.log(distribution(drawn, t))
    for low in (0.0, 0.4, 0.8):
        here = (t >= low) & (t < low + 0.2)
        right, mine, alone = (y[here] for y in (true, corrected, drawn))
        assert mine.mean() == pytest.approx(float(right.mean()), abs=0.003)
        assert mine.std() == pytest.approx(float(right.std()), rel=0.04)
        assert alone.std() > 1.6 * right.std()


def test_totals_of_the_right_spread_are_left_alone(generator):
    t, drawn = material(generator, 1.0)
    distribution = Totals()
    assert torch.allclose(distribution(drawn, t), torch.ones(1))
    distribution.fit(drawn, drawn, t)
    assert torch.allclose(distribution(drawn, t), torch.ones(1), atol=1e-4)


def test_a_total_that_bits_name_is_followed(generator):
    """Drawn totals know nothing of the named one; corrected ones scatter around it as true."""
    t, drawn = material(generator, 1.0)
    w = torch.randn(len(t), 1, generator=generator)
    true = 0.1 * w - 0.02 * (w**2 - 1) * t + 0.01 * torch.randn(len(t), 1, generator=generator)
    distribution = Totals(n_told=1)
    distribution.fit(drawn, true, t, w)
    corrected = drawn + torch.log(distribution(drawn, t, w))
    both = torch.corrcoef(torch.cat([corrected, true], dim=1).T)
    assert float(both[0, 1]) > 0.97
    assert corrected.std() == pytest.approx(float(true.std()), rel=0.03)
    blind = Totals()
    blind.fit(drawn, true, t)
    apart = torch.corrcoef(torch.cat([drawn + torch.log(blind(drawn, t)), true], dim=1).T)
    assert abs(float(apart[0, 1])) < 0.1


SMALL = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[2,2,2,4]",
    "model.decoder_widths=[4,2,2]",
    "model.global_bits=[2,2,1]",
)


def test_values_are_drawn_unless_points_are_asked_for(toy_geometry, generator):
    model = build_model(load_config("paper-compact", settings=list(SMALL)), toy_geometry)
    with torch.no_grad():
        model.decoder.mean.weight[:, 0] = 10.0
    model.voxels.residuals.table.fill_(0.5)
    bits = torch.rand(50, 48, generator=generator) < 0.5
    e_inc = torch.full((50, 1), 1e3)
    made = {}
    for kind in ("drawn", "point", "literal"):
        model.choose_values(kind)
        made[kind] = model.decode(bits, e_inc, SharedNoise(1))
    assert made["drawn"].sum() > 1.3 * made["point"].sum()  # exp(0.5) with the same values
    assert torch.equal(made["point"] > 0, made["drawn"] > 0)  # the same hits, in clusters
    model.choose_values("drawn")
    assert torch.equal(model.decode(bits, e_inc, SharedNoise(1)), made["drawn"])


def test_totals_of_point_values_follow_their_own_law_and_literal_ones_none(
    toy_geometry, generator
):
    model = build_model(load_config("paper-compact", settings=list(SMALL)), toy_geometry)
    with torch.no_grad():
        model.decoder.mean.weight[:, 0] = 10.0
    bits = torch.rand(20, 48, generator=generator) < 0.5
    e_inc = torch.full((20, 1), 1e3)
    before, after = {}, {}
    for made in (before, after):
        for kind in ("drawn", "point", "literal"):
            model.choose_values(kind)
            made[kind] = model.decode(bits, e_inc, SharedNoise(1))
        model.voxels.point_totals.mean[0, 0] = 0.1  # of drawn showers: they come out too high
    assert torch.equal(before["literal"], after["literal"])
    assert torch.equal(before["drawn"], after["drawn"])
    ratio = float(after["point"].sum() / before["point"].sum())
    assert ratio == pytest.approx(math.exp(-0.1), rel=0.02)


def test_an_older_model_has_literal_values_but_no_point_values(toy_geometry, tmp_path):
    config = load_config("paper-compact", settings=list(SMALL))
    model = build_model(config, toy_geometry)
    model.voxels.totals.mean.fill_(0.1)
    save_model(tmp_path, model, config, {})
    weights = load_file(tmp_path / "model.safetensors")
    older = {k: v for k, v in weights.items() if "point_totals" not in k}
    save_file(older, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path).model
    assert torch.equal(loaded.voxels.totals.mean, model.voxels.totals.mean)
    loaded.choose_values("literal")
    with pytest.raises(ConfigError, match="fitted by an earlier version"):
        loaded.choose_values("point")
    taken_up = build_model(config, toy_geometry)  # as from a checkpoint of that version
    taken_up.restore(older)
    assert torch.equal(taken_up.voxels.totals.mean, model.voxels.totals.mean)
    del older["voxels.totals.mean"]  # a tensor that has always been there
    with pytest.raises(RuntimeError, match="Missing key"):
        taken_up.restore(older)
    save_file(older, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"has no tensor voxels\.totals\.mean"):
        load_model(tmp_path)


def test_a_model_with_one_way_says_so(toy_geometry):
    small = ("model.encoder_widths=[8,4,16]", "model.decoder_widths=[16,4,4,8]")
    model = build_model(load_config("quick", settings=[*SMALL[:2], *small]), toy_geometry)
    with pytest.raises(ConfigError, match="one way to make values"):
        model.choose_values("point")


def test_networks_are_taken_over_without_the_distributions_of_draws(toy_geometry):
    model = build_model(load_config("paper-compact", settings=list(SMALL)), toy_geometry)
    kept = model.state_dict()
    older = {k: v + 1 for k, v in kept.items() if "clusters" not in k and "totals" not in k}
    model.take_networks(older)
    now = model.state_dict()
    assert torch.equal(now["voxels.residuals.table"], torch.zeros(3, 24, 107))
    assert torch.equal(now["decoder.dense.bias"], older["decoder.dense.bias"])
