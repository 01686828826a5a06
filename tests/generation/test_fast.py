"""Geant4 with generated showers in it: who is taken over, and where the showers go."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from calo4pqvae.errors import ConfigError
from calo4pqvae.generation.fast import FastSimulation, moved
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.core import Core
from calo4pqvae.models.storage import load_pretrained
from calo4pqvae.simulation.stacks import load_stack

GEOMETRY = CylindricalGeometry.regular(3, 16, [4.65 * k for k in range(10)], 0.015)


def centre(geometry, shower):
    """Mean x and y of the deposits [mm], each in the middle of its cell."""
    alpha = 2 * np.pi * (np.arange(16) + 0.5) / 16 - np.pi
    radius = (np.array(geometry.layers[0].r_edges)[1:] + geometry.layers[0].r_edges[:-1]) / 2
    weights = shower.reshape(-1, 16, 9).sum(axis=0) / shower.sum()
    x, y = (weights * (f(alpha)[:, None] * radius) for f in (np.cos, np.sin))
    return x.sum(), y.sum()


def test_a_moved_shower_keeps_its_energy_and_lies_where_it_should():
    rng = np.random.default_rng(1)
    shower = np.zeros((3, 16, 9), np.float32)
    shower[:, :, :3] = rng.exponential(10, (3, 16, 3))
    shower = shower.flatten()
    assert np.array_equal(moved(GEOMETRY, shower, (0.0, 0.0), rng), shower)
    start = np.array(centre(GEOMETRY, shower))
    made = np.mean([moved(GEOMETRY, shower, (12.0, -7.0), rng) for _ in range(50)], axis=0)
    assert made.sum() == pytest.approx(shower.sum(), rel=1e-6)
    assert np.allclose(np.array(centre(GEOMETRY, made)) - start, (12, -7), atol=0.5)
    gone = moved(GEOMETRY, shower, (60.0, 0.0), rng)
    assert gone.sum() == 0


def test_a_model_of_another_detector_is_refused():
    with pytest.raises(ConfigError, match="another geometry"):
        FastSimulation(load_stack("lead-scintillator"), load_pretrained().model, sweeps=1)


EVENT = """
import os, pathlib, sys, tempfile, numpy as np
from calo4pqvae.simulation.stacks import load_stack
from calo4pqvae.simulation.tables import build_tables
folder = pathlib.Path(tempfile.mkdtemp())
os.environ.update(build_tables([1, 14, 74], folder).variables)
from calo4pqvae.generation.fast import FastSimulation
from calo4pqvae.models.storage import load_pretrained
from calo4pqvae.simulation.engine import Incident

fast = FastSimulation(load_stack("dataset-2"), load_pretrained().model, sweeps=50)
here, there = Incident("electron", 5000.0, 20.0, 0.0), Incident("electron", 5000.0, -20.0, 0.0)
photon = Incident("photon", 1000.0, 0.0, 20.0)
tilted = Incident("electron", 1100.0, 0.0, 0.0, (0.6, 0.0, 0.8))
slow = Incident("electron", 200.0)
one = [fast.simulate([here], seed) for seed in (1, 2, 3)]
alone = [fast.simulate([photon], 4)]
both = [fast.simulate([here, there, photon], 5)]
rest = [fast.simulate([tilted, slow], 6)]
np.savez(sys.argv[1], one=one, alone=alone, both=both, rest=rest,
         counts=[fast.counts[k] for k in ("generated", "in full: photon", "in full: energy",
                                          "in full: angle")])
os._exit(0)
"""


@pytest.mark.skipif(not Core.available(), reason="there is no C++ compiler")
def test_two_electrons_and_a_photon_go_to_their_places(tmp_path):
    """Two showers are generated, one is simulated; what the model does not know is counted."""
    if importlib.util.find_spec("geant4_pybind") is None:
        pytest.skip("geant4_pybind is not installed")
    path = tmp_path / "made.npz"
    command = [sys.executable, "-c", EVENT, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made, geometry = np.load(path), load_stack("dataset-2").geometry
    assert made["counts"].tolist() == [3 + 2, 2, 1, 1]
    x, y = np.mean([centre(geometry, shower) for shower in made["one"]], axis=0)
    assert (x, y) == pytest.approx((20, 0), abs=3)
    x, y = centre(geometry, made["alone"][0])
    assert (x, y) == pytest.approx((0, 20), abs=4)
    assert made["alone"].sum() == pytest.approx(1000, rel=0.3)
    event = made["both"][0]
    assert event.sum() == pytest.approx(11_000, rel=0.2)
    assert centre(geometry, event) == pytest.approx((0, 20 / 11), abs=4)
    sides = event.reshape(45, 16, 9).sum(axis=(0, 2))
    assert min(sides[7:9].sum(), sides[15:].sum() + sides[:1].sum()) > 2000
    assert made["rest"].sum() > 100
