"""Evaluate or compare showers into a folder: numbers first, then all that shows them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.optional import installed
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.evaluate import Evaluation, check_files, compare
from calo4pqvae.evaluation.histograms import write_histograms
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics_file import write_metrics
from calo4pqvae.evaluation.report.events import write_events
from calo4pqvae.evaluation.report.figures import (
    HEADINGS,
    draw_figures,
    event_of,
    parts_of,
    showers_of,
    states_of,
)
from calo4pqvae.evaluation.report.lost import losing
from calo4pqvae.evaluation.report.pages import render_comparison

__all__ = ["compare_to_folder", "evaluate_to_folder"]

Rows = Int[np.ndarray, " rows"]


def evaluate_to_folder(
    generated: ShowerFile,
    reference: ShowerFile,
    folder: Path,
    reconstructed: ShowerFile | None = None,
    rows: Rows | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """Compare showers with Geant4; write numbers, histograms, figures and events.

    These are ``metrics.json``, ``histograms.json``, ``figures/*.svg`` and ``events.json``. The
    numbers are written as soon as they exist, and the figures of an earlier evaluation are
    removed with its numbers. Layers that differ have no event display; then there is no
    ``events.json``.

    Arguments:
        generated: showers of the model.
        reference: Geant4 showers that the model has not seen.
        folder: where to write; made if missing.
        reconstructed: the reference showers passed through encoder and decoder.
        rows: rows of the reference to use; None takes all.
        options: classifiers, windows, and the like.

    Returns:
        The content of metrics.json.

    Raises:
        MissingExtraError: matplotlib is not installed.
        GeometryError: the files have different geometries.
        ConfigError: a file has fewer than 20 showers, or the reference holds no energy.

    Warns:
        LostPartWarning: a figure could not be made.
    """
    others = {"reconstructed": reconstructed, "generated": generated}
    files = {name: file for name, file in others.items() if file is not None}
    evaluation = _start(files, reference, folder, rows, options)
    samples = {name: evaluation.measure(file) for name, file in files.items()}
    metrics = evaluation.of(samples["generated"], samples.get("reconstructed"))
    _clear(folder)
    write_metrics(metrics, folder / "metrics.json")
    with losing(folder / "metrics.json") as lost:
        seen = {"Geant4": evaluation.reference} | samples
        with lost.part(folder / "histograms.json"):
            write_histograms(seen, folder / "histograms.json")
        material = dict(showers_of(seen, evaluation.options.windows))
        material |= {**parts_of(metrics), **event_of(generated, reference, rows)}
        if reconstructed is not None:
            material |= states_of({"encoded": reconstructed, "sampled": generated})
        draw_figures(material, folder / "figures", lost)
        with lost.part(folder / "events.json"):
            write_events(generated, reference, folder / "events.json", rows)
    return metrics


def compare_to_folder(
    systems: Mapping[str, ShowerFile],
    reference: ShowerFile,
    folder: Path,
    rows: Rows | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """Score systems against one reference; write numbers, histograms, figures and a page.

    Arguments:
        systems: showers of each system, by name.
        reference: Geant4 showers that no system has seen.
        folder: where to write; made if missing.
        rows: rows of the reference to use; None takes all.
        options: classifiers, windows, and the like.

    Returns:
        The content of comparison.json, see `evaluate.compare`.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
        GeometryError: a system has another geometry than the reference.
        ConfigError: a file has fewer than 20 showers, or the reference holds no energy.

    Warns:
        LostPartWarning: a figure or the page could not be made.
    """
    installed("jinja2", "report")
    evaluation = _start(systems, reference, folder, rows, options)
    result, samples = compare(evaluation, systems)
    _clear(folder)
    (folder / "comparison.html").unlink(missing_ok=True)
    write_metrics(result, folder / "comparison.json")
    with losing(folder / "comparison.json") as lost:
        seen = {"Geant4": evaluation.reference} | samples
        with lost.part(folder / "histograms.json"):
            write_histograms(seen, folder / "histograms.json")
        material = {**showers_of(seen, evaluation.options.windows), **states_of(systems)}
        draw_figures(material, folder / "figures", lost)
        with lost.part(folder / "comparison.html"):
            write_text(folder / "comparison.html", render_comparison(result, folder))
    return result


def _start(
    files: Mapping[str, ShowerFile],
    reference: ShowerFile,
    folder: Path,
    rows: Rows | None,
    options: Options | None,
) -> Evaluation:
    """Refuse what cannot be compared, make the folder, and measure the reference."""
    installed("matplotlib", "report")
    check_files(files, reference, rows)
    folder.mkdir(parents=True, exist_ok=True)
    return Evaluation(reference, rows, options)


def _clear(folder: Path) -> None:
    """Make the folder of the figures, and remove what belongs to earlier numbers."""
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for name in HEADINGS:
        (figures / f"{name}.svg").unlink(missing_ok=True)
    for name in ("events.json", "histograms.json"):
        (folder / name).unlink(missing_ok=True)
