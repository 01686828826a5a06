"""Showers with hits that hang together, for statistical tests."""

import numpy as np
import pytest

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.geometry import CylindricalGeometry

GEOMETRY = CylindricalGeometry.regular(12, 8, [0.0, 4.0, 8.0, 12.0], threshold=0.1)


@pytest.fixture(scope="session")
def leaning():
    """A function (n, seed, lean) -> showers of 1 to 10 GeV whose hits lean to a side.

    The chance of a hit is 1 + lean cos(alpha - a) times its mean, with one direction a for all
    layers of a shower: `lean` correlates the centres of layers at all distances.
    """

    def make(n, seed, lean=0.5):
        rng = np.random.default_rng(seed)
        e_inc = 10 ** rng.uniform(3, 4, (n, 1))
        alpha = -np.pi + (np.arange(8) + 0.5) * np.pi / 4
        side = 1 + lean * np.cos(alpha - rng.uniform(-np.pi, np.pi, (n, 1)))
        chance = 0.2 * (e_inc / 3e3)[:, :, None, None] ** 0.3 * side[:, None, :, None]
        hits = rng.random((n, *GEOMETRY.shape)) < chance
        energy = np.where(hits, rng.gamma(2.0, 5.0, hits.shape), 0.0).astype(np.float32)
        return e_inc.astype(np.float32), energy.reshape(n, -1)

    return make


@pytest.fixture(scope="session")
def structure_of(leaning):
    """The same, measured."""

    def make(n, seed, lean=0.5):
        return Measured.from_showers(*leaning(n, seed, lean), GEOMETRY).structure

    return make
