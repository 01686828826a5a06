"""Times of single showers, and of Geant4 beside them."""

import numpy as np
import pytest

from calo4pqvae.bench.latency import Geant4Times, latency_rows, measure_latency
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerWriter
from calo4pqvae.models.build import build_model


def test_times_of_geant4_are_scaled_to_the_energy_asked_for(tmp_path, toy_geometry):
    path, n = tmp_path / "showers.h5", 40
    e_inc = np.geomspace(1e3, 1e5, n, dtype=np.float32)[:, None]
    showers = np.tile(e_inc / toy_geometry.n_voxels, toy_geometry.n_voxels)
    with ShowerWriter(path, toy_geometry) as writer:
        writer.append(e_inc, showers, cpu_seconds=2e-5 * e_inc[:, 0].astype(np.float64))
    times = Geant4Times([path])
    assert times.at(1e4) == pytest.approx(0.2, rel=1e-5)
    assert times.at(1e6) is None
    assert Geant4Times([]).at(1e4) is None


def test_single_showers_cover_the_range_of_the_model(toy_geometry):
    config = load_config("quick", settings=["data.energy_gev=[1,10]"])
    model = build_model(config, toy_geometry)
    found, first = measure_latency(model, 1, Geant4Times([]), calls=3)
    assert [round(one.energy) for one in found] == [1000, 3162, 10000]
    assert first["first_s"] > 0
    assert all(0 < one.median <= one.slow <= one.longest for one in found)
    assert [row[0] for row in latency_rows(found)] == ["1 GeV", "3.16 GeV", "10 GeV"]
    assert {row[4] for row in latency_rows(found)} == {"-"}
