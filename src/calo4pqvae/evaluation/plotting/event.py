"""Pictures of single showers: Geant4 beside the model at nearly the same energy."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from calo4pqvae.evaluation.plotting.style import house_style
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.units import GeV, MeV

__all__ = ["Event", "event_display"]


_COLOUR_MAP = "viridis_r"


class Event(NamedTuple):
    """One shower and its incident energy [MeV]."""

    e_inc: float
    shower: Float[np.ndarray, " voxels"]


@house_style
def event_display(events: Mapping[str, Event], geometry: CylindricalGeometry) -> Figure:
    """Draw showers side by side, summed over azimuth (above) and over r (below).

    One logarithmic colour scale of at most four decades for all; white is no energy.

    Raises:
        GeometryError: the layers of the geometry differ.
    """
    cylinders = {
        label: event.shower.reshape(geometry.shape).astype(np.float64)
        for label, event in events.items()
    }
    views = {label: (c.sum(axis=1), c.sum(axis=2)) for label, c in cylinders.items()}
    peak = max(view.max() for pair in views.values() for view in pair)
    norm = LogNorm(max(geometry.threshold, peak / 1e4, 1e-2 * MeV), max(peak, 1 * MeV))
    figure = Figure(figsize=(8.8, 4.5))
    layout = GridSpec(
        2, len(events) + 1, figure, width_ratios=[1] * len(events) + [0.03],
        left=0.07, right=0.93, bottom=0.11, top=0.92, wspace=0.08, hspace=0.1,
    )  # fmt: skip
    for column, (label, pair) in enumerate(views.items()):
        top, bottom = (figure.add_subplot(layout[row, column]) for row in range(2))
        for axes, view, edges in zip((top, bottom), pair, _edges(geometry), strict=True):
            _draw_view(axes, view, edges, norm)
            axes.tick_params(labelleft=column == 0)
        top.set_title(f"{label}, {events[label].e_inc / GeV:.1f} GeV incident")
        top.tick_params(labelbottom=False)
        bottom.set(xlabel="layer", yticks=[-np.pi, 0, np.pi], yticklabels=["−π", "0", "π"])
        if column == 0:
            top.set_ylabel("r [mm]")
            bottom.set_ylabel("α [rad]")
    mappable = ScalarMappable(norm, _COLOUR_MAP)
    scale = figure.add_subplot(layout[:, -1])
    figure.colorbar(mappable, cax=scale, label="energy [MeV]", extend="min")
    return figure


def _draw_view(axes: Axes, view: np.ndarray, edges: np.ndarray, norm: Normalize) -> None:
    """Draw one map of layers (x) against r or azimuth (y)."""
    layers = np.arange(len(view) + 1) - 0.5
    shown = np.ma.masked_less_equal(view.T, 0)
    axes.pcolormesh(layers, edges, shown, norm=norm, cmap=_COLOUR_MAP, rasterized=True)


def _edges(geometry: CylindricalGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the vertical axes of the two views: r [mm] and azimuth [rad]."""
    layer = geometry.layers[0]
    return np.array(layer.r_edges), np.linspace(-np.pi, np.pi, layer.n_alpha + 1)
