"""The photo-effect's tables: known cross sections, edges, and a smooth end."""

import numpy as np
import pytest

from calo4pqvae.simulation.photons import LAST, coherent, photo_effect

pytest.importorskip("xraylib")


@pytest.mark.parametrize(
    ("z", "mev", "barn"),
    [(74, 0.1, 1268), (74, 1.0, 3.97), (74, 5.0, 0.42), (14, 0.05, 11.1), (82, 2.0, 2.1)],
)
def test_cross_sections(z, mev, barn):
    """NIST's XCOM, to the digits given; from 1 MeV on by Sauter's shape."""
    _, whole = photo_effect(z)
    assert np.interp(mev, whole.energy, whole.barn) == pytest.approx(barn, rel=0.06)


def test_the_continuation_has_no_kink():
    _, whole = photo_effect(74)
    slope = np.diff(np.log(whole.barn)) / np.diff(np.log(whole.energy))
    at = np.searchsorted(whole.energy, LAST)
    assert slope[at] == pytest.approx(slope[at - 2], abs=0.2)
    assert slope[-1] == pytest.approx(-1, abs=0.01)


def test_shells_of_tungsten():
    shells, whole = photo_effect(74)
    assert [s.edge for s in shells] == sorted((s.edge for s in shells), reverse=True)
    assert shells[0].edge == pytest.approx(0.069525, rel=1e-3)
    at = 0.1
    parts = [np.interp(at, s.energy, s.barn) for s in shells if s.edge < at]
    assert sum(parts) == pytest.approx(np.interp(at, whole.energy, whole.barn), rel=1e-3)
    assert parts[0] / sum(parts) == pytest.approx(0.8, abs=0.03)
    edge = shells[0].edge
    above, below = np.interp([1.001 * edge, 0.999 * edge], whole.energy, whole.barn)
    assert above > 4 * below


@pytest.mark.parametrize("z", [1, 2, 3, 6, 53, 82, 92])
def test_energies_rise_and_numbers_are_good(z):
    shells, whole = photo_effect(z)
    energy, barn = coherent(z)
    for e, b in [
        (whole.energy, whole.barn),
        (energy, barn),
        *((s.energy, s.barn) for s in shells),
    ]:
        assert (np.diff(e) > 0).all()
        assert np.isfinite(b).all()
        assert (b >= 0).all()
