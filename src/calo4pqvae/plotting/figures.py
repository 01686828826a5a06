"""Figures 3 to 6 of the paper and those that explain them, from measured showers.

Each function takes observables by label; the label "Geant4" is the reference.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure

from calo4pqvae.metrics.comparison import WINDOWS, Windows
from calo4pqvae.metrics.observables import VOXEL_EDGES, Observables
from calo4pqvae.plotting.panels import curve_panel, grid, histogram_panel, legend, log_edges
from calo4pqvae.plotting.ratio import Curve
from calo4pqvae.plotting.style import REFERENCE, house_style
from calo4pqvae.units import GeV

__all__ = [
    "FIGURES",
    "energy_by_layers",
    "energy_in_windows",
    "profiles",
    "response_and_resolution",
    "sparsity_by_layers",
    "totals",
    "voxels",
]

Samples = Mapping[str, Observables]

_MIN_IN_BIN = 20


@house_style
def totals(samples: Samples) -> Figure:
    """Draw figure 3: total energy and sparsity."""
    figure = Figure(figsize=(8.8, 3.9))
    left, right = grid(figure, 1, 2)
    energies = {label: s.e_tot / GeV for label, s in samples.items()}
    edges = log_edges(_all(energies), _n_bins(energies))
    histogram_panel(figure, left, energies, edges, xlabel="total energy [GeV]")
    sparsities = {label: s.sparsity for label, s in samples.items()}
    edges = _linear_edges(_all(sparsities), _n_bins(sparsities))
    histogram_panel(figure, right, sparsities, edges, xlabel="sparsity")
    return _finish(figure, samples)


@house_style
def energy_by_layers(samples: Samples) -> Figure:
    """Draw figure 4: energy sums in ranges of layers."""
    return _by_layers(
        samples,
        lambda s, layers: s.energy_in(layers) / GeV,
        lambda values, n: log_edges(values[values > np.quantile(values, 0.002)], n),
        "energy [GeV]",
    )


@house_style
def sparsity_by_layers(samples: Samples) -> Figure:
    """Draw figure 5: sparsity in ranges of layers."""
    return _by_layers(
        samples,
        lambda s, layers: s.sparsity_in(layers),
        _linear_edges,
        "sparsity",
    )


@house_style
def energy_in_windows(samples: Samples, windows: Windows = WINDOWS) -> Figure:
    """Draw figure 6: total energy in windows of incident energy [MeV].

    Windows with fewer than 20 showers on a side say so in place of a histogram.
    """
    rows = -(-len(windows) // 2)
    figure = Figure(figsize=(8.8, 3.5 * rows))
    cells = list(grid(figure, rows, 2, titled=True))
    for (low, high), cell in zip(windows, cells, strict=False):
        title = f"{low / GeV:g}–{high / GeV:g} GeV incident"
        inside = {
            label: s.e_tot[(s.e_inc >= low) & (s.e_inc < high)] / GeV
            for label, s in samples.items()
        }
        if min(map(len, inside.values())) < _MIN_IN_BIN:
            axes = figure.add_subplot(cell, title=title)
            axes.set_axis_off()
            counts = "\n".join(f"{label}: {len(v)}" for label, v in inside.items())
            axes.text(0, 0.95, f"too few showers\n{counts}", color="#666666", va="top")
            continue
        edges = _linear_edges(_all(inside), _n_bins(inside))
        histogram_panel(figure, cell, inside, edges, xlabel="total energy [GeV]", title=title)
    return _finish(figure, samples)


@house_style
def profiles(samples: Samples) -> Figure:
    """Draw the mean longitudinal and radial profile."""
    figure = Figure(figsize=(8.8, 3.9))
    left, right = grid(figure, 1, 2)
    geometry = samples[REFERENCE].geometry
    layers = {label: _mean(s.e_layer) for label, s in samples.items()}
    edges = np.arange(geometry.n_layers + 1) - 0.5
    ylabel = "mean energy [MeV]"
    curve_panel(figure, left, layers, edges, xlabel="layer", ylabel=ylabel)
    rings = {label: _mean(s.e_ring) for label, s in samples.items()}
    xlabel, r_edges = "ring", np.arange(samples[REFERENCE].e_ring.shape[1] + 1) - 0.5
    if geometry.is_regular:
        xlabel, r_edges = "r [mm]", np.array(geometry.layers[0].r_edges)
    curve_panel(figure, right, rings, r_edges, xlabel=xlabel, ylabel=ylabel, log=True)
    return _finish(figure, samples)


@house_style
def response_and_resolution(samples: Samples) -> Figure:
    """Draw mean and width of the response against the incident energy."""
    figure = Figure(figsize=(8.8, 3.9))
    left, right = grid(figure, 1, 2)
    edges = log_edges(np.concatenate([s.e_inc for s in samples.values()]) / GeV, 10)
    means, widths = {}, {}
    for label, sample in samples.items():
        means[label], widths[label] = _response_curves(sample, edges)
    xlabel = "incident energy [GeV]"
    upper = curve_panel(
        figure, left, means, edges, xlabel=xlabel, ylabel="mean response $E_{tot}/E_{inc}$"
    )
    tops = _all({label: curve.heights for label, curve in means.items()})
    upper.set_ylim(0.9 * np.nanmin(tops[tops > 0], initial=1), 1.1 * np.nanmax(tops, initial=0))
    ylabel = "resolution (width / mean)"
    curve_panel(figure, right, widths, edges, xlabel=xlabel, ylabel=ylabel)
    return _finish(figure, samples)


@house_style
def voxels(samples: Samples) -> Figure:
    """Draw the spectrum of energies of single voxels, and the mean hits per layer."""
    figure = Figure(figsize=(8.8, 3.9))
    left, right = grid(figure, 1, 2)
    occupied = np.flatnonzero(sum(s.voxel_counts.sum(axis=0) for s in samples.values()))
    first, last = (occupied[0], occupied[-1] + 1) if len(occupied) else (0, 1)
    spectra = {label: _mean(s.voxel_counts[:, first:last]) for label, s in samples.items()}
    edges = VOXEL_EDGES[first : last + 1]
    ylabel = "voxels per shower and bin"
    curve_panel(
        figure, left, spectra, edges, xlabel="voxel energy [MeV]", ylabel=ylabel, log=True
    )
    hits = {label: _mean(s.hits) for label, s in samples.items()}
    layers = np.arange(samples[REFERENCE].geometry.n_layers + 1) - 0.5
    curve_panel(figure, right, hits, layers, xlabel="layer", ylabel="mean hits")
    return _finish(figure, samples)


FIGURES: dict[str, tuple[Callable[[Samples], Figure], str]] = {
    "totals": (totals, "Total energy and sparsity (figure 3 of the paper)"),
    "profiles": (profiles, "Mean longitudinal and radial profile"),
    "response": (response_and_resolution, "Response and resolution"),
    "energy_by_layers": (energy_by_layers, "Energy in ranges of layers (figure 4)"),
    "sparsity_by_layers": (sparsity_by_layers, "Sparsity in ranges of layers (figure 5)"),
    "energy_in_windows": (
        energy_in_windows,
        "Total energy in windows of incident energy (figure 6)",
    ),
    "voxels": (voxels, "Energy of single voxels and hits per layer"),
}
"""Figures by file name: the function that draws it, and its heading."""


def _by_layers(
    samples: Samples,
    of: Callable[[Observables, slice], np.ndarray],
    edges: Callable[[np.ndarray, int], np.ndarray],
    xlabel: str,
) -> Figure:
    """Draw one panel per range of layers, three to a row."""
    ranges = list(_layer_ranges(samples[REFERENCE].geometry.n_layers))
    rows = -(-len(ranges) // 3)
    figure = Figure(figsize=(8.8, 0.8 + 2.8 * rows))
    for layers, cell in zip(ranges, grid(figure, rows, 3, titled=True), strict=False):
        values = {label: of(s, layers) for label, s in samples.items()}
        bins = edges(_all(values), _n_bins(values))
        title = f"layers {layers.start}–{layers.stop - 1}"
        histogram_panel(figure, cell, values, bins, xlabel=xlabel, title=title)
    return _finish(figure, samples)


def _layer_ranges(n_layers: int) -> Iterator[slice]:
    """Cut the layers in at most nine ranges of equal length (the last may be shorter)."""
    length = -(-n_layers // 9)
    for start in range(0, n_layers, length):
        yield slice(start, min(start + length, n_layers))


def _response_curves(sample: Observables, edges: np.ndarray) -> tuple[Curve, Curve]:
    """Mean and relative width per bin of incident energy; empty below 20 showers."""
    bins = np.digitize(sample.e_inc / GeV, edges) - 1
    mean, width = (
        Curve(np.full(len(edges) - 1, np.nan), np.zeros(len(edges) - 1)) for _ in "mw"
    )
    for number in range(len(edges) - 1):
        response = sample.response[bins == number]
        if len(response) < _MIN_IN_BIN or response.mean() <= 0:
            continue
        ratio, n = response.std(ddof=1) / response.mean(), len(response)
        mean.heights[number], mean.errors[number] = response.mean(), response.std() / np.sqrt(n)
        width.heights[number], width.errors[number] = ratio, ratio / np.sqrt(2 * n)
    return mean, width


def _mean(values: np.ndarray) -> Curve:
    return Curve(values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values)))


def _all(values: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(values.values()))


def _n_bins(values: Mapping[str, np.ndarray]) -> int:
    """Choose about as many bins as the smallest sample can fill."""
    smallest = min(map(len, values.values()))
    return int(np.clip(2.4 * smallest ** (1 / 3), 8, 40))


def _linear_edges(values: np.ndarray, n_bins: int) -> np.ndarray:
    low, high = values.min(), values.max()
    margin = 1e-6 + 1e-6 * abs(high)
    return np.linspace(low - margin, high + margin, n_bins + 1)


def _finish(figure: Figure, samples: Samples) -> Figure:
    legend(figure, {label: len(s) for label, s in samples.items()})
    return figure
