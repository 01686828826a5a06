"""Showers for the event display: pairs of Geant4 and the model, as one small file."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.intake import read_json
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.measured.rows import kept_energy

__all__ = ["COLOURS", "choose_pairs", "read_events", "write_events"]

SCHEMA = 1
N_PAIRS = 8
MAX_HITS = 400_000
"""Hits of all showers together; each costs eight bytes of the page."""

COLOURS = (
    "#440154", "#48186a", "#472d7b", "#424086", "#3b528b", "#33638d",
    "#2c728e", "#26828e", "#21918c", "#1fa088", "#28ae80", "#3fbc73",
    "#5ec962", "#84d44b", "#addc30", "#d8e219", "#fde725",
)  # fmt: skip
"""The colour map of the figures, viridis, dark to bright; here without matplotlib."""


def choose_pairs(
    reference: Float[np.ndarray, " reference"],
    generated: Float[np.ndarray, " generated"],
    n_pairs: int = N_PAIRS,
) -> Int[np.ndarray, "pairs 2"]:
    """Choose Geant4 showers over the range of energies, and the generated ones nearest to them.

    Energies alone decide, so that no shower is picked for its looks: the showers of Geant4
    are those nearest to `n_pairs` energies with equal ratios from the lowest to the highest.

    Arguments:
        reference: incident energies of Geant4 showers [MeV].
        generated: incident energies of generated showers [MeV].
        n_pairs: number of pairs wanted; fewer come back when there are fewer showers.

    Returns:
        Places in `reference` and in `generated`, by rising energy.
    """
    targets = np.geomspace(reference.min(), reference.max(), n_pairs)
    chosen = {int(np.abs(np.log(reference / target)).argmin()) for target in targets}
    pairs = [(place, np.abs(generated - reference[place]).argmin()) for place in chosen]
    return np.array(sorted(pairs, key=lambda pair: reference[pair[0]]), dtype=np.int64)


def write_events(
    generated: ShowerFile,
    reference: ShowerFile,
    path: Path,
    rows: Int[np.ndarray, " rows"] | None = None,
) -> None:
    """Write pairs of showers, their hits only, whole or not at all.

    Layers that differ have no common cells to draw; then there is no such file. Of showers
    with so many hits that the page would grow heavy, every second pair is left out.

    Arguments:
        generated: showers of the model.
        reference: showers of Geant4.
        path: the JSON file; voxel numbers and energies [MeV] are little-endian, in base64.
        rows: rows of the reference to choose from; None takes all.
    """
    if not reference.geometry.is_regular:
        path.unlink(missing_ok=True)
        return
    among = np.arange(len(reference)) if rows is None else rows
    pairs = choose_pairs(reference.e_inc(among)[:, 0], generated.e_inc()[:, 0])
    files = {"Geant4": (reference, among[pairs[:, 0]]), "Generated": (generated, pairs[:, 1])}
    columns = [
        [_hits(file, int(row), label) for row in wanted]
        for label, (file, wanted) in files.items()
    ]
    events = list(zip(*columns, strict=True))
    while len(events) > 1 and sum(e["hits"] for pair in events for e in pair) > MAX_HITS:
        events = events[::2]
    content = {"schema": SCHEMA, "geometry": reference.geometry.to_dict(), "events": events}
    write_text(path, json.dumps(content))


def read_events(path: Path) -> Mapping[str, Any] | None:
    """Read what `write_events` wrote; None where there is no such file.

    Raises:
        ConfigError: the file is none of this version.
    """
    if not path.exists():
        return None
    events = read_json(path, "set of showers to show")
    if not isinstance(events, dict) or events.get("schema") != SCHEMA:
        raise ConfigError(f"{path}: not events of schema {SCHEMA}; evaluate again")
    return events


def _hits(file: ShowerFile, row: int, label: str) -> dict[str, Any]:
    """Describe one shower by its voxels above the readout threshold."""
    wanted = np.array([row])
    shower = kept_energy(file.showers(wanted), file.geometry)[0]
    voxels = np.flatnonzero(shower)
    return {
        "label": label,
        "row": row,
        "e_inc": float(file.e_inc(wanted)[0, 0]),
        "hits": len(voxels),
        "voxels": _packed(voxels, "<u4" if file.geometry.n_voxels > 1 << 16 else "<u2"),
        "energies": _packed(shower[voxels], "<f4"),
    }


def _packed(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode("ascii")
