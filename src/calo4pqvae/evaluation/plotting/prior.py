"""Figure 2 of the paper: energies of the prior, encoded and sampled."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from calo4pqvae.evaluation.bins import linear_edges, log_edges, number_of_bins
from calo4pqvae.evaluation.plotting.distributions import MIN_IN_BIN
from calo4pqvae.evaluation.plotting.panels import histogram_panel, make_logarithmic
from calo4pqvae.evaluation.plotting.ratio import Curve, draw_points, spread_in_bins
from calo4pqvae.evaluation.plotting.sheet import sheet
from calo4pqvae.evaluation.plotting.style import house_style, looks, reference_of
from calo4pqvae.units import GeV

__all__ = ["prior_energy"]

_BINS = 12

Side = tuple[Float[np.ndarray, " showers"], Float[np.ndarray, " showers"]]
Energies = Mapping[str, Float[np.ndarray, " showers"]]


@house_style
def prior_energy(energies: Energies, e_inc: Energies | None = None) -> Figure:
    """Draw the distribution of the prior's energy, eq. (2), for each source of states.

    Given the incident energies as well, draw beside it how far the mean energy is from that
    of the reference at the same incident energy, which the distribution over all incident
    energies hides.

    Arguments:
        energies: energy of each state, without unit (the prior has inverse temperature 1),
            by source; the first is the reference, such as the encoded test data.
        e_inc: incident energy of the same states [MeV]; the errors are smallest when all
            sources have the same ones in the same order.

    Source: seed paper, Fig. 2.
    """
    figure, cells = sheet(
        energies, 1, 1 if e_inc is None else 2, row_height=3.6, items="states"
    )
    edges = linear_edges(np.concatenate(list(energies.values())), number_of_bins(energies))
    xlabel = "energy of the prior, eq. (2)"
    histogram_panel(figure, cells[0], energies, edges, xlabel=xlabel, items="states")
    if e_inc is not None:
        _mean_panel(figure, cells[1], energies, e_inc)
    return figure


def _mean_panel(
    figure: Figure, where: SubplotSpec, energies: Energies, e_inc: Energies
) -> None:
    """Draw mean energies less that of the reference, in bins of incident energy."""
    own, axes = reference_of(energies), figure.add_subplot(where)
    edges = log_edges(np.concatenate(list(e_inc.values())), _BINS)
    axes.axhline(0, color="#444444", lw=0.8)
    others = [label for label in energies if label != own]
    for label, x in zip(others, spread_in_bins(edges / GeV, len(others)), strict=True):
        side, reference = ((energies[name], e_inc[name]) for name in (label, own))
        away = _difference_in_bins(side, reference, edges)
        draw_points(axes, x, away, looks(energies)[label], (-np.inf, np.inf))
    make_logarithmic(axes, edges / GeV)
    axes.set(
        xlim=(edges[0] / GeV, edges[-1] / GeV),
        xlabel="incident energy [GeV]",
        ylabel=f"mean energy less that of {own}",
    )


def _difference_in_bins(side: Side, reference: Side, edges: np.ndarray) -> Curve:
    """Difference of means per bin and its error; NaN where a side has fewer than 20 states.

    States at the same incident energies, in the same order, are compared one by one.
    """
    (a, at_a), (b, at_b) = side, reference
    curve = Curve(*np.full((2, len(edges) - 1), np.nan))
    paired = np.array_equal(at_a, at_b)
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = [v[(at >= low) & (at < high)] for v, at in ((a, at_a), (b, at_b))]
        if min(map(len, inside)) < MIN_IN_BIN:
            continue
        parts = [inside[0] - inside[1]] if paired else inside
        curve.heights[number] = inside[0].mean() - inside[1].mean()
        curve.errors[number] = np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
    return curve
