"""Score several systems into a folder: comparison.json, the figures, and one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.optional import require
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import GeometryError
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.evaluate import SCHEMA, write_metrics
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.published import table_1
from calo4pqvae.evaluation.ranking import rank
from calo4pqvae.evaluation.report.build import figures_of, page_parts, templates
from calo4pqvae.evaluation.report.folder import draw_states
from calo4pqvae.evaluation.report.names import name_of
from calo4pqvae.evaluation.report.rows import cell, entries_of, grouped, metric_rows
from calo4pqvae.evaluation.scores import Classifiers, Scores, n_voxels

__all__ = ["compare_to_folder"]


def compare_to_folder(
    systems: Mapping[str, ShowerFile],
    reference: ShowerFile,
    folder: Path,
    rows: Int[np.ndarray, " rows"] | None = None,
    classifiers: Classifiers = "quick",
    inputs: Sequence[Kind] = ("high",),
) -> dict[str, Any]:
    """Score systems against one reference; write numbers, figures and a page.

    Arguments:
        systems: showers of each system, by name.
        reference: Geant4 showers that no system has seen.
        folder: where to write; made if missing.
        rows: rows of the reference to use; None takes all.
        classifiers: set-up of the classifiers.
        inputs: what they are given.

    Returns:
        The content of comparison.json: ``schema``, ``n_reference``, ``reference``, ``systems``
        (entries of `metrics.scores.Scores` and ``n`` of each), ``ranked_by`` and ``ranking``.

    Raises:
        MissingExtraError: matplotlib is not installed.
        GeometryError: a system has another geometry than the reference.
        ConfigError: the reference holds no energy.
    """
    require("matplotlib", "report")
    for name, file in systems.items():
        if file.geometry != reference.geometry:
            raise GeometryError(
                f"the showers of {name} have {file.geometry.n_voxels} voxels, those of the "
                f"reference {reference.geometry.n_voxels}, or the thresholds differ; compare "
                "showers of one calorimeter"
            )
    fewest = min(len(file) for file in systems.values())
    voxels = n_voxels(classifiers, inputs)
    measured = Measured.reference(reference, rows, voxels)
    scores = Scores(measured, classifiers, inputs, at_most=fewest)
    found = {name: _scored(scores, file, voxels) for name, file in systems.items()}
    by, places = rank(found)
    result = {
        "schema": SCHEMA,
        "n_reference": len(scores.reference),
        "reference": reference.path.name,
        "systems": found,
        "ranked_by": by,
        "ranking": [place._asdict() for place in places],
    }
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    _draw(systems, reference, rows, folder / "figures")
    write_metrics(result, folder / "comparison.json")
    _write_page(result, folder)
    return result


def _write_page(result: dict[str, Any], folder: Path) -> None:
    """Write comparison.html: places, all scores side by side, published rows, figures."""
    systems = result["systems"]
    names = [place["name"] for place in result["ranking"]] or list(systems)
    rows = {
        name: {row.name: row for row in metric_rows(entries_of(systems[name]))}
        for name in names
    }
    shown = rows[names[0]].values()
    page = (
        templates()
        .get_template("comparison.html.j2")
        .render(
            result=result,
            names=names,
            places={place["name"]: place["place"] for place in result["ranking"]},
            groups=grouped(list(shown)),
            rows=rows,
            ranked_by=None
            if result["ranked_by"] is None
            else name_of(result["ranked_by"]).label,
            published=table_1({}, name="", everyone=True)[1:],
            cell=cell,
            figures=list(figures_of(folder / "figures")),
            **page_parts(folder),
        )
    )
    write_text(folder / "comparison.html", page)


def _scored(scores: Scores, file: ShowerFile, voxels: int) -> dict[str, Any]:
    sample = scores.reference.like(file, voxels)
    return {"file": file.path.name, "n": len(sample), **scores.of(sample)}


def _draw(
    systems: Mapping[str, ShowerFile],
    reference: ShowerFile,
    rows: np.ndarray | None,
    folder: Path,
) -> None:
    from calo4pqvae.evaluation.plotting.figures import FIGURES
    from calo4pqvae.evaluation.plotting.style import save

    samples = {"Geant4": Observables.from_file(reference, rows)}
    samples |= {name: Observables.from_file(file) for name, file in systems.items()}
    for name, (draw, _) in FIGURES.items():
        save(draw(samples), folder / f"{name}.svg")
    draw_states(systems, folder / "prior_energy.svg")
