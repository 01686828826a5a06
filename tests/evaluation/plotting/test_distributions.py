"""Figures 3 to 6: the right quantity of the right showers, with its unit."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from calo4pqvae.evaluation.plotting.distributions import (
    energy_by_layers,
    energy_in_windows,
    sparsity_by_layers,
    totals,
)
from calo4pqvae.evaluation.plotting.style import REFERENCE


def titles(figure) -> list[str]:
    found = [axes.get_title(loc="left") for axes in figure.axes]
    return [title for title in found if title]


def heights(axes, label: str) -> np.ndarray:
    (line,) = (p for p in axes.findobj(StepPatch) if p.get_label() == label)
    return line.get_data().values


def xlabels(figure) -> list[str]:
    return [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]


def test_totals_count_what_observables_measure(samples):
    figure = totals(samples)
    assert xlabels(figure) == ["total energy [GeV]", "sparsity"]
    for axes, values in (
        (figure.axes[0], samples["generated"].e_tot / 1e3),
        (figure.axes[2], samples["generated"].sparsity),
    ):
        edges = axes.findobj(StepPatch)[0].get_data().edges
        counts, _ = np.histogram(values, edges)
        np.testing.assert_allclose(heights(axes, "generated"), counts)


def test_one_panel_for_each_layer_of_few(samples):
    for draw in (energy_by_layers, sparsity_by_layers):
        assert titles(draw(samples)) == [f"layer {i}" for i in range(6)]


def test_a_dead_layer_is_seen_in_its_panel_only(samples):
    sample = samples["generated"]
    alive = np.arange(6) != 2
    dead = replace(sample, e_layer=sample.e_layer * alive, hits=sample.hits * alive)
    figure = sparsity_by_layers({**samples, "generated": dead})
    sums = [heights(axes, "generated")[-1] for axes in figure.axes[::2]]
    assert sums[2] == pytest.approx(100)
    assert max(sums[:2] + sums[3:]) < 100


def test_windows_hold_their_showers_only(samples):
    window = (2e3, 1e4)
    figure = energy_in_windows(samples, [window])
    assert titles(figure) == ["2–10 GeV incident"]
    chosen = samples["generated"]
    inside = chosen.e_tot[(chosen.e_inc >= window[0]) & (chosen.e_inc < window[1])] / 1e3
    edges = figure.axes[0].findobj(StepPatch)[0].get_data().edges
    counts, _ = np.histogram(inside, edges)
    assert counts.sum() == len(inside)
    drawn = heights(figure.axes[0], "generated")[counts > 0]
    np.testing.assert_allclose(drawn, 100 * counts[counts > 0] / len(inside))


def test_windows_without_showers_have_no_panel_but_are_named(samples):
    figure = energy_in_windows(samples)
    assert not titles(figure)
    (note,) = (text.get_text() for text in figure.texts)
    assert note == ("Too few showers to draw: 5–10 GeV, 40–50 GeV, 80–100 GeV, 150–200 GeV.")


def test_a_sample_with_few_showers_is_left_out_of_a_window_alone(samples):
    few = samples["reconstructed"].take(np.arange(5))
    figure = energy_in_windows({**samples, "reconstructed": few}, [(100.0, 1e4)])
    assert titles(figure) == ["0.1–10 GeV incident"]
    assert np.isnan(heights(figure.axes[0], "reconstructed")).all()
    assert np.isfinite(heights(figure.axes[0], "generated")).all()
    alone = {REFERENCE: samples[REFERENCE], "reconstructed": few}
    assert not titles(energy_in_windows(alone, [(100.0, 1e4)]))


def test_the_legend_names_samples_and_sizes(samples):
    def entries(given):
        return [text.get_text() for text in totals(given).legends[0].get_texts()]

    assert entries(samples) == [REFERENCE, "reconstructed", "generated", "100 showers each"]
    fewer = {**samples, "generated": samples["generated"].take(np.arange(60))}
    assert entries(fewer)[-1] == "generated, 60 showers"
