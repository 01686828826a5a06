"""Means of showers: profiles, response and resolution, voxel spectrum.

Each function takes observables by label; the label "Geant4" is the reference.
"""

import numpy as np
from matplotlib.figure import Figure

from calo4pqvae.evaluation.bins import log_edges
from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.plotting.distributions import MIN_IN_BIN, Samples
from calo4pqvae.evaluation.plotting.panels import curve_panel
from calo4pqvae.evaluation.plotting.ratio import Curve
from calo4pqvae.evaluation.plotting.sheet import sheet
from calo4pqvae.evaluation.plotting.style import house_style, reference_of
from calo4pqvae.units import GeV

__all__ = ["profiles", "response_and_resolution", "voxels"]


@house_style
def profiles(samples: Samples) -> Figure:
    """Draw the mean longitudinal and radial profile."""
    figure, (left, right) = sheet(samples, 1, 2, row_height=3.6)
    reference = samples[reference_of(samples)]
    layers = {label: _mean(s.e_layer) for label, s in samples.items()}
    edges = np.arange(reference.geometry.n_layers + 1) - 0.5
    ylabel = "mean energy [MeV]"
    curve_panel(figure, left, layers, edges, xlabel="layer", ylabel=ylabel)
    rings = {label: _mean(s.e_ring) for label, s in samples.items()}
    xlabel, r_edges = "ring", np.arange(reference.e_ring.shape[1] + 1) - 0.5
    if reference.geometry.is_regular:
        xlabel, r_edges = "r [mm]", np.array(reference.geometry.layers[0].r_edges)
    curve_panel(figure, right, rings, r_edges, xlabel=xlabel, ylabel=ylabel, log=True)
    return figure


@house_style
def response_and_resolution(samples: Samples) -> Figure:
    """Draw mean and width of the response against the incident energy.

    A bin with fewer than 20 showers of a sample has no entry of it.
    """
    figure, (left, right) = sheet(samples, 1, 2, row_height=3.6)
    edges = log_edges(np.concatenate([s.e_inc for s in samples.values()]) / GeV, 10)
    means, widths = {}, {}
    for label, sample in samples.items():
        means[label], widths[label] = _response_curves(sample, edges)
    xlabel = "incident energy [GeV]"
    ylabel = "mean response $E_{tot}/E_{inc}$"
    upper = curve_panel(figure, left, means, edges, xlabel=xlabel, ylabel=ylabel)
    tops = np.concatenate([curve.heights for curve in means.values()])
    low, high = np.nanmin(tops[tops > 0], initial=1), np.nanmax(tops, initial=0)
    upper.set_ylim(0.95 * low, max(1.05 * high, low))
    ylabel = "resolution (width / mean)"
    curve_panel(figure, right, widths, edges, xlabel=xlabel, ylabel=ylabel)
    return figure


@house_style
def voxels(samples: Samples) -> Figure:
    """Draw the spectrum of energies of single voxels, and the mean hits per layer."""
    figure, (left, right) = sheet(samples, 1, 2, row_height=3.6)
    reference = samples[reference_of(samples)]
    spectra = {label: _mean(_spectrum(s)) for label, s in samples.items()}
    edges = reference.edges
    ylabel = "voxels per shower and bin"
    curve_panel(
        figure, left, spectra, edges, xlabel="voxel energy [MeV]", ylabel=ylabel, log=True
    )
    hits = {label: _mean(s.hits) for label, s in samples.items()}
    layers = np.arange(reference.geometry.n_layers + 1) - 0.5
    curve_panel(figure, right, hits, layers, xlabel="layer", ylabel="mean hits")
    return figure


def _response_curves(sample: Observables, edges: np.ndarray) -> tuple[Curve, Curve]:
    """Mean and relative width per bin of incident energy, with errors.

    The error of the width follows from the fourth moment m4 and the variance v:
    var(s) = (m4 - v^2) / (4 n v), so tails count.
    """
    bins = np.digitize(sample.e_inc / GeV, edges) - 1
    mean, width = (Curve(*np.full((2, len(edges) - 1), np.nan)) for _ in range(2))
    for number in range(len(edges) - 1):
        response = sample.response[bins == number]
        if (n := len(response)) < MIN_IN_BIN or response.mean() <= 0:
            continue
        centre, spread = response.mean(), response.std()
        fourth = np.mean((response - centre) ** 4)
        mean.heights[number], mean.errors[number] = centre, spread / np.sqrt(n)
        width.heights[number] = spread / centre
        if spread > 0:
            error = np.sqrt(max(fourth - spread**4, 0) / (4 * n)) / spread
            width.errors[number] = error / centre
    return mean, width


def _spectrum(sample: Observables) -> np.ndarray:
    """Count hits by energy; the last bin takes what lies beyond the reference's largest."""
    counts = sample.spectrum[:, :-1].copy()
    counts[:, -1] += sample.spectrum[:, -1]
    return counts


def _mean(values: np.ndarray) -> Curve:
    """Mean over showers and its error."""
    return Curve(values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values)))
