"""Score several systems into a folder: comparison.json, the figures, and one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.optional import installed
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.entries import Classifiers, n_voxels
from calo4pqvae.evaluation.classifiers.training import Kind
from calo4pqvae.evaluation.evaluate import SCHEMA, check_files, write_metrics
from calo4pqvae.evaluation.features.measured import Measured
from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.published import table_1
from calo4pqvae.evaluation.ranking import RANKED_BY, Standing, rank, ranked_by
from calo4pqvae.evaluation.report.build import figures_of, page_parts, templates
from calo4pqvae.evaluation.report.cards import summarise
from calo4pqvae.evaluation.report.drawing import draw_samples, draw_states, draw_structure
from calo4pqvae.evaluation.report.folder import clear_figures
from calo4pqvae.evaluation.report.lead import lead_of
from calo4pqvae.evaluation.report.lost import Lost, losing
from calo4pqvae.evaluation.report.names import name_of
from calo4pqvae.evaluation.report.rows import Row, cell, entries_of, metric_rows, plus_minus
from calo4pqvae.evaluation.scores import Scores
from calo4pqvae.evaluation.sight import Sight
from calo4pqvae.evaluation.verdict import RULE

__all__ = ["compare_to_folder", "score_systems"]


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
        (entries of `Scores` and ``n`` of each), ``ranked_by`` and ``ranking``.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
        GeometryError: a system has another geometry than the reference.
        ConfigError: a file has fewer than 20 showers, or the reference holds no energy.

    Warns:
        LostPartWarning: a figure or the page could not be made.
    """
    for library in ("matplotlib", "jinja2"):
        installed(library, "report")
    check_files(systems, reference, rows)
    folder.mkdir(parents=True, exist_ok=True)
    result = score_systems(systems, reference, rows, classifiers, inputs)
    clear_figures(folder)
    (folder / "comparison.html").unlink(missing_ok=True)
    write_metrics(result, folder / "comparison.json")
    with losing(folder / "comparison.json") as lost:
        samples = _measured(systems, reference, rows, folder, lost)
        if samples:
            draw_samples(samples, folder / "figures", None, lost)
        draw_structure({"Geant4": reference} | dict(systems), rows, folder / "figures", lost)
        draw_states(systems, folder / "figures" / "prior_energy.svg", lost)
        with lost.part(folder / "comparison.html"):
            _write_page(result, folder)
    return result


def score_systems(
    systems: Mapping[str, ShowerFile],
    reference: ShowerFile,
    rows: Int[np.ndarray, " rows"] | None = None,
    classifiers: Classifiers = "quick",
    inputs: Sequence[Kind] = ("high",),
) -> dict[str, Any]:
    """Score every system on all its showers, and rank them by their differences.

    See `compare_to_folder` for what is given and what comes back.
    """
    voxels = n_voxels(classifiers, inputs)
    scores = Scores(Measured.reference(reference, rows, voxels), classifiers, inputs)
    sight = Sight(reference, rows, scores.reference.features, classifiers)
    found: dict[str, Any] = {}
    redraws: dict[str, dict[str, np.ndarray]] = {}
    for name, file in systems.items():
        sample = scores.reference.like(file, voxels)
        entries = sight.of(file, sample.features) | sight.with_power(scores.of(sample))
        found[name] = {"file": file.path.name, "n": len(sample), **entries}
        redraws[name] = {
            key: scores.redraws(key, sample) for key in RANKED_BY if entries[key]["verdict"]
        }
    by = ranked_by(found)
    standings = {
        key: [
            Standing.of(name, entries[key], redraws[name][key], entries["n"])
            for name, entries in found.items()
        ]
        for key in by
    }
    return {
        "schema": SCHEMA,
        "n_reference": len(scores.reference),
        "reference": reference.path.name,
        "systems": found,
        "ranked_by": by,
        "ranking": [place._asdict() for place in rank(standings)],
    }


def _measured(
    systems: Mapping[str, ShowerFile],
    reference: ShowerFile,
    rows: np.ndarray | None,
    folder: Path,
    lost: Lost,
) -> dict[str, Observables]:
    """Measure every shower for the figures."""
    with lost.part(folder / "figures"):
        samples = {"Geant4": Observables.from_file(reference, rows)}
        return samples | {name: Observables.from_file(file) for name, file in systems.items()}
    return {}


def _write_page(result: dict[str, Any], folder: Path) -> None:
    """Write comparison.html: places, all scores side by side, published rows, figures."""
    systems = result["systems"]
    names = [place["name"] for place in result["ranking"]] or list(systems)
    rows = {name: metric_rows(entries_of(systems[name])) for name in names}
    page = (
        templates()
        .get_template("comparison.html.j2")
        .render(
            result=result,
            names=names,
            groups=_by_quantity(rows),
            leads={name: lead_of(systems[name]) for name in names},
            tallies={name: summarise(of) for name, of in rows.items()},
            rule=RULE,
            name_of=name_of,
            published=table_1({}, name="", everyone=True)[1:],
            cell=cell,
            plus_minus=plus_minus,
            figures=list(figures_of(folder / "figures")),
            **page_parts(folder),
        )
    )
    write_text(folder / "comparison.html", page)


def _by_quantity(rows: Mapping[str, Sequence[Row]]) -> dict[str, list[tuple[str, Row]]]:
    """Gather the rows of all systems by group, those of one quantity together."""
    first = next(iter(rows.values()))
    places = {row.name: place for place, row in enumerate(first)}
    paired = [(name, row) for name, of in rows.items() for row in of]
    paired.sort(key=lambda pair: places.get(pair[1].name, len(places)))
    return {
        group: [pair for pair in paired if pair[1].group == group]
        for group in dict.fromkeys(row.group for _, row in paired)
    }
