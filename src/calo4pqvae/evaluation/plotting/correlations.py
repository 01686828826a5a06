"""Correlations between the energies of layers: reference, samples and their difference."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec

from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.plotting.distributions import Samples
from calo4pqvae.evaluation.plotting.sheet import WIDTH
from calo4pqvae.evaluation.plotting.style import house_style, reference_of

__all__ = ["correlations", "layer_correlations"]

_REACHES = (0.05, 0.1, 0.2, 0.5, 1.0)
_ACROSS = 5
"""Maps in a row, at most."""

_LEFT, _RIGHT, _GAP, _HEAD, _FOOT, _SIDE = 0.62, 0.15, 0.12, 0.42, 0.5, 2.9
"""Margins around the maps and the largest side of one [inches]."""


@house_style
def correlations(samples: Samples) -> Figure:
    """Draw the correlation of layer energies of each sample, and what differs below it.

    Layer energies are taken over the incident energy, so that the spectrum of incident
    energies, which all samples share, makes no correlation. Layers whose energy does not
    vary have none. Above each difference stand its root mean square and what it would be
    between independent showers of the reference alone.
    """
    own = reference_of(samples)
    order = [own, *(label for label in samples if label != own)]
    matrices = {label: layer_correlations(samples[label]) for label in order}
    differences = {label: matrices[label] - matrices[own] for label in order[1:]}
    reach = _reach(list(differences.values()))
    rows = -(-len(order) // _ACROSS)
    columns = -(-len(order) // rows)
    figure, layout = _sheet(2 * rows, columns)
    for number, label in enumerate(order):
        row, column = divmod(number, columns)
        upper = figure.add_subplot(layout[2 * row, column])
        _draw(upper, matrices[label], 1.0, "RdBu_r", label)
        _name_axes(upper, left=column == 0, bottom=label == own)
        if label == own:
            _colour_bars(figure, layout[1, 0], {"correlation": 1.0, "difference": reach})
            continue
        lower = figure.add_subplot(layout[2 * row + 1, column])
        noise = _noise(samples[own], samples[label])
        title = f"rms {_rms(differences[label]):.3f}, noise {noise:.3f}"
        _draw(lower, differences[label], reach, "PuOr", title)
        last = number + columns >= len(order)
        _name_axes(lower, left=column == (row == 0), bottom=last)
    return figure


def layer_correlations(sample: Observables) -> Float[np.ndarray, "layers layers"]:
    """Pearson correlation of E_layer / E_inc; NaN where a layer does not vary."""
    shares = sample.e_layer / sample.e_inc[:, None]
    away = shares - shares.mean(axis=0)
    width = np.sqrt((away**2).sum(axis=0))
    product = width[:, None] * width
    return np.divide(
        away.T @ away, product, out=np.full(product.shape, np.nan), where=product > 0
    )


def _noise(reference: Observables, sample: Observables) -> float:
    """Estimate the rms difference if both were alike, from two halves of the reference.

    Correlations of n showers have a variance v / n; halves of n differ by 4 v / n and
    samples of n and m by v (1 / n + 1 / m).
    """
    n, rows = len(reference), np.arange(len(reference))
    halves = [layer_correlations(reference.take(rows[first::2])) for first in (0, 1)]
    return _rms(halves[1] - halves[0]) * float(np.sqrt((1 + n / len(sample)) / 4))


def _rms(matrix: np.ndarray) -> float:
    """Root mean square of what is known."""
    known = matrix[np.isfinite(matrix)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")


def _reach(differences: list[np.ndarray]) -> float:
    """Choose the ends of the scale of differences."""
    away = np.concatenate([np.abs(d).ravel() for d in differences] or [np.empty(0)])
    away = away[np.isfinite(away)]
    needed = np.quantile(away, 0.97) if len(away) else 0.0
    return next((reach for reach in _REACHES if reach >= needed), _REACHES[-1])


def _sheet(rows: int, columns: int) -> tuple[Figure, GridSpec]:
    """Make an empty figure and its cells."""
    side = (WIDTH - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    panel = min(side, _SIDE)
    height = rows * (panel + _HEAD) + _FOOT
    figure = Figure(figsize=(WIDTH, height))
    edges = {"left": _LEFT / WIDTH, "right": 1 - _RIGHT / WIDTH}
    edges |= {"bottom": _FOOT / height, "top": 1 - _HEAD / height}
    gaps = {"wspace": _GAP / side, "hspace": _HEAD / panel}
    return figure, GridSpec(rows, columns, figure, **edges, **gaps)


def _draw(axes: Axes, values: np.ndarray, reach: float, colours: str, title: str) -> None:
    """Draw a map of layers against layers."""
    edges, norm = np.arange(len(values) + 1) - 0.5, Normalize(-reach, reach)
    axes.pcolormesh(edges, edges, values.T, norm=norm, cmap=colours, rasterized=True)
    axes.set_title(title, fontsize=8.5)


def _name_axes(axes: Axes, *, left: bool, bottom: bool) -> None:
    """Write numbers and names on the axes that have no neighbour."""
    axes.tick_params(labelleft=left, labelbottom=bottom)
    axes.set(xlabel="layer" if bottom else "", ylabel="layer" if left else "")


def _colour_bars(figure: Figure, where: SubplotSpec, reaches: Mapping[str, float]) -> None:
    """Draw both scales in the cell below the reference, which has no difference."""
    rows = where.subgridspec(
        5, 2, height_ratios=[1.6, 0.3, 1.8, 0.3, 1.5], width_ratios=[0.68, 0.32]
    )
    looks = zip((1, 3), reaches.items(), ("RdBu_r", "PuOr"), ("neither", "both"), strict=True)
    for row, (label, reach), colours, extend in looks:
        figure.colorbar(
            ScalarMappable(Normalize(-reach, reach), colours),
            cax=figure.add_subplot(rows[row, 0]),
            orientation="horizontal",
            label=label,
            extend=extend,
        )
