"""The figures that need nothing but measured showers, by file name.

Those that need more are functions of their own: `prior.prior_energy`, `mismatch.mismatch`,
`maps.energy_maps` and `means.shape_by_layer`.
"""

from collections.abc import Callable

from matplotlib.figure import Figure

from calo4pqvae.evaluation.plotting.correlations import correlations
from calo4pqvae.evaluation.plotting.distributions import (
    Samples,
    energy_by_layers,
    energy_in_windows,
    sparsity_by_layers,
    totals,
)
from calo4pqvae.evaluation.plotting.means import profiles, response_and_resolution, voxels

__all__ = [
    "FIGURES",
    "HEADINGS",
    "correlations",
    "energy_by_layers",
    "energy_in_windows",
    "profiles",
    "response_and_resolution",
    "sparsity_by_layers",
    "totals",
    "voxels",
]

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
    "correlations": (
        correlations,
        "Correlation between layer energies, each over the incident energy",
    ),
}
"""Figures by file name: the function that draws it, and its heading."""

HEADINGS = {
    "prior_energy": "Energy of the prior's states (figure 2)",
    **{name: heading for name, (_, heading) in FIGURES.items()},
    "mismatch": "Where the mismatch arises: decoder and prior",
    "event": "One shower of Geant4 and one of the model",
}
"""Headings of all figures of an evaluation by file name, in reading order."""
