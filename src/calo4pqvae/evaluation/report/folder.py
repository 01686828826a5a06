"""Evaluate showers into a folder: metrics.json first, then figures and the showers to show."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae._core.optional import installed
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.entries import Classifiers, n_voxels
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.comparison import WINDOWS, Windows
from calo4pqvae.evaluation.decomposition import parts
from calo4pqvae.evaluation.evaluate import check_files, evaluate_observables, write_metrics
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.report.drawing import (
    draw_event,
    draw_parts,
    draw_samples,
    draw_states,
    draw_structure,
)
from calo4pqvae.evaluation.report.events import write_events
from calo4pqvae.evaluation.report.headings import HEADINGS
from calo4pqvae.evaluation.report.lost import losing
from calo4pqvae.evaluation.scores import Scores
from calo4pqvae.evaluation.sight import Sight

__all__ = ["clear_figures", "evaluate_to_folder"]


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

    The numbers are written as soon as they exist, and the figures of an earlier evaluation are
    removed with its numbers. Layers that differ have no event display; then there is no
    ``events.json``.

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

    Warns:
        LostPartWarning: a figure could not be made.
    """
    installed("matplotlib", "report")
    others = {"generated": generated, "reconstructed": reconstructed}
    present = {k: v for k, v in others.items() if v is not None}
    check_files(present, reference, rows)
    folder.mkdir(parents=True, exist_ok=True)
    scores = _score(generated, reference, reconstructed, rows, classifiers, inputs)
    samples = {"Geant4": Observables.from_file(reference, rows)}
    if reconstructed is not None:
        samples["reconstructed"] = Observables.from_file(reconstructed)
    samples["generated"] = Observables.from_file(generated)
    metrics = evaluate_observables(
        samples["generated"], samples["Geant4"], samples.get("reconstructed"), windows
    )
    if reconstructed is not None:
        metrics["reconstructed"] |= scores.pop("reconstructed")
    metrics |= scores
    clear_figures(folder)
    write_metrics(metrics, folder / "metrics.json")
    figures = folder / "figures"
    with losing(folder / "metrics.json") as lost:
        draw_structure({"Geant4": reference} | present, rows, figures, lost)
        draw_samples(samples, figures, windows, lost)
        draw_parts(metrics, figures / "mismatch.svg", lost)
        if reconstructed is not None:
            states = {"encoded": reconstructed, "sampled": generated}
            draw_states(states, figures / "prior_energy.svg", lost)
        draw_event(generated, reference, rows, figures / "event.svg", lost)
        with lost.part(folder / "events.json"):
            write_events(generated, reference, folder / "events.json", rows)
    return metrics


def clear_figures(folder: Path) -> None:
    """Make the folder of the figures, and remove what belongs to earlier numbers."""
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for name in HEADINGS:
        (figures / f"{name}.svg").unlink(missing_ok=True)
    (folder / "events.json").unlink(missing_ok=True)


def _score(
    generated: ShowerFile,
    reference: ShowerFile,
    reconstructed: ShowerFile | None,
    rows: np.ndarray | None,
    classifiers: Classifiers,
    inputs: Sequence[Kind],
) -> dict[str, Any]:
    """Compute the community's scores; what they are measured on is forgotten afterwards."""
    voxels = n_voxels(classifiers, inputs)
    scores = Scores(Measured.reference(reference, rows, voxels), classifiers, inputs)
    sight = Sight(reference, rows, scores.reference.features, classifiers)

    def judged(file: ShowerFile, sample: Measured) -> dict[str, Any]:
        return sight.of(file, sample.features) | sight.with_power(scores.of(sample))

    sampled = scores.reference.like(generated, voxels)
    made = judged(generated, sampled)
    if reconstructed is not None:
        decoded = scores.reference.like(reconstructed, voxels)
        made["reconstructed"] = judged(reconstructed, decoded)
        made["parts"] = parts(sampled, decoded, made)
    return made
