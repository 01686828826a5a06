"""Evaluate showers into a folder: metrics.json, the figures and the showers to show."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.extras import require
from calo4pqvae.metrics.comparison import WINDOWS, Windows
from calo4pqvae.metrics.evaluate import evaluate_observables, write_metrics
from calo4pqvae.metrics.measured import Measured
from calo4pqvae.metrics.observables import Observables, apply_threshold
from calo4pqvae.metrics.scores import Classifiers, Scores
from calo4pqvae.report.events import write_events

__all__ = ["evaluate_to_folder"]


def evaluate_to_folder(
    generated: ShowerFile,
    reference: ShowerFile,
    folder: Path,
    reconstructed: ShowerFile | None = None,
    rows: Int[np.ndarray, " rows"] | None = None,
    windows: Windows = WINDOWS,
    classifiers: Classifiers = "quick",
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
        classifiers: classifier on the high-level features.

    Returns:
        The content of metrics.json.

    Raises:
        MissingExtraError: matplotlib is not installed.
        GeometryError: the files have different geometries.
        ConfigError: a file has fewer than 20 showers.
    """
    require("matplotlib", "report")
    samples = {"Geant4": Observables.from_file(reference, rows)}
    if reconstructed is not None:
        samples["reconstructed"] = Observables.from_file(reconstructed)
    samples["generated"] = Observables.from_file(generated)
    metrics = evaluate_observables(
        samples["generated"], samples["Geant4"], samples.get("reconstructed"), windows
    )
    _add_scores(metrics, generated, reference, reconstructed, rows, classifiers)
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    _draw_figures(samples, figures, windows)
    _draw_event(generated, reference, rows, figures / "event.svg")
    write_events(generated, reference, folder / "events.json", rows)
    write_metrics(metrics, folder / "metrics.json")
    return metrics


def _add_scores(
    metrics: dict[str, Any],
    generated: ShowerFile,
    reference: ShowerFile,
    reconstructed: ShowerFile | None,
    rows: np.ndarray | None,
    classifiers: Classifiers,
) -> None:
    """Enter the community's scores at the top of the metrics and of the reconstructed block."""
    scores = Scores(Measured.reference(reference, rows), classifiers)
    metrics |= scores.of(scores.reference.like(generated))
    if reconstructed is not None:
        metrics["reconstructed"] |= scores.of(scores.reference.like(reconstructed))


def _draw_figures(samples: dict[str, Observables], folder: Path, windows: Windows) -> None:
    from calo4pqvae.plotting.figures import FIGURES, energy_in_windows
    from calo4pqvae.plotting.style import save

    drawn = {name: draw for name, (draw, _) in FIGURES.items()}
    drawn["energy_in_windows"] = partial(energy_in_windows, windows=windows)
    for name, draw in drawn.items():
        save(draw(samples), folder / f"{name}.svg")


def _draw_event(
    generated: ShowerFile, reference: ShowerFile, rows: np.ndarray | None, path: Path
) -> None:
    """Draw the Geant4 shower of median energy beside the generated one nearest to it.

    Unlike layers have no common map; then there is no such figure.
    """
    from calo4pqvae.plotting.event import Event, event_display
    from calo4pqvae.plotting.style import save

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
