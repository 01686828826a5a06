"""The bremsstrahlung spectrum against what is known of it otherwise."""

import numpy as np
import pytest

from calo4pqvae.simulation import bremsstrahlung
from calo4pqvae.simulation.bremsstrahlung import (
    ELECTRON_MASS,
    FINE_STRUCTURE,
    RADIUS_SQUARED,
    coulomb_correction,
    scaled_cross_section,
)

AVOGADRO_PER_MB = 6.02214076e-4

RADIATION_LENGTHS = {
    (1, 1.008): 63.04,
    (6, 12.011): 42.70,
    (14, 28.085): 21.82,
    (29, 63.546): 12.86,
    (74, 183.84): 6.76,
    (82, 207.2): 6.37,
}
"""Review of Particle Physics, atomic and nuclear properties [g/cm2]."""


def radiation_length(z: int, mass: float) -> float:
    """By Tsai's definition: 3/4 of k dsigma/dk where k tends to 0, without its small term."""
    soft = z**2 * scaled_cross_section(z, np.array([1e6]), np.array([0.0]))[0, 0]
    small = 4 / 9 * FINE_STRUCTURE * RADIUS_SQUARED * (z**2 + z)
    return 1 / (0.75 * AVOGADRO_PER_MB / mass * (soft - small))


@pytest.mark.parametrize("element", RADIATION_LENGTHS)
def test_radiation_lengths(element):
    assert radiation_length(*element) == pytest.approx(RADIATION_LENGTHS[element], rel=0.005)


def test_lead_needs_its_coulomb_correction(monkeypatch):
    monkeypatch.setattr(bremsstrahlung, "coulomb_correction", lambda z: 0.0 * z)
    assert radiation_length(82, 207.2) < 0.95 * 6.37


def test_coulomb_correction_of_lead():
    a2 = (FINE_STRUCTURE * 82) ** 2
    series = a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)
    assert coulomb_correction(82) == pytest.approx(series, rel=1e-4)


def radiated(z: int, kinetic: float) -> float:
    """Mean energy radiated, over total energy, alpha, r_e^2 and Z^2."""
    fraction = (np.arange(4000) + 0.5) / 4000
    spectrum = scaled_cross_section(z, np.array([kinetic]), fraction)[0]
    total = kinetic + ELECTRON_MASS
    beta_squared = 1 - (ELECTRON_MASS / total) ** 2
    scale = FINE_STRUCTURE * RADIUS_SQUARED * beta_squared * total / kinetic
    return float(spectrum.mean() / scale)


def test_slow_electrons_radiate_as_born_says(monkeypatch):
    """Koch and Motz: 16/3 without screening, Elwert's factor and the atom's electrons."""
    one = lambda z, before, after: np.ones(np.broadcast_shapes(before.shape, after.shape))  # noqa: ARG005, E731
    monkeypatch.setattr(bremsstrahlung, "_elwert", one)
    monkeypatch.setattr(
        bremsstrahlung,
        "_screened",
        lambda z, b, a, f: (
            0 * f + z**2 * 4 * (1 + (a / b) ** 2 - 2 / 3 * a / b) * bare_log(b, a)
        ),
    )
    assert radiated(14, 1e-3) == pytest.approx(16 / 3, rel=0.01)


def bare_log(before, after):
    e0, e = before / ELECTRON_MASS, after / ELECTRON_MASS
    return np.log(2 * e0 * e / (e0 - e)) - 0.5


@pytest.mark.parametrize(
    ("z", "kinetic", "expected", "tolerance"),
    [(14, 1.0, 6.3, 0.05), (14, 10.0, 12.0, 0.05), (74, 1.0, 7.4, 0.2), (74, 10.0, 10.3, 0.03)],
)
def test_radiative_loss_is_near_evaluated_tables(z, kinetic, expected, tolerance):
    """Seltzer and Berger's evaluation, to two digits; W at 1 MeV is the formulas' weak spot."""
    assert radiated(z, kinetic) == pytest.approx(expected, rel=tolerance)


def test_speed_no_longer_matters_at_high_energy():
    e0 = np.array([[1e5]])
    assert bremsstrahlung._speed_ratio(e0, 0.6 * e0)[0, 0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("z", [1, 8, 74])
def test_nothing_is_negative_or_infinite(z):
    table = scaled_cross_section(z, np.geomspace(1e-3, 1e4, 57), np.linspace(0, 1, 41))
    assert np.isfinite(table).all()
    assert (table >= 0).all()
