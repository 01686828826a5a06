"""How much of a mismatch arises in the decoder, and how much in the prior.

Reconstructed showers are Geant4's, encoded and decoded: what they miss is the decoder's. What
sampled showers miss against the reconstructed ones is the prior's. Distances do not add up, and
parts that cancel may both exceed the total.
"""

from collections.abc import Mapping
from typing import Any

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.distances.frechet import fpd
from calo4pqvae.evaluation.distances.kernel import kpd
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.separations import separation_powers

__all__ = ["parts"]

SEPARATIONS = (
    "e_tot", "e_layer", "ec_eta", "ec_r", "width_eta", "width_r", "sparsity", "voxel",
)  # fmt: skip


def parts(
    generated: Measured, reconstructed: Measured, metrics: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Split distances into the decoder's and the prior's part.

    Arguments:
        generated: sampled showers.
        reconstructed: showers of Geant4 after encoder and decoder, in the same bins.
        metrics: content of metrics.json with the blocks of both against Geant4.

    Returns:
        By score, such as ``fpd``: ``decoder`` (reconstructed against Geant4), ``prior``
        (sampled against reconstructed), ``total`` (sampled against Geant4) and ``floor``;
        None or NaN where it is undefined.
    """
    decoded, sampled = (metrics[name]["metrics"] for name in ("reconstructed", "generated"))
    return {
        name: {
            "decoder": decoded[name]["value"],
            "prior": value,
            "total": sampled[name]["value"],
            "floor": (sampled[name]["floor"] or {}).get("value"),
        }
        for name, value in _distances(generated, reconstructed).items()
    }


def _distances(generated: Measured, reconstructed: Measured) -> dict[str, float | None]:
    """Compute the distances of sampled from reconstructed showers."""
    found: dict[str, float | None] = {}
    for name, distance in (("fpd", fpd), ("kpd", kpd)):
        try:
            found[name] = distance(reconstructed.features, generated.features).value
        except ConfigError:
            found[name] = None
    apart = separation_powers(reconstructed, generated)
    return found | {f"separation.{name}": apart[name] for name in SEPARATIONS}
