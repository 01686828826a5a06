"""Histograms in a file are those of the showers, and hist reads them."""

import json

import numpy as np
import pytest
from hist.serialization import from_uhi
from jsonschema import Draft7Validator
from uhi.schema import histogram_file

from calo4pqvae.evaluation.bins import log_edges
from calo4pqvae.evaluation.histograms import write_histograms
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.structure.names import NAMES
from calo4pqvae.geometry import CylindricalGeometry, LayerBins

N = 400


@pytest.fixture(scope="module")
def samples(toy_geometry):
    """As many showers of a reference, and two thirds as many twice as energetic ones."""
    rng = np.random.default_rng(5)
    made = {}
    for name, n, scale in (("Geant4", N, 1.0), ("generated", 2 * N // 3, 2.0)):
        e_inc = 10 ** rng.uniform(2.0, 4.0, (n, 1))
        mean = np.exp(-toy_geometry.layer_of_voxel / 2 - toy_geometry.r_of_voxel / 3)
        showers = scale * e_inc * mean / mean.sum() * rng.gamma(2.0, 0.5, (n, len(mean)))
        like = made.get("Geant4")
        made[name] = Measured.from_showers(e_inc, showers, toy_geometry, like)
    return made


@pytest.fixture(scope="module")
def content(samples, tmp_path_factory):
    path = tmp_path_factory.mktemp("out") / "histograms.json"
    write_histograms(samples, path)
    return json.loads(path.read_text())


def test_every_histogram_follows_the_schema(content):
    check = Draft7Validator(json.loads(histogram_file.read_text()))
    for name, one in content.items():
        assert not list(check.iter_errors(one)), name
    wrong = {**content["e_tot"], "storage": {"type": "weighted", "values": [1.0]}}
    assert list(check.iter_errors(wrong))


def test_hist_counts_the_same_showers(content, samples):
    """Filled by hist itself in the same bins, flow bins and errors too."""
    for name in ("e_inc", "e_tot", "response", "depth", "sparsity"):
        read = from_uhi(content[name])
        own = read.copy().reset()
        for label, sample in samples.items():
            own.fill(label, getattr(sample.observables, name))
        assert read == own, name
        assert read.sum(flow=True).value == sum(map(len, samples.values()))
    assert read.axes[0].name == "showers"
    assert read.axes[1].label == "share of voxels without energy"


def test_bins_are_those_of_the_reference_and_lose_no_shower(content, samples):
    """Showers of twice the energy lie beyond the last bin, where they are counted."""
    read = from_uhi(content["response"])
    own, other = (read[{"showers": label}] for label in samples)
    assert own.values(flow=True)[-1] <= 0.01 * N
    assert other.values(flow=True)[-1] > 0.5 * len(samples["generated"])
    assert other.sum(flow=True).value == len(samples["generated"])


def test_voxels_of_one_shower_come_together(content, samples):
    """Errors are those of sums over showers, wider than those of independent voxels."""
    read = from_uhi(content["voxel_energy"])[{"showers": "generated"}]
    spectrum = samples["generated"].observables.spectrum.astype(float)
    np.testing.assert_allclose(read.values(flow=True), spectrum.sum(axis=0))
    np.testing.assert_allclose(
        read.variances(flow=True), len(spectrum) * spectrum.var(axis=0, ddof=1)
    )


def test_profiles_are_means_with_the_errors_of_means(content, samples):
    for label, sample in samples.items():
        for name in ("e_layer", "e_ring", "hits"):
            read = from_uhi(content[f"mean_{name}"])[{"showers": label}]
            values = getattr(sample.observables, name).astype(float)
            np.testing.assert_allclose(read.values(), values.mean(axis=0))
            errors = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            np.testing.assert_allclose(np.sqrt(read.variances()), errors)
    read = from_uhi(content["mean_response"])[{"showers": "Geant4"}]
    observables = samples["Geant4"].observables
    edges = log_edges(observables.e_inc, len(read.axes[0]))
    places = np.digitize(observables.e_inc, edges) - 1
    assert read.counts().tolist() == np.bincount(places, minlength=len(edges) - 1).tolist()
    np.testing.assert_allclose(read.values()[4], observables.response[places == 4].mean())


def test_structure_is_there_where_layers_are_alike(content, tmp_path):
    assert {name for name in content if name.startswith("structure.")} == {
        f"structure.{name}" for name in NAMES
    }
    layers = (LayerBins((0.0, 5.0), 1), LayerBins((0.0, 5.0, 9.0), 4))
    unlike = CylindricalGeometry(layers, 0.0)
    rng = np.random.default_rng(1)
    e_inc = 10 ** rng.uniform(2.0, 4.0, (50, 1))
    measured = Measured.from_showers(e_inc, e_inc * rng.random((50, 9)), unlike)
    write_histograms({"Geant4": measured, "generated": measured}, tmp_path / "h.json")
    names = json.loads((tmp_path / "h.json").read_text())
    assert "e_tot" in names
    assert not any(name.startswith("structure.") for name in names)
