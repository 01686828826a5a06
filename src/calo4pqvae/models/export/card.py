"""What an exported model is: units, order of voxels, range, origin, digests."""

import hashlib
from typing import Any

from calo4pqvae import __version__
from calo4pqvae.models.storage import WEIGHTS, StoredModel
from calo4pqvae.units import GeV

__all__ = ["describe"]


def describe(stored: StoredModel) -> dict[str, Any]:
    """Collect what a program that loads an exported model has to know."""
    model, geometry = stored.model, stored.model.geometry
    n_layers, n_alpha, n_r = geometry.shape
    weights = hashlib.sha256((stored.folder / WEIGHTS).read_bytes()).hexdigest()
    return {
        "generator": f"calo4pqvae {__version__}",
        "units": {"energy": "MeV", "length": "mm"},
        "shape": {"layers": n_layers, "sectors": n_alpha, "rings": n_r},
        "voxel": "(layer * sectors + sector) * rings + ring; sectors from azimuth -pi on",
        "geometry": geometry.to_dict(),
        "threshold_mev": geometry.threshold,
        "energy_range_gev": [model.scale.low / GeV, model.scale.high / GeV],
        "particle": "as in the training sample, at normal incidence",
        "model": {"weights_sha256": weights, "provenance": stored.provenance},
    }
