"""The evaluation passes Geant4 against itself, and flags what is wrong with a sample."""

import json
import math
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError, GeometryError, PhysicsWarning
from calo4pqvae.evaluation.comparison import compare_windows
from calo4pqvae.evaluation.evaluate import evaluate, evaluate_observables, write_metrics
from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.verdict import ABOVE, WITHIN
from calo4pqvae.geometry import CylindricalGeometry

Halves = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def halves(toy_showers) -> Halves:
    """Two independent samples of 800 showers."""
    e_inc, showers = toy_showers(1600)
    return (e_inc[:800], showers[:800]), (e_inc[800:], showers[800:])


@pytest.fixture
def observe(toy_geometry) -> Callable[..., Observables]:
    return lambda half: Observables.from_showers(*half, toy_geometry)


def verdicts(result: dict) -> dict[str, str]:
    return {name: entry["verdict"] for name, entry in result["metrics"].items()}


def test_halves_of_one_sample_pass(halves, observe):
    # one seeded draw of 15 correlated tests; a fresh draw fails about one time in seven
    result = evaluate_observables(*map(observe, halves))
    assert set(verdicts(result).values()) == {WITHIN}
    assert result["energies"]["p_value"] > 1e-4


def test_the_same_showers_differ_by_nothing(halves, observe):
    half = observe(halves[0])
    result = evaluate_observables(half, half, half)
    assert result["energies"]["paired"]
    for block in (result, result["reconstructed"]):
        for name, entry in block["metrics"].items():
            assert entry["value"] == pytest.approx(0, abs=1e-12), name
            assert entry["floor"]["error"] > 0, name


def test_flags_a_response_two_percent_too_high(halves, observe):
    (_, showers), reference = halves
    e_inc = reference[0]
    too_high = (e_inc, reference[1] * np.float32(1.02))
    result = evaluate_observables(observe(too_high), observe(reference))
    entry = result["metrics"]["response"]
    assert entry["value"] == pytest.approx(0.02, abs=1e-3)
    assert entry["generated"]["value"] / entry["reference"]["value"] == pytest.approx(
        1.02, 1e-3
    )
    assert len(showers) == len(e_inc) == entry["n"]


def test_two_percent_is_above_the_floor_when_the_sample_can_show_it(toy_geometry, rng):
    e_inc = (10 ** rng.uniform(3, 4, (1500, 1))).astype(np.float32)
    shares = rng.dirichlet(np.full(toy_geometry.n_voxels, 50.0), 1500)
    showers = (e_inc * shares * rng.normal(1, 0.03, (1500, 1))).astype(np.float32)
    one, two, three = (
        Observables.from_showers(e_inc[part], showers[part] * np.float32(scale), toy_geometry)
        for part, scale in ((slice(0, 750), 1), (slice(750, 1500), 1), (slice(750, 1500), 1.02))
    )
    assert verdicts(evaluate_observables(two, one))["response"] == WITHIN
    flagged = verdicts(evaluate_observables(three, one))
    assert flagged["response"] == flagged["wasserstein.response"] == ABOVE
    assert flagged["sparsity"] == WITHIN


def test_flags_a_dead_layer_and_names_it(halves, observe, toy_geometry):
    (e_inc, showers), reference = halves
    dead = showers * (toy_geometry.layer_of_voxel != 2)
    result = evaluate_observables(observe((e_inc, dead)), observe(reference))
    profile = result["metrics"]["profile.longitudinal"]
    assert (profile["verdict"], profile["bin"]) == (ABOVE, 2)
    assert profile["value"] == pytest.approx(1)
    assert profile["ratio"][2] == 0
    flagged = verdicts(result)
    assert flagged["sparsity"] == flagged["separation.e_layer"] == ABOVE


def test_flags_a_missing_threshold(halves, observe):
    (e_inc, showers), reference = halves
    faint = np.where(showers == 0, np.float32(0.01), showers)
    with pytest.warns(PhysicsWarning, match="below the readout threshold"):
        result = evaluate_observables(observe((e_inc, faint)), observe(reference))
    assert result["generated"]["threshold"]["voxels_removed"] == (showers == 0).sum()
    assert result["reference"]["threshold"]["voxels_removed"] == 0
    assert verdicts(result)["sparsity"] == WITHIN


def test_warns_of_other_incident_energies(halves, observe):
    (e_inc, showers), reference = halves
    high = e_inc[:, 0] > np.median(e_inc)
    with pytest.warns(PhysicsWarning, match="incident energies of the generated"):
        result = evaluate_observables(observe((e_inc[high], showers[high])), observe(reference))
    assert result["energies"]["ks_distance"] == pytest.approx(0.5, abs=0.1)


def test_repeated_energies_are_paired_and_silent(halves, observe):
    reference = halves[1]
    twice = tuple(np.tile(part, (2, 1)) for part in reference)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = evaluate_observables(observe(twice), observe(reference))
    assert result["energies"]["paired"]
    assert result["n_generated"] == 2 * result["n_reference"]


