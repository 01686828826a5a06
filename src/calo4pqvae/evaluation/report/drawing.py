"""The figures of an evaluation and of a comparison, each made or lost for itself."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae.data.opening import PRIOR_ENERGY
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.comparison import Windows
from calo4pqvae.evaluation.features.observables import Observables, apply_threshold
from calo4pqvae.evaluation.report.lost import Lost
from calo4pqvae.evaluation.report.names import name_of
from calo4pqvae.evaluation.structure.showers import Structure

__all__ = ["draw_event", "draw_parts", "draw_samples", "draw_states", "draw_structure"]


def draw_samples(
    samples: Mapping[str, Observables], folder: Path, windows: Windows | None, lost: Lost
) -> None:
    """Draw all figures that need nothing but measured showers.

    Arguments:
        samples: measured showers by name, the reference first.
        folder: where the figures go.
        windows: windows of incident energy for figure 6; None takes its own.
        lost: gathers what fails.
    """
    for name in _names(folder, lost):
        with lost.part(path := folder / f"{name}.svg"):
            from calo4pqvae.evaluation.plotting.figures import FIGURES, energy_in_windows
            from calo4pqvae.evaluation.plotting.style import save

            draw = FIGURES[name]
            if windows is not None and name == "energy_in_windows":
                draw = partial(energy_in_windows, windows=windows)
            save(draw(dict(samples)), path)


def draw_parts(metrics: Mapping[str, Any], path: Path, lost: Lost) -> None:
    """Draw the decoder's and the prior's part of the mismatch, if both are known."""
    if "parts" not in metrics:
        return
    with lost.part(path):
        from calo4pqvae.evaluation.plotting.mismatch import mismatch
        from calo4pqvae.evaluation.plotting.style import save

        drawn = {}
        for key, found in metrics["parts"].items():
            name = name_of(key)
            values = (found[part] for part in ("decoder", "prior", "total", "floor"))
            scaled = tuple(math.nan if v is None else v * name.scale for v in values)
            drawn[f"{name.label} [{name.unit.removeprefix('× ')}]"] = scaled
        save(mismatch(drawn), path)


def draw_states(files: Mapping[str, ShowerFile], path: Path, lost: Lost) -> None:
    """Draw figure 2, the energies of the prior's states, where two files or more hold them.

    Arguments:
        files: showers by name; the first that holds energies is the reference.
        path: the figure.
        lost: gathers what fails.
    """
    with lost.part(path):
        energies = {name: file.column(PRIOR_ENERGY) for name, file in files.items()}
        known = {name: values for name, values in energies.items() if values is not None}
        if len(known) < 2:
            return
        from calo4pqvae.evaluation.plotting.prior import prior_energy
        from calo4pqvae.evaluation.plotting.style import save

        e_inc = {name: files[name].e_inc()[:, 0].astype(np.float64) for name in known}
        save(prior_energy(known, e_inc), path)


def draw_structure(
    files: Mapping[str, ShowerFile], rows: np.ndarray | None, folder: Path, lost: Lost
) -> None:
    """Draw the correlation functions; layers that differ have none.

    Arguments:
        files: showers by name, the reference first.
        rows: rows of the reference; None takes all.
        folder: where the figures go.
        lost: gathers what fails.
    """
    if not all(file.geometry.is_regular for file in files.values()):
        return
    with lost.part(folder / "centres.svg"):
        from calo4pqvae.evaluation.plotting.structure import centres_by_distance, pairs_of_hits
        from calo4pqvae.evaluation.plotting.style import save

        samples = {
            name: Structure.from_file(file, None if number else rows)
            for number, (name, file) in enumerate(files.items())
        }
        save(centres_by_distance(samples), folder / "centres.svg")
        save(pairs_of_hits(samples), folder / "pairs.svg")


def draw_event(
    generated: ShowerFile,
    reference: ShowerFile,
    rows: np.ndarray | None,
    path: Path,
    lost: Lost,
) -> None:
    """Draw the Geant4 shower of median energy beside the generated one nearest to it.

    Unlike layers have no common map; then there is no such figure.
    """
    if not reference.geometry.is_regular:
        return
    with lost.part(path):
        from calo4pqvae.evaluation.plotting.event import Event, event_display
        from calo4pqvae.evaluation.plotting.style import save

        chosen = np.arange(len(reference)) if rows is None else rows
        energies = reference.e_inc(chosen)[:, 0]
        first = int(chosen[np.argsort(energies)[len(energies) // 2]])
        target = float(np.sort(energies)[len(energies) // 2])
        second = int(np.argmin(np.abs(generated.e_inc()[:, 0] - target)))
        events = {}
        for label, file, row in (
            ("Geant4", reference, first),
            ("generated", generated, second),
        ):
            shower = file.showers(np.array([row])).astype(np.float64)
            kept, _ = apply_threshold(shower, file.geometry.threshold)
            events[label] = Event(float(file.e_inc(np.array([row]))[0, 0]), kept[0])
        save(event_display(events, reference.geometry), path)


def _names(folder: Path, lost: Lost) -> list[str]:
    """Name the figures; all of them are lost at once where matplotlib cannot be loaded."""
    with lost.part(folder):
        from calo4pqvae.evaluation.plotting.figures import FIGURES

        return list(FIGURES)
    return []
