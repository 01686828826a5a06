"""Samples of toy showers that all figures are drawn from."""

import numpy as np
import pytest

from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.plotting.style import REFERENCE


@pytest.fixture
def samples(toy_geometry, toy_showers) -> dict[str, Observables]:
    """A hundred showers each of Geant4, reconstructed and generated."""
    e_inc, showers = toy_showers(300)
    parts = {
        REFERENCE: slice(0, 100),
        "reconstructed": slice(100, 200),
        "generated": slice(200, 300),
    }
    whole = Measured.from_showers(e_inc, showers, toy_geometry).observables
    rows = np.arange(300)
    return {label: whole.take(rows[part]) for label, part in parts.items()}


@pytest.fixture
def nine(samples) -> dict[str, Observables]:
    """Geant4 and eight systems, as many as a comparison is made for."""
    generated = samples["generated"]
    rows = np.arange(len(generated))
    systems = {f"system {i}": generated.take(np.roll(rows, i)[: 60 + i]) for i in range(8)}
    return {REFERENCE: samples[REFERENCE], **systems}
