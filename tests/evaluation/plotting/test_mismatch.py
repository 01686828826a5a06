"""Bars of the decoder's and the prior's part, each row on its own scale."""

import numpy as np
import pytest

from calo4pqvae.evaluation.plotting.mismatch import mismatch
from calo4pqvae.evaluation.plotting.style import save

PARTS = {
    "response [%]": (0.1, 0.2, 0.4, 0.05),
    "FPD [10⁻³]": (300.0, 30.0, 250.0, 12.0),
    "KPD [10⁻³]": (0.3, -0.03, 0.2, 0.0),
    "AUC": (0.8, float("nan"), 0.9, 0.5),
}


def rows(figure) -> list[list[float]]:
    """Length of floor, decoder, prior and total of each row."""
    bars = figure.axes[0].patches
    lengths = [bar.get_width() for bar in bars]
    return [lengths[i : i + 4] for i in range(0, len(lengths), 4)]


def test_lengths_are_shares_of_the_longest():
    figure = mismatch(PARTS)
    for (decoder, prior, total, floor), row in zip(PARTS.values(), rows(figure), strict=True):
        longest = np.nanmax(np.abs([decoder, prior, total, floor]))
        expected = np.nan_to_num(np.array([floor, decoder, prior, total]) / longest)
        assert row == pytest.approx(expected)


def test_numbers_names_and_legend_are_written():
    figure = mismatch(PARTS)
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list(PARTS)
    texts = [text.get_text() for text in axes.texts]
    assert texts[:3] == ["0.1", "0.2", "0.4"]
    assert "−0.03" in texts
    assert texts.count("undefined") == 1
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["decoder", "prior", "total", "up to the floor"]


def test_names_fit_left_of_the_bars(tmp_path):
    long = {"separation power of the energy in single layers [10⁻³]": (1.0, 2.0, 3.0, 0.5)}
    figure = mismatch(long)
    save(figure, tmp_path / "mismatch.svg")
    (label,) = figure.axes[0].get_yticklabels()
    assert label.get_window_extent().x0 >= 0


def test_all_zero_and_no_rows_draw():
    assert rows(mismatch({"x": (0.0, 0.0, 0.0, 0.0)})) == [[0.0, 0.0, 0.0, 0.0]]
    assert not rows(mismatch({}))
