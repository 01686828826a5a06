"""Tables of evaluated data: read as they are written, and each cross section in its place."""

import numpy as np
import pytest
from evaluated_tables import bremsstrahlung, corrected, curves

from calo4pqvae.simulation.photons import Shell


def test_bremsstrahlung_runs_through_energies_first(tmp_path):
    """Two elements, three energies, two fractions; titles stand among the numbers."""
    path = tmp_path / "brems.data"
    path.write_text(
        "ENERGIES OF 1984\n 3 2\n 0.001 1.0 10.0\n 0.0 1.0\nVALUES\n"
        " 1 2 3 4\n 5 6\n 11 12 13 14 15 16\n"
    )
    energies, fractions, values = bremsstrahlung(path)
    assert energies.tolist() == [0.001, 1, 10]
    assert fractions.tolist() == [0, 1]
    assert values.tolist() == [[[1, 4], [2, 5], [3, 6]], [[11, 14], [12, 15], [13, 16]]]


def test_a_shell_keeps_its_share_of_the_evaluated_cross_section(tmp_path):
    path = tmp_path / "photo.data"
    energy = np.geomspace(1e-3, 1, 7)
    barn = 5 * energy**-2.7
    pairs = np.log(np.stack([energy, barn], axis=1)).ravel()
    path.write_text(f" 7\n{' '.join(map(str, pairs))}\n 1\n 0 0\n")
    curve, other = curves(path)
    assert other.tolist() == [[0, 0]]
    known = np.geomspace(1e-4, 1, 40)
    whole = Shell(1e-2, known, 4 * known**-2.7)
    inner = Shell(1e-2, known[20:], 3 * known[20:] ** -2.7)
    made = corrected(whole, whole, curve)
    above = known > 1e-3
    assert made.barn[above] == pytest.approx(5 * known[above] ** -2.7)
    assert np.array_equal(made.barn[~above], whole.barn[~above])
    assert corrected(inner, whole, curve).barn == pytest.approx(3.75 * known[20:] ** -2.7)
