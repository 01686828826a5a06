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
    "correlations",
    "energy_by_layers",
    "energy_in_windows",
    "profiles",
    "response_and_resolution",
    "sparsity_by_layers",
    "totals",
    "voxels",
]

FIGURES: dict[str, Callable[[Samples], Figure]] = {
    "totals": totals,
    "profiles": profiles,
    "response": response_and_resolution,
    "energy_by_layers": energy_by_layers,
    "sparsity_by_layers": sparsity_by_layers,
    "energy_in_windows": energy_in_windows,
    "voxels": voxels,
    "correlations": correlations,
}
"""The function that draws each figure, by file name."""
