"""High-level features against plain loops, committed values, and their symmetries."""

import math
from pathlib import Path

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError, ShowerFileError
from calo4pqvae.evaluation.measured import measured as module
from calo4pqvae.evaluation.measured.features import (
    FEATURE_SETS,
    GROUPS,
    column_names,
)
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.geometry import CylindricalGeometry, LayerBins

GOLDEN = Path(__file__).parents[1] / "golden" / "features.npz"

UNLIKE_LAYERS = CylindricalGeometry(
    (
        LayerBins((0.0, 5.0, 10.0), 1),
        LayerBins((0.0, 1.0, 2.0, 4.0), 5),
        LayerBins((0.0, 2.0, 3.0), 2),
        LayerBins((0.0, 50.0), 1),
    ),
    threshold=0.05,
)


def plain(e_inc: float, shower: np.ndarray, geometry: CylindricalGeometry) -> dict:
    """The features of one shower by name, one voxel at a time, from their definitions."""
    out, total = {"e_inc": math.log10(e_inc)}, 0.0
    for layer, bins in enumerate(geometry.layers):
        hits = []
        for voxel in np.flatnonzero(geometry.layer_of_voxel == layer):
            energy = float(shower[voxel])
            if energy >= geometry.threshold and energy > 0:
                r, alpha = geometry.r_of_voxel[voxel], geometry.alpha_of_voxel[voxel]
                at = {"eta": r * math.cos(alpha), "phi": r * math.sin(alpha), "r": r}
                hits.append((energy, at))
        energy = sum(e for e, _ in hits)
        total += energy
        out[f"e_layer.{layer}"] = math.log10(energy + 1e-8)
        out[f"sparsity.{layer}"] = 1 - len(hits) / bins.n_voxels
        for axis in ("eta", "phi", "r"):
            centre = sum(e * at[axis] for e, at in hits) / (energy + 1e-16)
            spread = sum(e * (at[axis] - centre) ** 2 for e, at in hits) / (energy + 1e-16)
            out[f"ec_{axis}.{layer}"] = centre / 100
            out[f"width_{axis}.{layer}"] = math.sqrt(spread) / 100
    out["e_tot"] = math.log10(total + 1e-8)
    return out


def showers_of(rng, geometry, n=20):
    """Showers over eleven decades of voxel energy, with empty layers; the last is empty."""
    showers = 10 ** rng.uniform(-4, 6, (n, geometry.n_voxels))
    showers[rng.random(showers.shape) < 0.7] = 0
    for layer in range(geometry.n_layers):
        showers[rng.random(n) < 0.3] *= geometry.layer_of_voxel != layer
    showers[-1] = 0
    e_inc = 10 ** rng.uniform(2, 6, (n, 1))
    return e_inc.astype(np.float32), showers.astype(np.float32)


@pytest.mark.parametrize("regular", [True, False])
@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_agrees_with_plain_loops(rng, toy_geometry, regular, feature_set):
    geometry = toy_geometry if regular else UNLIKE_LAYERS
    e_inc, showers = showers_of(rng, geometry)
    got = Measured.from_showers(e_inc, showers, geometry).features
    got = got.legacy if feature_set == "legacy-226" else got
    assert got.feature_set == feature_set

    assert got.values.dtype == np.float64
    np.testing.assert_array_equal(got.e_inc, e_inc[:, 0])
    for i, row in enumerate(got.values):
        expected = plain(float(e_inc[i, 0]), showers[i], geometry)
        np.testing.assert_allclose(
            row, [expected[name] for name in got.columns], rtol=1e-9, atol=1e-9
        )


