"""Every figure draws, from any reasonable samples, and leaves no trace in matplotlib."""

import re
from pkgutil import resolve_name

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from calo4pqvae.errors import GeometryError
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.plotting.event import Event, event_display
from calo4pqvae.evaluation.plotting.style import REFERENCE, save
from calo4pqvae.evaluation.report.figures import FIGURES as ALL
from calo4pqvae.geometry import CylindricalGeometry, LayerBins

FIGURES = {
    name: resolve_name(f"calo4pqvae.evaluation.plotting.{figure.draw}")
    for name, figure in ALL.items()
    if figure.material in {"observables", "windows"}
}
"""What draws figures of observables alone."""


@pytest.mark.parametrize("name", FIGURES)
def test_draws_without_warning_and_leaves_no_trace(name, samples, tmp_path):
    settings = dict(mpl.rcParams)
    draw = FIGURES[name]
    path = save(draw(samples), tmp_path / f"{name}.svg")
    text = path.read_text()
    assert text.startswith("<?xml")
    assert text.rstrip().endswith("</svg>")
    assert dict(mpl.rcParams) == settings
    assert not plt.get_fignums()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("name", ["totals", "correlations"])
def test_files_hold_all_they_show(name, samples, tmp_path):
    """No picture, font or style is looked up elsewhere; glyphs are paths."""
    text = save(FIGURES[name](samples), tmp_path / "figure.svg").read_text()
    links = re.findall(r'(?:href|src)="([^"]*)"', text)
    assert links
    assert all(link.startswith(("#", "data:image/png")) for link in links)
    assert "<text" not in text
    assert "@import" not in text


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "sparsity_by_layers"])
def test_draws_eight_systems(name, nine):
    figure = FIGURES[name](nine)
    written = {text.get_text() for text in figure.findobj(mpl.text.Text)}
    for label in nine:
        assert any(text.startswith(label) for text in written)


def test_same_samples_give_the_same_bytes(samples, tmp_path):
    draw = FIGURES["totals"]
    one, two = (save(draw(samples), tmp_path / f"{i}.svg").read_bytes() for i in range(2))
    assert one == two


@pytest.mark.parametrize("name", FIGURES)
def test_draws_empty_showers_and_unlike_layers(name, tmp_path, rng):
    geometry = CylindricalGeometry(
        (LayerBins((0.0, 1.0), 1), LayerBins((0.0, 1.0, 2.0), 3)), 0.05
    )
    e_inc = rng.uniform(1e3, 1e5, (40, 1)).astype(np.float32)
    showers = rng.exponential(10, (40, geometry.n_voxels)).astype(np.float32)
    reference = Measured.from_showers(e_inc, showers, geometry)
    empty = Measured.from_showers(e_inc, 0 * showers, geometry, like=reference)
    samples = {REFERENCE: reference.observables, "generated": empty.observables}
    assert save(FIGURES[name](samples), tmp_path / "figure.svg").stat().st_size > 1000


def test_event_display(toy_geometry, toy_showers, tmp_path):
    e_inc, showers = toy_showers(2)
    events = {
        label: Event(float(e_inc[i, 0]), showers[i])
        for i, label in enumerate((REFERENCE, "generated"))
    }
    figure = event_display(events, toy_geometry)
    assert save(figure, tmp_path / "event.svg").is_file()
    maps = [axes.collections[0] for axes in figure.axes[:4]]
    assert len({(m.norm.vmin, m.norm.vmax) for m in maps}) == 1
    drawn = np.ma.filled(maps[0].get_array(), 0).sum()
    assert drawn == pytest.approx(showers[0].sum(), rel=1e-5)


def test_event_display_needs_equal_layers():
    geometry = CylindricalGeometry((LayerBins((0.0, 1.0), 1), LayerBins((0.0, 1.0), 2)))
    with pytest.raises(GeometryError, match="different bins"):
        event_display({REFERENCE: Event(1e3, np.ones(3, np.float32))}, geometry)
