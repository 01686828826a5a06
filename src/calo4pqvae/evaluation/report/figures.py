"""The figures by file name, in reading order; each is made, or lost, for itself.

The list is known without matplotlib. A figure is drawn of one kind of material, and left out
where there is none of it.
"""

import csv
import math
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

import numpy as np

from calo4pqvae.data.opening import PRIOR_ENERGY
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.rows import kept_energy
from calo4pqvae.evaluation.metrics.metric import Windows
from calo4pqvae.evaluation.report.lost import Lost

__all__ = ["FIGURES", "HEADINGS", "Material", "draw_figures", "event_of", "parts_of",
           "showers_of", "states_of"]  # fmt: skip

Material = Mapping[str, Callable[[], tuple[Any, ...] | None]]
"""By kind, what makes the arguments of a figure when it is drawn; None leaves it out."""


class Drawn(NamedTuple):
    """A figure: its heading, module and function in `plotting`, and its kind of material."""

    heading: str
    draw: str
    material: str


def _read() -> dict[str, Drawn]:
    text = (files("calo4pqvae.evaluation.report") / "figures.csv").read_text("utf-8")
    return {row.pop("name"): Drawn(**row) for row in csv.DictReader(text.splitlines())}


FIGURES = _read()
"""All figures; a new one is a function and a line of ``figures.csv``."""

HEADINGS = {name: figure.heading for name, figure in FIGURES.items()}


def draw_figures(material: Material, folder: Path, lost: Lost) -> None:
    """Draw all figures that there is material for.

    Arguments:
        material: see `showers_of`, `parts_of`, `states_of` and `event_of`.
        folder: where the figures go.
        lost: gathers what fails.
    """
    for name, figure in FIGURES.items():
        if figure.material not in material:
            continue
        with lost.part(path := folder / f"{name}.svg"):
            arguments = material[figure.material]()
            if arguments is None:
                continue
            from calo4pqvae.evaluation.plotting.style import save

            draw = resolve_name(f"calo4pqvae.evaluation.plotting.{figure.draw}")
            save(draw(*arguments), path)


def showers_of(samples: Mapping[str, Measured], windows: Windows) -> Material:
    """Give measured showers by name, the reference first, to those figures that need no more.

    Arguments:
        samples: measured showers.
        windows: windows of incident energy for figure 6 [MeV].
    """
    observables = {name: sample.observables for name, sample in samples.items()}
    structure = {name: sample.structure for name, sample in samples.items()}
    regular = all(one is not None for one in structure.values())
    return {
        "observables": lambda: (observables,),
        "windows": lambda: (observables, windows),
        "structure": lambda: (structure,) if regular else None,
    }


def parts_of(metrics: Mapping[str, Any]) -> Material:
    """Give the decoder's and the prior's part of the mismatch, if both are known."""
    if "parts" not in metrics:
        return {}

    def made() -> tuple[Any, ...]:
        drawn = {}
        for key, found in metrics["parts"].items():
            shown = metrics["generated"]["metrics"][key]
            values = (found[part] for part in ("decoder", "prior", "total", "floor"))
            scaled = tuple(math.nan if v is None else v * shown["scale"] for v in values)
            drawn[f"{shown['label']} [{shown['unit'].removeprefix('× ')}]"] = scaled
        return (drawn,)

    return {"parts": made}


def states_of(sources: Mapping[str, ShowerFile]) -> Material:
    """Give the energies of the prior's states, where two files or more hold them.

    Arguments:
        sources: showers by name; the first that holds energies is the reference.
    """

    def made() -> tuple[Any, ...] | None:
        energies = {name: file.column(PRIOR_ENERGY) for name, file in sources.items()}
        known = {name: values for name, values in energies.items() if values is not None}
        if len(known) < 2:
            return None
        e_inc = {name: sources[name].e_inc()[:, 0].astype(np.float64) for name in known}
        return known, e_inc

    return {"states": made}


def event_of(generated: ShowerFile, reference: ShowerFile, rows: np.ndarray | None) -> Material:
    """Give the Geant4 shower of median energy, and the generated one nearest to it.

    Unlike layers have no common map; then there is no such figure.
    """

    def made() -> tuple[Any, ...] | None:
        if not reference.geometry.is_regular:
            return None
        from calo4pqvae.evaluation.plotting.event import Event

        chosen = np.arange(len(reference)) if rows is None else rows
        energies = reference.e_inc(chosen)[:, 0]
        middle = int(np.argsort(energies)[len(energies) // 2])
        nearest = int(np.argmin(np.abs(generated.e_inc()[:, 0] - energies[middle])))
        picked = {"Geant4": (reference, chosen[middle]), "generated": (generated, nearest)}
        events = {}
        for label, (file, row) in picked.items():
            wanted = np.array([row])
            shower = kept_energy(file.showers(wanted), file.geometry)[0]
            events[label] = Event(float(file.e_inc(wanted)[0, 0]), shower)
        return events, reference.geometry

    return {"event": made}
