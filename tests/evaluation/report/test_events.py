"""The showers that the event display shows."""

import base64
import json

import numpy as np
import pytest

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.evaluation.report import events as events_module
from calo4pqvae.evaluation.report.events import choose_pairs, read_events, write_events


@pytest.fixture
def files(tmp_path, toy_geometry, toy_showers):
    e_inc, showers = toy_showers(100)
    paths = tmp_path / "generated.h5", tmp_path / "reference.h5"
    for path, part in zip(paths, (slice(0, 40), slice(40, 100)), strict=True):
        with ShowerWriter(path, toy_geometry) as writer:
            writer.append(e_inc[part], showers[part])
    with ShowerFile(paths[0]) as generated, ShowerFile(paths[1]) as reference:
        yield generated, reference


def unpack(event):
    voxels, energies = (
        np.frombuffer(base64.b64decode(event[key]), kind)
        for key, kind in (("voxels", "<u2"), ("energies", "<f4"))
    )
    return voxels, energies


def test_pairs_span_the_energies_and_are_nearest(rng):
    reference, generated = 10 ** rng.uniform(3, 6, 500), 10 ** rng.uniform(3, 6, 400)
    pairs = choose_pairs(reference, generated)
    chosen = reference[pairs[:, 0]]
    assert len(pairs) == 8
    assert chosen[0] == reference.min()
    assert chosen[-1] == reference.max()
    ratios = np.diff(np.log(chosen))
    assert np.all(np.abs(ratios / ratios.mean() - 1) < 0.2)
    for place, other in pairs:
        assert other == np.abs(generated - reference[place]).argmin()


def test_equal_energies_make_one_pair():
    assert choose_pairs(np.full(5, 2e3), np.array([1e3, 3e3, 2.1e3])).tolist() == [[0, 2]]


def test_hits_come_back_as_they_were(files, tmp_path):
    generated, reference = files
    rows = np.arange(10, 50)
    write_events(generated, reference, tmp_path / "events.json", rows)
    events = read_events(tmp_path / "events.json")
    assert events["geometry"] == reference.geometry.to_dict()
    assert len(events["events"]) > 4
    for pair in events["events"]:
        assert [event["label"] for event in pair] == ["Geant4", "Generated"]
        assert pair[0]["row"] in rows
        for event, file in zip(pair, (reference, generated), strict=True):
            voxels, energies = unpack(event)
            shower = file.showers(np.array([event["row"]]))[0]
            assert event["e_inc"] == file.e_inc(np.array([event["row"]]))[0, 0]
            assert event["hits"] == len(voxels) == np.count_nonzero(shower)
            assert np.array_equal(shower[voxels], energies)
    assert not list(tmp_path.glob("*.part"))


def test_the_readout_threshold_is_applied(tmp_path, toy_geometry):
    showers = np.zeros((2, toy_geometry.n_voxels), np.float32)
    showers[:, 3], showers[:, 7] = 0.9 * toy_geometry.threshold, 500.0
    with ShowerWriter(tmp_path / "a.h5", toy_geometry) as writer:
        writer.append(np.full((2, 1), 1e3, np.float32), showers)
    with ShowerFile(tmp_path / "a.h5") as file:
        write_events(file, file, tmp_path / "events.json")
    event = read_events(tmp_path / "events.json")["events"][0][0]
    assert unpack(event)[0].tolist() == [7]


def test_many_hits_make_fewer_pairs(files, tmp_path, monkeypatch):
    path = tmp_path / "events.json"
    write_events(*files, path)
    every = json.loads(path.read_text())["events"]
    hits = sum(event["hits"] for pair in every for event in pair)
    monkeypatch.setattr(events_module, "MAX_HITS", hits - 1)
    write_events(*files, path)
    assert json.loads(path.read_text())["events"] == every[::2]


def test_no_file_is_no_event(tmp_path):
    assert read_events(tmp_path / "events.json") is None