def test_windows_with_few_showers_are_listed_as_left_out(halves, observe):
    result = evaluate_observables(*map(observe, halves))
    assert "response.5-10 GeV" in result["metrics"]
    left_out = {window["window"]: window for window in result["omitted"]}
    assert set(left_out) == {"40-50 GeV", "80-100 GeV", "150-200 GeV"}
    assert left_out["40-50 GeV"]["n"] == 0


@pytest.mark.parametrize(("n", "left_out"), [(19, True), (20, False)])
def test_a_window_needs_twenty_showers_on_each_side(halves, observe, n, left_out):
    sample, reference = map(observe, halves)
    inside = (sample.e_inc >= 5e3) & (sample.e_inc < 10e3)
    rows = np.concatenate([np.flatnonzero(~inside), np.flatnonzero(inside)[:n]])
    for sides in ((sample.select(rows), reference), (reference, sample.select(rows))):
        entries, omitted = compare_windows(*sides)
        assert ("5-10 GeV" in {window["window"] for window in omitted}) is left_out
        assert ("resolution.5-10 GeV" not in entries) is left_out


def test_undefined_numbers_are_null_with_a_reason(observe, toy_geometry, halves, tmp_path):
    e_inc, showers = halves[0]
    empty_end = showers * (toy_geometry.layer_of_voxel < 5)
    nothing = np.zeros_like(showers)
    ratio = evaluate_observables(observe((e_inc, showers)), observe((e_inc, empty_end)))
    profile = ratio["metrics"]["profile.longitudinal"]
    assert profile["ratio"][5] is None
    assert "no energy" in profile["reason"]
    result = evaluate_observables(observe((e_inc, showers)), observe((e_inc, nothing)))
    response = result["metrics"]["response"]
    assert response["value"] is None
    assert response["verdict"] is None
    assert response["reason"]
    write_metrics(result, tmp_path / "metrics.json")
    assert all(
        "reason" in entry
        for entry in json.loads((tmp_path / "metrics.json").read_text())["metrics"].values()
        if entry["value"] is None
    )


def test_other_geometries_and_small_samples_are_refused(halves, observe, toy_geometry):
    e_inc, showers = halves[0]
    other = CylindricalGeometry.from_dict({**toy_geometry.to_dict(), "threshold": 0.01})
    with pytest.raises(GeometryError, match="different geometries"):
        evaluate_observables(
            Observables.from_showers(e_inc, showers, other), observe((e_inc, showers))
        )
    with pytest.raises(ConfigError, match="19 generated showers are too few"):
        evaluate_observables(observe((e_inc[:19], showers[:19])), observe((e_inc, showers)))


def test_files_and_chosen_rows(tmp_path, toy_geometry, halves):
    files = []
    for name, half in zip(("generated", "reference"), halves, strict=True):
        with ShowerWriter(tmp_path / f"{name}.h5", toy_geometry, {"seed": 3}) as writer:
            writer.append(*half)
        files.append(ShowerFile(tmp_path / f"{name}.h5"))
    result = evaluate(*files, rows=np.arange(0, 800, 2))
    write_metrics(result, tmp_path / "metrics.json")
    for file in files:
        file.close()
    back = json.loads((tmp_path / "metrics.json").read_text())
    assert back["n_reference"] == 400
    assert back["generated"]["attributes"]["seed"] == 3
    assert back["metrics"] == result["metrics"]
    assert not list(tmp_path.glob("*.part"))


def test_one_undefined_number_does_not_cost_the_others(tmp_path):
    content = {"fpd": {"value": math.nan}, "kpd": {"value": 2.0, "of": [math.inf, 1]}}
    write_metrics(content, tmp_path / "metrics.json")
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text) == {"fpd": {"value": None}, "kpd": {"value": 2.0, "of": [None, 1]}}
    assert "NaN" not in text


def test_a_lost_depth_fluctuation_is_flagged_in_windows_of_choice(halves, observe):
    """Every shower takes the layer shares of the mean shower: the depth has no spread."""
    one, other = map(observe, halves)
    shares = one.e_layer.sum(axis=0) / one.e_layer.sum()
    flat = replace(one, e_layer=one.e_tot[:, None] * shares)
    windows = [(200.0, 900.0), (1e3, 9e3)]
    entries, omitted = compare_windows(flat, other, windows)
    assert not omitted
    for window in ("0.2-0.9 GeV", "1-9 GeV"):
        lost = entries[f"depth_spread.{window}"]
        assert lost["value"] == pytest.approx(-1)
        assert lost["verdict"] == ABOVE
    passed, _ = compare_windows(one, other, windows)
    assert {passed[name]["verdict"] for name in passed if "depth" in name} == {WITHIN}
