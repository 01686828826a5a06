"""Figures 3 to 6 of the paper: distributions of total energy and sparsity.

Each function takes observables by label; the label "Geant4" is the reference.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure

from calo4pqvae.evaluation.bins import (
    linear_edges,
    log_edges,
    number_of_bins,
    sparsity_edges,
)
from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.metrics.metric import WINDOWS, Windows
from calo4pqvae.evaluation.plotting.panels import histogram_panel
from calo4pqvae.evaluation.plotting.sheet import sheet
from calo4pqvae.evaluation.plotting.style import house_style, reference_of
from calo4pqvae.units import GeV

__all__ = [
    "MIN_IN_BIN",
    "Samples",
    "energy_by_layers",
    "energy_in_windows",
    "sparsity_by_layers",
    "totals",
]

Samples = Mapping[str, Observables]

MIN_IN_BIN = 20
"""Showers that a window or a bin of incident energy needs to be drawn."""


@house_style
def totals(samples: Samples) -> Figure:
    """Draw figure 3: total energy and sparsity."""
    figure, (left, right) = sheet(samples, 1, 2, row_height=3.6)
    energies = {label: s.e_tot / GeV for label, s in samples.items()}
    edges = log_edges(_all(energies), number_of_bins(energies))
    histogram_panel(figure, left, energies, edges, xlabel="total energy [GeV]")
    sparsities = {label: s.sparsity for label, s in samples.items()}
    edges = sparsity_edges(
        _all(sparsities), number_of_bins(sparsities), _n_voxels(samples, slice(None))
    )
    histogram_panel(figure, right, sparsities, edges, xlabel="sparsity")
    return figure


@house_style
def energy_by_layers(samples: Samples) -> Figure:
    """Draw figure 4: energy sums in ranges of layers."""

    def edges(values: np.ndarray, n_bins: int, layers: slice) -> np.ndarray:  # noqa: ARG001
        return log_edges(values[values > np.quantile(values, 0.002)], n_bins)

    return _by_layers(
        samples, lambda s, layers: s.energy_in(layers) / GeV, edges, "energy [GeV]"
    )


@house_style
def sparsity_by_layers(samples: Samples) -> Figure:
    """Draw figure 5: sparsity in ranges of layers."""

    def edges(values: np.ndarray, n_bins: int, layers: slice) -> np.ndarray:
        return sparsity_edges(values, n_bins, _n_voxels(samples, layers))

    return _by_layers(samples, lambda s, layers: s.sparsity_in(layers), edges, "sparsity")


@house_style
def energy_in_windows(samples: Samples, windows: Windows = WINDOWS) -> Figure:
    """Draw figure 6: total energy in windows of incident energy [MeV].

    A sample with fewer than 20 showers in a window is not drawn there. Windows where the
    reference or all others are that few have no panel; the foot of the figure names them.
    """
    panels, empty = {}, []
    for low, high in windows:
        title = f"{low / GeV:g}–{high / GeV:g} GeV"
        inside = {
            label: s.e_tot[(s.e_inc >= low) & (s.e_inc < high)] / GeV
            for label, s in samples.items()
        }
        drawn = {label: v for label, v in inside.items() if len(v) >= MIN_IN_BIN}
        if reference_of(samples) in drawn and len(drawn) > 1:
            panels[title] = {label: drawn.get(label, np.empty(0)) for label in samples}
        else:
            empty.append(title)
    note = f"Too few showers to draw: {', '.join(empty)}." if empty else ""
    columns = {1: 1, 2: 2, 4: 2}.get(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure, cells = sheet(samples, rows, columns, row_height=3.5, titled=True, note=note)
    for (title, inside), cell in zip(panels.items(), cells, strict=False):
        edges = linear_edges(_all(inside), number_of_bins(inside))
        histogram_panel(
            figure, cell, inside, edges, xlabel="total energy [GeV]", title=f"{title} incident"
        )
    return figure


def _by_layers(
    samples: Samples,
    of: Callable[[Observables, slice], np.ndarray],
    edges: Callable[[np.ndarray, int, slice], np.ndarray],
    xlabel: str,
) -> Figure:
    """Draw one panel per range of layers, three to a row."""
    ranges = list(_layer_ranges(samples[reference_of(samples)].geometry.n_layers))
    columns = min(len(ranges), 3)
    rows = -(-len(ranges) // columns)
    figure, cells = sheet(samples, rows, columns, row_height=2.9, titled=True)
    for layers, cell in zip(ranges, cells, strict=False):
        values = {label: of(s, layers) for label, s in samples.items()}
        bins = edges(_all(values), number_of_bins(values), layers)
        last = layers.stop - 1
        title = f"layers {layers.start}–{last}" if last > layers.start else f"layer {last}"
        histogram_panel(figure, cell, values, bins, xlabel=xlabel, title=title)
    return figure


def _layer_ranges(n_layers: int) -> Iterator[slice]:
    """Cut the layers in at most nine ranges of equal length (the last may be shorter)."""
    length = -(-n_layers // 9)
    for start in range(0, n_layers, length):
        yield slice(start, min(start + length, n_layers))


def _n_voxels(samples: Samples, layers: slice) -> int:
    geometry = samples[reference_of(samples)].geometry
    return sum(layer.n_voxels for layer in geometry.layers[layers])


def _all(values: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(values.values()))
