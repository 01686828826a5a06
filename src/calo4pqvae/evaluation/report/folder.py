"""Evaluate showers into a folder: metrics.json, the figures and the showers to show."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae._core.optional import require
from calo4pqvae.data.opening import PRIOR_ENERGY
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.comparison import WINDOWS, Windows
from calo4pqvae.evaluation.decomposition import parts
from calo4pqvae.evaluation.evaluate import evaluate_observables, write_metrics
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.features.observables import Observables, apply_threshold
from calo4pqvae.evaluation.report.events import write_events
from calo4pqvae.evaluation.report.names import name_of
from calo4pqvae.evaluation.scores import Classifiers, Scores, n_voxels

__all__ = ["draw_states", "evaluate_to_folder"]


def evaluate_to_folder(
    generated: ShowerFile,
    reference: ShowerFile,
    folder: Path,
    reconstructed: ShowerFile | None = None,
    rows: Int[np.ndarray, " rows"] | None = None,
    windows: Windows = WINDOWS,
    classifiers: Classifiers = "quick",
    inputs: Sequence[Kind] = ("high",),
) -> dict[str, Any]:
    """Compare showers with Geant4; write ``metrics.json``, ``figures/*.svg``, ``events.json``.

    Layers that differ have no event display; then there is no ``events.json``.

    Arguments:
        generated: showers of the model.
        reference: Geant4 showers that the model has not seen.
        folder: where to write; made if missing.
        reconstructed: the reference showers passed through encoder and decoder.
        rows: rows of the reference to use; None takes all.
        windows: windows of incident energy for figure 6, lower and upper ends [MeV].
        classifiers: set-up of the classifiers.
        inputs: what they are given.

    Returns:
        The content of metrics.json.

    Raises:
        MissingExtraError: matplotlib is not installed.
        GeometryError: the files have different geometries.
        ConfigError: a file has fewer than 20 showers.
    """
    require("matplotlib", "report")
    figures = folder / "figures"
    metrics = _compare(generated, reference, reconstructed, rows, windows, figures)
    _add_scores(metrics, generated, reference, reconstructed, rows, classifiers, inputs)
    _draw_parts(metrics, figures / "mismatch.svg")
    states = {} if reconstructed is None else {"encoded": reconstructed, "sampled": generated}
    draw_states(states, figures / "prior_energy.svg")
    _draw_event(generated, reference, rows, figures / "event.svg")
    write_events(generated, reference, folder / "events.json", rows)
    write_metrics(metrics, folder / "metrics.json")
    return metrics


def _compare(
    generated: ShowerFile,
    reference: ShowerFile,
    reconstructed: ShowerFile | None,
    rows: np.ndarray | None,
    windows: Windows,
    figures: Path,
) -> dict[str, Any]:
    """Compare and draw what is measured on each shower, which is forgotten afterwards."""
    samples = {"Geant4": Observables.from_file(reference, rows)}
    if reconstructed is not None:
        samples["reconstructed"] = Observables.from_file(reconstructed)
    samples["generated"] = Observables.from_file(generated)
    metrics = evaluate_observables(
        samples["generated"], samples["Geant4"], samples.get("reconstructed"), windows
    )
    figures.mkdir(parents=True, exist_ok=True)
    _draw_figures(samples, figures, windows)
    return metrics


def _add_scores(
    metrics: dict[str, Any],
    generated: ShowerFile,
    reference: ShowerFile,
    reconstructed: ShowerFile | None,
    rows: np.ndarray | None,
    classifiers: Classifiers,
    inputs: Sequence[Kind],
) -> None:
    """Enter the community's scores at the top of the metrics and of the reconstructed block."""
    voxels = n_voxels(classifiers, inputs)
    scores = Scores(Measured.reference(reference, rows, voxels), classifiers, inputs)
    sampled = scores.reference.like(generated, voxels)
    metrics |= scores.of(sampled)
    if reconstructed is not None:
        decoded = scores.reference.like(reconstructed, voxels)
        metrics["reconstructed"] |= scores.of(decoded)
        metrics["parts"] = parts(sampled, decoded, metrics)


def _draw_figures(samples: dict[str, Observables], folder: Path, windows: Windows) -> None:
    from calo4pqvae.evaluation.plotting.figures import FIGURES, energy_in_windows
    from calo4pqvae.evaluation.plotting.style import save

    drawn = {name: draw for name, (draw, _) in FIGURES.items()}
    drawn["energy_in_windows"] = partial(energy_in_windows, windows=windows)
    for name, draw in drawn.items():
        save(draw(samples), folder / f"{name}.svg")


def _draw_parts(metrics: dict[str, Any], path: Path) -> None:
    """Draw the decoder's and the prior's part of the mismatch, if both are known."""
    from calo4pqvae.evaluation.plotting.mismatch import mismatch
    from calo4pqvae.evaluation.plotting.style import save

    if "parts" not in metrics:
        path.unlink(missing_ok=True)
        return
    drawn = {}
    for key, found in metrics["parts"].items():
        name = name_of(key)
        values = (found[part] for part in ("decoder", "prior", "total", "floor"))
        scaled = tuple(math.nan if v is None else v * name.scale for v in values)
        drawn[f"{name.label} [{name.unit.removeprefix('× ')}]"] = scaled
    save(mismatch(drawn), path)


def draw_states(files: Mapping[str, ShowerFile], path: Path) -> None:
    """Draw figure 2, the energies of the prior's states, where two files or more hold them.

    Arguments:
        files: showers by name; the first that holds energies is the reference.
        path: the figure, removed where there is nothing to draw.
    """
    from calo4pqvae.evaluation.plotting.prior import prior_energy
    from calo4pqvae.evaluation.plotting.style import save

    energies = {name: file.column(PRIOR_ENERGY) for name, file in files.items()}
    known = {name: values for name, values in energies.items() if values is not None}
    if len(known) < 2:
        path.unlink(missing_ok=True)
        return
    e_inc = {name: files[name].e_inc()[:, 0].astype(np.float64) for name in known}
    save(prior_energy(known, e_inc), path)


def _draw_event(
    generated: ShowerFile, reference: ShowerFile, rows: np.ndarray | None, path: Path
) -> None:
    """Draw the Geant4 shower of median energy beside the generated one nearest to it.

    Unlike layers have no common map; then there is no such figure.
    """
    from calo4pqvae.evaluation.plotting.event import Event, event_display
    from calo4pqvae.evaluation.plotting.style import save

    if not reference.geometry.is_regular:
        path.unlink(missing_ok=True)
        return
    chosen = np.arange(len(reference)) if rows is None else rows
    energies = reference.e_inc(chosen)[:, 0]
    first = int(chosen[np.argsort(energies)[len(energies) // 2]])
    target = float(np.sort(energies)[len(energies) // 2])
    second = int(np.argmin(np.abs(generated.e_inc()[:, 0] - target)))
    events = {}
    for label, file, row in (("Geant4", reference, first), ("generated", generated, second)):
        shower = file.showers(np.array([row])).astype(np.float64)
        kept, _ = apply_threshold(shower, file.geometry.threshold)
        events[label] = Event(float(file.e_inc(np.array([row]))[0, 0]), kept[0])
    save(event_display(events, reference.geometry), path)
