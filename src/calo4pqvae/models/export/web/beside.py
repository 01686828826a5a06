"""Showers of Geant4 that stand beside the generated ones: a few for each energy, as text."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.units import GeV

__all__ = ["LARGEST_VOXEL", "LEVELS", "showers_beside", "unpack"]

MANTISSAS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
EACH = 3
NEAR = 0.02
"""How far, relative, an energy may be from the one that is offered."""

LEVELS = 255
"""Energies of voxels are kept in equal steps of their logarithm, some 6 % each."""

LARGEST_VOXEL = 1e6
"""Energy at the upper end of these steps [MeV]."""

_FAR, _PARTS = 255, ("steps", "levels")


def showers_beside(
    files: Sequence[str | Path],
    geometry: CylindricalGeometry,
    low: float,
    high: float,
    each: int = EACH,
) -> list[dict[str, Any]]:
    """Offer energies over a range, each with the showers of the files that are nearest to it.

    Energies alone decide, so that no shower is picked for its looks. Where the files have
    none, the energy is offered without.

    Arguments:
        files: shower files of the same mesh.
        geometry: mesh and threshold of the model.
        low: lowest incident energy [MeV].
        high: highest incident energy [MeV].
        each: showers of one energy.

    Raises:
        ShowerFileError: a file cannot be read.
        ConfigError: a file has another mesh.
    """
    offered = [
        {"gev": energy / GeV, "showers": list[dict[str, Any]]()} for energy in _round(low, high)
    ]
    for name in files:
        with ShowerFile(name) as file:
            if file.geometry.shape != geometry.shape:
                raise ConfigError(f"{name} has another mesh than the model")
            e_inc = file.e_inc()[:, 0].astype(np.float64)
            for one in offered:
                missing = each - len(one["showers"])
                away = np.abs(np.log(e_inc / (one["gev"] * GeV)))
                rows = np.argsort(away, kind="stable")[:missing]
                rows = rows[away[rows] < NEAR]
                for row, shower in zip(rows, file.showers(rows), strict=True):
                    packed = _pack(shower, geometry.threshold)
                    one["showers"].append({"mev": round(float(e_inc[row]), 3), **packed})
    return offered


def unpack(
    packed: Mapping[str, Any], threshold: float, n_voxels: int
) -> Float[np.ndarray, " voxels"]:
    """Undo the packing, to the precision that was kept; the page does the same."""
    steps, levels = (np.frombuffer(base64.b64decode(packed[k]), np.uint8) for k in _PARTS)
    places = np.cumsum(np.where(steps == 0, _FAR, steps).astype(np.int64))[steps > 0] - 1
    shower = np.zeros(n_voxels, np.float32)
    shower[places] = threshold * np.exp(levels / LEVELS * _span(threshold))
    return shower


def _round(low: float, high: float) -> list[float]:
    """Round energies [MeV] within a range."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    energies = sorted(float(m * power) for power in powers for m in MANTISSAS)
    return [e for e in energies if low * (1 - 1e-6) <= e <= high * (1 + 1e-6)]


def _pack(shower: Float[np.ndarray, " voxels"], threshold: float) -> dict[str, str]:
    """Steps from hit to hit (0: 255 voxels further, no hit there), and levels of energy."""
    places = np.flatnonzero(shower > 0)
    steps = bytearray()
    for step in np.diff(places, prepend=-1).tolist():
        far = (step - 1) // _FAR
        steps += bytes(far) + bytes([step - far * _FAR])
    levels = np.log(shower[places] / threshold) / _span(threshold) * LEVELS
    kept = np.clip(np.rint(levels), 0, LEVELS).astype(np.uint8).tobytes()
    texts = (base64.b64encode(part).decode("ascii") for part in (bytes(steps), kept))
    return dict(zip(_PARTS, texts, strict=True))


def _span(threshold: float) -> float:
    return float(np.log(LARGEST_VOXEL / threshold))
