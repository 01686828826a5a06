"""What a panel shows: shares, bands, ratios and their errors."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from calo4pqvae.evaluation.plotting.panels import curve_panel, histogram_panel
from calo4pqvae.evaluation.plotting.ratio import Curve
from calo4pqvae.evaluation.plotting.style import REFERENCE, SAMPLES, looks

EDGES = np.arange(5.0)
NAMELESS = ("", "_nolegend_")


def cell(figure: Figure):
    return figure.add_gridspec(1, 1)[0]


def steps(axes: Axes) -> dict[str, np.ndarray]:
    """Heights of the lines by label; areas have none."""
    patches = [p for p in axes.findobj(StepPatch) if p.get_label() not in NAMELESS]
    return {p.get_label(): np.asarray(p.get_data().values) for p in patches}


def areas(axes: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Lower and upper ends of the filled areas by colour."""
    patches = [p for p in axes.findobj(StepPatch) if p.get_label() in NAMELESS]
    return {
        to_hex(p.get_facecolor()): (
            np.broadcast_to(p.get_data().baseline, 4),
            p.get_data().values,
        )
        for p in patches
    }


def points(axes: Axes, label: str, labels) -> tuple[np.ndarray, np.ndarray]:
    """Places and heights of a sample's points."""
    colour = looks(labels)[label].colour
    lines = [line for line in axes.lines if line.get_color() == colour]
    parts = [line.get_data() for line in lines if line.get_marker() in ("o", "s")]
    return tuple(np.concatenate([part[i] for part in parts]) for i in range(2))


@pytest.fixture
def curves() -> dict[str, Curve]:
    return {
        REFERENCE: Curve(np.array([10.0, 20.0, 0.0, 40.0]), np.array([1.0, 1.0, 0.0, 2.0])),
        "generated": Curve(np.array([11.0, 18.0, 3.0, 42.0]), np.array([0.5, 1.0, 1.0, 2.0])),
    }


def test_curves_bands_and_ratios(curves):
    figure = Figure()
    upper = curve_panel(figure, cell(figure), curves, EDGES, xlabel="r [mm]", ylabel="mean")
    lower = figure.axes[1]
    for label, curve in curves.items():
        np.testing.assert_array_equal(steps(upper)[label], curve.heights)
    low, high = areas(upper)[SAMPLES[0].colour.lower()]
    np.testing.assert_allclose(low, [10.5, 17, 2, 40])
    np.testing.assert_allclose(high, [11.5, 19, 4, 44])
    low, high = areas(lower)["#dedede"]
    np.testing.assert_allclose(high - 1, [0.1, 0.05, 0, 0.05])
    np.testing.assert_allclose(1 - low, [0.1, 0.05, 0, 0.05])
    x, ratio = points(lower, "generated", curves)
    np.testing.assert_allclose(x, [0.5, 1.5, 3.5])
    np.testing.assert_allclose(ratio, [1.1, 0.9, 1.05])
    bars = lower.containers[0][2][0].get_segments()
    np.testing.assert_allclose([bar[1, 1] - bar[0, 1] for bar in bars], [0.1, 0.1, 0.1])
    assert lower.get_xlabel() == "r [mm]"
    assert upper.get_ylabel() == "mean"


def test_points_beyond_the_axis_become_triangles(curves):
    curves["generated"].heights[1] = 200.0
    figure = Figure()
    curve_panel(figure, cell(figure), curves, EDGES, xlabel="x", ylabel="y")
    lower = figure.axes[1]
    up = [line for line in lower.lines if line.get_marker() == "^"]
    assert up[0].get_xdata() == pytest.approx([1.5])
    assert up[0].get_ydata() == pytest.approx([lower.get_ylim()[1]])


def test_samples_stand_beside_each_other_in_a_bin(curves):
    curves["reconstructed"] = curves["generated"]
    figure = Figure()
    curve_panel(figure, cell(figure), curves, EDGES, xlabel="x", ylabel="y")
    one, _ = points(figure.axes[1], "generated", curves)
    two, _ = points(figure.axes[1], "reconstructed", curves)
    assert (np.abs(one - two) > 0.2).all()
    np.testing.assert_array_equal(np.floor(one), np.floor(two))


def test_many_samples_have_lines_where_the_reference_is_known(curves):
    noisy = Curve(np.array([10.0, 20.0, 5.0, 40.0]), np.array([1.0, 1.0, 4.0, 2.0]))
    many = {REFERENCE: noisy} | {f"{i}": curves["generated"] for i in range(8)}
    figure = Figure()
    curve_panel(figure, cell(figure), many, EDGES, xlabel="x", ylabel="y")
    lines = [p for p in figure.axes[1].findobj(StepPatch) if not p.get_fill()]
    assert len(lines) == 8
    np.testing.assert_allclose(lines[0].get_data().values, [1.1, 0.9, np.nan, 1.05])


def test_ratio_axis_follows_the_precise_points():
    heights, errors = np.full(20, 100.0), np.full(20, 1.0)
    reference, sample = Curve(heights, errors), Curve(heights + 1.5, errors.copy())
    sample.heights[:4], sample.errors[:4] = 300.0, 100.0
    figure = Figure()
    edges = np.arange(21.0)
    curves = {REFERENCE: reference, "generated": sample}
    curve_panel(figure, cell(figure), curves, edges, xlabel="x", ylabel="y")
    assert figure.axes[1].get_ylim() == pytest.approx((0.976, 1.024))


def test_histogram_is_percent_of_all_showers_with_binomial_errors(rng):
    values = {REFERENCE: rng.uniform(0, 4, 200), "generated": rng.uniform(-1, 5, 100)}
    figure = Figure()
    histogram_panel(figure, cell(figure), values, EDGES, xlabel="sparsity")
    upper = figure.axes[0]
    drawn = steps(upper)
    for heights in drawn.values():
        assert heights.sum() == pytest.approx(100)
    share = drawn["generated"] / 100
    low, high = areas(upper)[SAMPLES[0].colour.lower()]
    np.testing.assert_allclose(high - low, 200 * np.sqrt(share * (1 - share) / 100))
    assert upper.get_ylabel() == "showers [%]"


def test_showers_without_energy_are_written_down(rng):
    energies = rng.uniform(1, 10, 100)
    values = {REFERENCE: energies, "generated": np.where(np.arange(100) < 25, 0, energies)}
    figure = Figure()
    edges = np.geomspace(1, 10, 5)
    histogram_panel(figure, cell(figure), values, edges, xlabel="energy [GeV]")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["no energy:", "0.0%", "25.0%"]
    assert steps(figure.axes[0])["generated"].sum() == pytest.approx(75)
    assert figure.axes[0].get_xscale() == "log"


def test_one_high_bin_makes_a_logarithmic_scale():
    values = {REFERENCE: np.r_[np.full(99, 0.5), 3.5], "generated": np.full(100, 0.5)}
    figure = Figure()
    histogram_panel(figure, cell(figure), values, EDGES, xlabel="x")
    assert figure.axes[0].get_yscale() == "log"


def test_a_sample_without_showers_leaves_no_trace():
    values = {REFERENCE: np.arange(4.0), "absent": np.empty(0), "generated": np.arange(4.0)}
    figure = Figure()
    histogram_panel(figure, cell(figure), values, EDGES, xlabel="x")
    assert np.isnan(steps(figure.axes[0])["absent"]).all()
    assert len(points(figure.axes[1], "absent", values)[0]) == 0
