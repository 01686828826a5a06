"""Fixtures for all tests: seeded generators, a toy cylinder, and toy showers on it."""

import os
from collections.abc import Callable

# Small tensors gain nothing from threads, and threads that wait for a busy core lose a lot.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch

from calo4pqvae.geometry import CylindricalGeometry

SEED = 20260101


@pytest.fixture
def rng() -> np.random.Generator:
    """A numpy generator that starts alike in every test."""
    return np.random.default_rng(SEED)


@pytest.fixture
def generator() -> torch.Generator:
    """A torch generator on the CPU that starts alike in every test."""
    return torch.Generator().manual_seed(SEED)


@pytest.fixture(scope="session")
def toy_geometry() -> CylindricalGeometry:
    """Six layers, four azimuth bins, three rings; threshold 0.05 MeV."""
    return CylindricalGeometry.regular(6, 4, [0.0, 5.0, 10.0, 15.0], threshold=0.05)


@pytest.fixture
def toy_showers(
    toy_geometry: CylindricalGeometry,
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """A function n -> (e_inc (n, 1), showers (n, 72)), float32 in MeV, seeded.

    Incident energies are log-uniform from 100 MeV to 10 GeV. The mean shower has a gamma
    profile in depth, deeper for higher energies, and falls exponentially with r; each voxel
    fluctuates by a gamma distribution of mean 1, and what is below the threshold reads as zero.
    """

    def make(n: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(SEED)
        e_inc = 10 ** rng.uniform(2.0, 4.0, (n, 1))
        depth = toy_geometry.layer_of_voxel + 0.5
        peak = 0.8 + 0.5 * np.log10(e_inc / 100.0)
        mean = depth**peak * np.exp(-depth) * np.exp(-toy_geometry.r_of_voxel / 3.0)
        mean *= e_inc / mean.sum(axis=1, keepdims=True)
        showers = mean * rng.gamma(2.0, 0.5, mean.shape)
        showers[showers < toy_geometry.threshold] = 0.0
        return e_inc.astype(np.float32), showers.astype(np.float32)

    return make
