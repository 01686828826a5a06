"""Entries of metrics.json as a reader wants them: names, units and sensible digits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Row", "headline", "metric_rows", "plus_minus"]


@dataclass(frozen=True)
class Row:
    """One quantity in words: what, how much, the floor, and the verdict."""

    name: str
    label: str
    value: str
    floor: str
    unit: str
    verdict: str
    note: str = ""


_LABELS = {
    "response": "Mean response, relative to Geant4",
    "sparsity": "Mean sparsity, difference to Geant4",
    "profile.longitudinal": "Longitudinal profile, largest deviation",
    "profile.radial": "Radial profile, largest deviation",
}

_KINDS = {
    "response": "Mean response",
    "resolution": "Resolution",
    "depth": "Mean depth",
    "depth_spread": "Spread of the depth",
    "separation": "Separation power",
    "wasserstein": "Wasserstein distance",
}

_OBSERVABLES = {
    "e_tot": "total energy",
    "e_layer": "energy per layer (mean)",
    "voxel": "voxel energy",
}

_HEADLINE = (
    "response",
    "sparsity",
    "profile.longitudinal",
    "profile.radial",
    "wasserstein.response",
    "separation.voxel",
)


def metric_rows(metrics: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Turn all entries of a block into rows, in their order."""
    return [_row(name, entry) for name, entry in metrics.items()]


def headline(metrics: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Choose the rows that tell most."""
    return [_row(name, metrics[name]) for name in _HEADLINE if name in metrics]


def plus_minus(value: float | None, error: float | None, scale: float = 1.0) -> str:
    """Write a value with its error, both to the error's second digit."""
    if value is None:
        return "undefined"
    if not error:
        return f"{value * scale:z.4g}".replace("-", "−")
    digits = min(max(1 - math.floor(math.log10(error * scale)), 0), 6)
    text = f"{value * scale:z.{digits}f} ± {error * scale:.{digits}f}"
    return text.replace("-", "−")


def _row(name: str, entry: Mapping[str, Any]) -> Row:
    scale, unit = _unit(name)
    value, error, floor = entry["value"], entry["error"], entry["floor"]
    signed = "generated" in entry and not name.startswith("profile")
    return Row(
        name=name,
        label=_label(name),
        value=("+" if signed and (value or 0) > 0 else "") + plus_minus(value, error, scale),
        floor=plus_minus(floor["value"], floor["error"], scale),
        unit=unit,
        verdict=entry["verdict"] or "undefined",
        note=_note(name, entry),
    )


def _unit(name: str) -> tuple[float, str]:
    """Return the scale and the unit in which a quantity is shown."""
    kind = name.partition(".")[0]
    if kind in {"response", "resolution", "profile", "depth_spread"}:
        return 100.0, "%"
    if kind == "depth":
        return 1.0, "layers"
    if kind == "separation":
        return 1e3, "10⁻³"
    return (1.0, "σ") if kind == "wasserstein" else (1.0, "")


def _label(name: str) -> str:
    if name in _LABELS:
        return _LABELS[name]
    kind, _, rest = name.partition(".")
    return f"{_KINDS.get(kind, kind)}, {_OBSERVABLES.get(rest, rest)}"


def _note(name: str, entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return entry.get("reason", "")
    if name.startswith("profile"):
        place = "layer" if name.endswith("longitudinal") else "ring"
        return f"in {place} {entry['bin']}, among those with over 1 % of the energy"
    if isinstance(entry.get("generated"), Mapping):
        model, geant4 = (
            plus_minus(entry[side]["value"], entry[side]["error"])
            for side in ("generated", "reference")
        )
        return f"{model}; Geant4 {geant4}"
    return ""
