"""Figure 2: energies of states, and their mean at equal incident energy."""

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from calo4pqvae.evaluation.plotting.prior import prior_energy
from calo4pqvae.evaluation.plotting.style import INK, looks


@pytest.fixture
def energies(rng) -> dict[str, np.ndarray]:
    e_inc = 10 ** rng.uniform(3, 5, 600)
    base = -50 * np.log10(e_inc)
    made = {
        "encoded": base + rng.normal(0, 1, 600),
        "classical": base + rng.normal(0, 1, 600),
        "annealer": base + rng.normal(2, 1, 600),
    }
    return made | {"e_inc": e_inc}


def split(energies):
    e_inc = energies.pop("e_inc")
    return energies, dict.fromkeys(energies, e_inc)


def points(axes, label: str, labels) -> tuple[np.ndarray, np.ndarray]:
    """Heights of a sample's points and their errors."""
    number = [name for name in labels if name != "encoded"].index(label)
    container = axes.containers[number]
    assert container[0].get_color() == looks(labels)[label].colour
    bars = container[2][0].get_segments()
    return container[0].get_ydata(), np.array([(b[1, 1] - b[0, 1]) / 2 for b in bars])


def test_distribution_with_ratio_to_the_first(energies):
    energies, _ = split(energies)
    figure = prior_energy(energies)
    assert len(figure.axes) == 2
    lines = {
        patch.get_label(): patch
        for patch in figure.axes[0].findobj(StepPatch)
        if patch.get_label() in energies
    }
    assert set(lines) == set(energies)
    assert lines["encoded"].get_edgecolor()[:3] == pytest.approx([26 / 255] * 3)
    assert INK == "#1a1a1a"
    edges = lines["annealer"].get_data().edges
    counts, _ = np.histogram(energies["annealer"], edges)
    np.testing.assert_allclose(lines["annealer"].get_data().values, counts / 6)
    assert figure.axes[0].get_ylabel() == "states [%]"
    assert "600 states each" in [t.get_text() for t in figure.legends[0].get_texts()]


def test_a_shift_hidden_by_the_spread_is_seen_at_equal_energy(energies):
    """Twelve bins of about 50 pairs: error 0.2 each, five of them allowed (1e-5 in all).

    The shift of 2 is a tenth of the spread over all energies, and ten errors of one bin.
    """
    energies, e_inc = split(energies)
    axes = prior_energy(energies, e_inc).axes[2]
    classical, error = points(axes, "classical", energies)
    np.testing.assert_allclose(error, np.sqrt(2 / 50), rtol=0.5)
    assert (np.abs(classical) < 5 * error).all()
    annealer, error = points(axes, "annealer", energies)
    assert (annealer > 5 * error).all()
    assert axes.get_xlabel() == "incident energy [GeV]"
    assert axes.get_ylabel() == "mean energy less that of encoded"


def test_unpaired_states_have_the_errors_of_both_sides(energies):
    energies, e_inc = split(energies)
    order = np.random.default_rng(5).permutation(600)
    mixed = {k: v[order] if k == "annealer" else v for k, v in energies.items()}
    mixed_e_inc = {k: v[order] if k == "annealer" else v for k, v in e_inc.items()}
    axes = prior_energy(mixed, mixed_e_inc).axes[2]
    shown, error = points(axes, "annealer", energies)
    paired, small = points(prior_energy(energies, e_inc).axes[2], "annealer", energies)
    np.testing.assert_allclose(shown, paired)
    assert (error > small).all()
