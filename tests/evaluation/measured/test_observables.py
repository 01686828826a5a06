"""Observables against plain loops over voxels."""

import numpy as np
import pytest

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError, ShowerFileError
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.observables import ObservableMeter, Observables, voxel_edges
from calo4pqvae.evaluation.measured.rows import kept_energy
from calo4pqvae.geometry import CylindricalGeometry, LayerBins

UNLIKE_LAYERS = CylindricalGeometry(
    (
        LayerBins((0.0, 1.0), 1),
        LayerBins((0.0, 1.0, 2.0, 4.0), 5),
        LayerBins((0.0, 2.0, 3.0), 2),
    ),
    threshold=0.05,
)


EDGES = np.geomspace(0.05, 1e4, 20)


def plain(showers: np.ndarray, geometry: CylindricalGeometry) -> dict[str, np.ndarray]:
    """The same observables, one voxel at a time."""
    n, n_rings = len(showers), geometry.ring_of_voxel.max() + 1
    out = {
        "e_layer": np.zeros((n, geometry.n_layers)),
        "e_ring": np.zeros((n, n_rings)),
        "hits": np.zeros((n, geometry.n_layers), int),
        "spectrum": np.zeros((n, len(EDGES)), int),
        "below_threshold": np.zeros(n, int),
    }
    for i, j in np.ndindex(showers.shape):
        energy = float(showers[i, j])
        if energy <= 0:
            continue
        if energy < geometry.threshold:
            out["below_threshold"][i] += 1
            continue
        out["e_layer"][i, geometry.layer_of_voxel[j]] += energy
        out["e_ring"][i, geometry.ring_of_voxel[j]] += energy
        out["hits"][i, geometry.layer_of_voxel[j]] += 1
        energy_bin = sum(energy >= edge for edge in EDGES) - 1
        out["spectrum"][i, energy_bin if energy <= EDGES[-1] else -1] += 1
    return out


@pytest.mark.parametrize("regular", [True, False])
def test_agrees_with_plain_loops(rng, toy_geometry, regular):
    geometry = toy_geometry if regular else UNLIKE_LAYERS
    showers = 10 ** rng.uniform(-4, 7, (12, geometry.n_voxels)).astype(np.float32)
    showers[rng.random(showers.shape) < 0.4] = 0
    e_inc = rng.uniform(1e3, 1e5, (12, 1)).astype(np.float32)

    made = ObservableMeter(geometry, EDGES)(showers, kept_energy(showers, geometry))
    got = Observables(e_inc[:, 0].astype(float), **made, edges=EDGES, geometry=geometry)

    for name, expected in plain(showers, geometry).items():
        np.testing.assert_allclose(getattr(got, name), expected, rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(got.e_tot, got.e_ring.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(got.response, got.e_tot / e_inc[:, 0], rtol=1e-12)
    alive = kept_energy(showers, geometry) > 0
    np.testing.assert_allclose(got.sparsity, 1 - alive.mean(axis=1))
    some = slice(1, 3)
    inside = np.isin(geometry.layer_of_voxel, [1, 2])
    np.testing.assert_allclose(got.sparsity_in(some), 1 - alive[:, inside].mean(axis=1))
    np.testing.assert_allclose(got.energy_in(some), got.e_layer[:, some].sum(axis=1))


def test_streams_chosen_rows_of_a_file(tmp_path, toy_geometry, toy_showers):
    e_inc, showers = toy_showers(700)
    path = tmp_path / "showers.h5"
    with ShowerWriter(path, toy_geometry, {"sampler": "exact"}) as writer:
        writer.append(e_inc, showers)
    rows = np.arange(3, 700, 7)
    with ShowerFile(path) as file:
        everything = Measured.from_file(file)
        some = Measured.from_file(file, rows, like=everything)
    expected = Measured.from_showers(e_inc, showers, toy_geometry).observables
    pairs = (everything.observables, expected), (some.observables, expected.take(rows))
    for one, other in pairs:
        np.testing.assert_array_equal(one.e_inc, other.e_inc)
        np.testing.assert_allclose(one.e_layer, other.e_layer)
        np.testing.assert_array_equal(one.spectrum, other.spectrum)
    assert everything.source["attributes"]["sampler"] == "exact"
    assert "geometry" not in everything.source["attributes"]
    assert some.source["rows"] == "100 chosen"


def test_no_rows_is_an_error(tmp_path, toy_geometry, toy_showers):
    path = tmp_path / "showers.h5"
    with ShowerWriter(path, toy_geometry) as writer:
        writer.append(*toy_showers(30))
    with ShowerFile(path) as file, pytest.raises(ShowerFileError, match="no shower"):
        Measured.from_file(file, np.array([], dtype=np.int64))


def test_threshold_keeps_what_equals_it_and_counts_the_rest():
    geometry = CylindricalGeometry.regular(1, 4, [0.0, 1.0], threshold=0.05)
    showers = np.array([[0.0, 0.04, 0.05, 0.06]])
    np.testing.assert_array_equal(kept_energy(showers, geometry), [[0.0, 0.0, 0.05, 0.06]])
    seen = Measured.from_showers(np.ones((1, 1)), showers, geometry).observables
    assert (seen.below_threshold[0], seen.hits[0, 0]) == (1, 2)


def test_the_voxel_bins_reach_from_the_threshold_to_the_largest_voxel(toy_showers):
    _, showers = toy_showers(300)
    edges = voxel_edges([showers[:100], showers[100:]], 0.05)
    assert (len(edges), edges[0], edges[-1]) == (50, 0.05, showers.max())
    without = voxel_edges([showers], 0.0)
    assert without[0] == pytest.approx(showers[showers > 0].min())
    with pytest.raises(ConfigError, match="no energy"):
        voxel_edges([0 * showers], 0.05)


def test_depth_is_the_mean_layer_and_moves_with_the_shower(toy_geometry):
    showers = np.zeros((3, *toy_geometry.shape), np.float32)
    showers[0, 1, 0, 0], showers[0, 4, 2, 1] = 3.0, 1.0
    showers[1, 5, 3, 2] = 0.2
    e_inc = np.full((3, 1), 10.0, np.float32)
    seen = Measured.from_showers(e_inc, showers.reshape(3, -1), toy_geometry).observables
    assert seen.depth.tolist() == pytest.approx([(3 * 1 + 1 * 4) / 4, 5, 0])