def test_agrees_with_committed_values():
    expected = np.load(GOLDEN)["values"]
    with ShowerFile(sample_path()) as file:
        got = Measured.from_file(file, np.arange(len(expected))).features
    np.testing.assert_allclose(got.values, expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(
    ("geometry", "official", "legacy"),
    [
        (CylindricalGeometry.dataset_2(), 362, 226),
        (CylindricalGeometry.dataset_3(), 362, 226),
        (UNLIKE_LAYERS, 1 + 4 + 4 * 2 + 1 + 4 + 2 * 4, 1 + 4 + 4 * 2),
    ],
)
def test_number_of_columns(geometry, official, legacy):
    assert len(column_names(geometry, "official-362")) == official
    assert len(column_names(geometry, "legacy-226")) == legacy
    assert column_names(geometry, "official-362")[:legacy] == column_names(
        geometry, "legacy-226"
    )


def test_layers_with_one_azimuth_bin_have_no_eta_and_phi():
    names = column_names(UNLIKE_LAYERS, "official-362")
    assert [n for n in names if n.startswith("ec_eta")] == ["ec_eta.1", "ec_eta.2"]
    assert [n for n in names if n.startswith("ec_r")] == [f"ec_r.{i}" for i in range(4)]


def test_groups_are_the_columns_in_order(rng):
    got = Measured.from_showers(*showers_of(rng, UNLIKE_LAYERS), UNLIKE_LAYERS).features
    joined = np.concatenate([got.group(name) for name in GROUPS], axis=1)
    np.testing.assert_array_equal(joined, got.values)
    assert got.group("e_tot").shape == (20, 1)
    assert got.group("width_phi").shape == (20, 2)


def test_take_reorders_and_repeats(rng, toy_geometry):
    e_inc, showers = showers_of(rng, toy_geometry)
    rows = np.array([7, 0, 7, 19])
    taken = Measured.from_showers(e_inc, showers, toy_geometry).features.take(rows)
    again = Measured.from_showers(e_inc[rows], showers[rows], toy_geometry).features
    np.testing.assert_array_equal(taken.values, again.values)
    np.testing.assert_array_equal(taken.e_inc, e_inc[rows, 0])
    assert len(taken) == 4


def test_ten_times_the_energy_moves_energies_alone(rng, toy_geometry):
    e_inc, showers = showers_of(rng, toy_geometry)
    showers = np.where(showers < toy_geometry.threshold, 0, showers).astype(np.float64)
    once, ten = (
        Measured.from_showers(f * e_inc, f * showers, toy_geometry).features
        for f in (1.0, 10.0)
    )
    non_empty = once.group("e_layer") > -8
    np.testing.assert_allclose(
        (ten.group("e_layer") - once.group("e_layer"))[non_empty], 1, 1e-6
    )
    np.testing.assert_array_equal(ten.group("e_layer")[~non_empty], -8)
    for name in set(GROUPS) - {"e_inc", "e_layer", "e_tot"}:
        np.testing.assert_allclose(ten.group(name), once.group(name), atol=1e-12)


def test_a_quarter_turn_swaps_eta_and_phi(rng, toy_geometry):
    e_inc, showers = showers_of(rng, toy_geometry)
    turned = np.roll(showers.reshape(-1, *toy_geometry.shape), 1, axis=2)
    before = Measured.from_showers(e_inc, showers, toy_geometry).features
    after = Measured.from_showers(e_inc, turned.reshape(showers.shape), toy_geometry).features
    same = {"atol": 1e-12}
    np.testing.assert_allclose(after.group("ec_phi"), before.group("ec_eta"), **same)
    np.testing.assert_allclose(after.group("ec_eta"), -before.group("ec_phi"), **same)
    np.testing.assert_allclose(after.group("width_phi"), before.group("width_eta"), **same)
    np.testing.assert_allclose(after.group("ec_r"), before.group("ec_r"), **same)


def test_one_voxel_has_exactly_no_width_and_a_faint_second_one_has_some():
    geometry = CylindricalGeometry.dataset_2()
    showers = np.zeros((2 * 144, geometry.n_voxels))
    voxels = np.arange(144)
    showers[voxels, voxels] = 1e6 / 3
    showers[voxels + 144, voxels] = 1e6 / 3
    showers[voxels + 144, (voxels + 1) % 144] = 0.02
    got = Measured.from_showers(np.full((288, 1), 1e6), showers, geometry).features
    for name in ("width_eta", "width_phi", "width_r"):
        np.testing.assert_array_equal(got.group(name)[:144], 0.0)
    # sqrt(0.02 / (1e6 / 3)) of the distance of 4.65 mm
    faint = math.sqrt(0.06e-6) * 0.0465
    inner = np.flatnonzero(voxels % 9 < 8) + 144
    np.testing.assert_allclose(got.group("width_r")[inner, 0], faint, rtol=1e-6)


def test_threshold_itself_counts(toy_geometry):
    showers = np.zeros((2, toy_geometry.n_voxels))
    showers[0, 0] = toy_geometry.threshold
    showers[1, 0] = np.nextafter(toy_geometry.threshold, 0)
    got = Measured.from_showers(np.full((2, 1), 1e3), showers, toy_geometry).features
    np.testing.assert_allclose(got.group("sparsity")[:, 0], [11 / 12, 1])
    assert got.group("e_tot")[1, 0] == -8


def test_a_file_is_measured_in_pieces(tmp_path, monkeypatch, toy_geometry, toy_showers):
    monkeypatch.setattr(module, "VOXELS_AT_ONCE", 7 * toy_geometry.n_voxels)
    monkeypatch.setattr(module, "BAND", 3)
    e_inc, showers = toy_showers(50)
    with ShowerWriter(tmp_path / "s.h5", toy_geometry) as writer:
        writer.append(e_inc, showers)
    sizes, chunks = [], ShowerFile.chunks

    def watched(*given):
        for piece in chunks(*given):
            sizes.append(len(piece[1]))
            yield piece

    monkeypatch.setattr(ShowerFile, "chunks", watched)
    rows = np.array([49, 3, 3, 20, 0, 11, 12, 13])
    with ShowerFile(tmp_path / "s.h5") as file:
        everything, some = (Measured.from_file(file, r).features for r in (None, rows))
    expected = Measured.from_showers(e_inc, showers, toy_geometry).features
    np.testing.assert_allclose(everything.values, expected.values, rtol=1e-14)
    np.testing.assert_allclose(some.values, expected.values[rows], rtol=1e-14)
    assert set(sizes) == {6, 2}


def test_refusals_say_what_to_do(tmp_path, toy_geometry, toy_showers):
    e_inc, showers = toy_showers(3)
    legacy = Measured.from_showers(e_inc, showers, toy_geometry).features.legacy
    with pytest.raises(ConfigError, match="choose official-362 or legacy-226"):
        column_names(toy_geometry, "official")
    with pytest.raises(ConfigError, match="has no group 'sparsity'; it has e_inc"):
        legacy.group("sparsity")
    with pytest.raises(ShowerFileError, match="1 voxels are negative"):
        Measured.from_showers(
            e_inc, np.where(showers == showers.max(), -1, showers), legacy.geometry
        )
    with pytest.raises(ShowerFileError, match="1 incident energies are zero"):
        Measured.from_showers(e_inc * [[1], [0], [1]], showers, toy_geometry)
    with ShowerWriter(tmp_path / "s.h5", toy_geometry) as writer:
        writer.append(e_inc, showers)
    with (
        ShowerFile(tmp_path / "s.h5") as file,
        pytest.raises(ShowerFileError, match="no shower"),
    ):
        Measured.from_file(file, np.array([], int))
