"""Networks: given the same rows for their power as for their verdict, and told in advance."""

import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.classifier import OFFICIAL
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics import networks
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.networks import Networks
from calo4pqvae.evaluation.power.ladder import NO_POWER

FEW = 240


@pytest.fixture(scope="module")
def measured():
    with ShowerFile(sample_path()) as file:
        reference = Measured.from_file(file, np.arange(FEW), voxels=FEW)
        yield reference, Measured.from_file(file, np.arange(500, 740), reference, FEW)


@pytest.mark.parametrize("kind", ["high", "low", "resnet"])
def test_rows_are_those_of_the_classifier(measured, kind):
    rows = np.arange(12)
    with ShowerFile(sample_path()) as file:
        made = networks._network_rows(file.e_inc(rows), file.showers(rows), file.geometry, kind)
    wanted = measured[0].features.values if kind == "high" else measured[0].voxels
    np.testing.assert_allclose(made[kind], wanted[rows], rtol=1e-6)


def test_official_networks_say_how_long_they_take_and_state_their_power(measured, monkeypatch):
    """One training on the sample, and one on each of four kinds of spoilt showers."""
    small = replace(OFFICIAL, hidden=(16,), epochs=2)
    monkeypatch.setitem(networks.SETUPS, "official", (small, 1))
    said, shown = [], []

    class Bar:
        def advance(self):
            shown.append(1)

    @contextmanager
    def progress(total, what):
        shown.append(f"{what}, {total}")
        yield Bar()

    options = Options("official", progress=progress, say=said.append)
    found = Networks(measured[0], options).of(measured[1])
    assert len(said) == 1
    assert "minutes: 2 epochs on 240 showers a side" in said[0]
    assert shown.count("official network, high-level features: epochs, 2") == 5
    assert shown.count(1) == 10
    power = found["auc.high"].more["power"]
    assert power["n"] == FEW // 2
    assert [rung["twin"] for rung in power["twins"]] == [
        "narrower",
        "axis",
        "neighbours",
        "soft",
    ]
    assert found["auc.high"].verdict == NO_POWER
    assert found["jsd.high"].more["power"] == power


@pytest.mark.parametrize(
    ("classifiers", "inputs", "needed"),
    [
        ("quick", ["high"], 0),
        ("none", ["low"], 0),
        ("quick", ["high", "low"], 5000),
        ("official", ["resnet"], sys.maxsize),
    ],
)
def test_voxels_are_kept_only_when_needed(classifiers, inputs, needed):
    assert Networks.voxels(Options(classifiers, inputs)) == needed


def test_a_network_on_voxels_sees_what_it_is_given(measured, monkeypatch):
    """Showers turned inside out, against Geant4: the voxels tell them apart at once."""
    monkeypatch.setattr(Networks, "_power", lambda *_: None)
    reference, sample = measured
    shape = (FEW, *reference.geometry.shape)
    turned = sample.voxels.copy()
    turned[:, 1:] = turned[:, 1:].reshape(shape)[..., ::-1].reshape(FEW, -1)
    networks_on = Networks(reference, Options(inputs=("low",)))
    found = networks_on.of(replace(sample, voxels=turned))["auc.low"]
    assert found.value > 0.9
    assert (found.more["feature_set"], found.more["setup"]) == ("voxels", "quick")


def test_voxels_that_nobody_measured_are_no_input(measured):
    reference, sample = (one.take(np.arange(200)) for one in measured)
    found = Networks(reference, Options(inputs=("low", "resnet"))).of(sample)
    for name in ("auc.low", "jsd.resnet"):
        assert np.isnan(found[name].value)
        assert "measured with their voxels" in found[name].reason


def test_no_network_without_classifiers(measured):
    options = Options("none")
    assert Networks.names(options) == {}
    assert Networks(measured[0], options).of(measured[1]) == {}
