"""The pages: verdict, showers, figures, numbers and provenance in one file without network."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.intake import parsing, read_bytes
from calo4pqvae._core.optional import require
from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.metrics.means import MIN_SHARE
from calo4pqvae.evaluation.metrics_file import read_metrics
from calo4pqvae.evaluation.published import table_1
from calo4pqvae.evaluation.report.cards import headline, strip_of, summarise
from calo4pqvae.evaluation.report.events import COLOURS, read_events
from calo4pqvae.evaluation.report.figures import HEADINGS
from calo4pqvae.evaluation.report.lead import lead_of
from calo4pqvae.evaluation.report.rows import Row, cell, grouped, metric_rows, plus_minus
from calo4pqvae.evaluation.result import Score
from calo4pqvae.evaluation.verdict import RULE

__all__ = ["build_report", "render_comparison", "render_report"]

LARGEST_FIGURE = 2**25
"""Bytes of one figure that goes into the page (32 MiB); ours have at most 1 MB."""

_PLACES = {"profile.longitudinal": "Layer", "profile.radial": "Ring"}
_HERE = Path(__file__).parent


def build_report(folder: Path, output: Path) -> Path:
    """Write one self-contained page from a folder made by `evaluate_to_folder`.

    Arguments:
        folder: holds ``metrics.json``, ``figures/*.svg`` and perhaps ``events.json``.
        output: the page to write, whole or not at all.

    Returns:
        The path of the page.

    Raises:
        MissingExtraError: jinja2 is not installed.
        ConfigError: the folder holds no evaluation of this version.
    """
    return write_text(output, render_report(folder))


def render_report(folder: Path) -> str:
    """Make the page of an evaluation.

    Raises:
        ConfigError: the folder holds no evaluation of this version.
    """
    metrics = read_metrics(folder / "metrics.json")
    with parsing(folder / "metrics.json", "set of metrics", ConfigError):
        blocks = list(_blocks(metrics))
        never = {"prior_energy", "event"} | (set() if "parts" in metrics else {"mismatch"})
        drawn = {path.stem for path in (folder / "figures").glob("*.svg")}
        return _render(
            "page.html.j2",
            folder,
            metrics=metrics,
            summary=summarise(blocks[0]["rows"]),
            lead=lead_of(metrics["generated"]),
            cards=[(row, strip_of(row)) for row in headline(blocks[0]["rows"])],
            blocks=blocks,
            provenance=list(_provenance(metrics)),
            missing=[HEADINGS[name] for name in HEADINGS if name not in drawn | never],
            published=table_1(_own_scores(metrics), name="These showers", note=_size(metrics)),
        )


def render_comparison(result: Mapping[str, Any], folder: Path) -> str:
    """Make the page of a comparison: places, all scores side by side, published rows, figures.

    Arguments:
        result: content of comparison.json.
        folder: holds ``figures/*.svg``.
    """
    systems = result["systems"]
    names = [place["name"] for place in result["ranking"]] or list(systems)
    rows = {name: metric_rows(systems[name]["metrics"]) for name in names}
    first = systems[names[0]]["metrics"]
    return _render(
        "comparison.html.j2",
        folder,
        result=result,
        names=names,
        headline=_first_of(result["ranking"], names),
        groups=_by_quantity(rows),
        leads={name: lead_of(systems[name]) for name in names},
        tallies={name: summarise(of) for name, of in rows.items()},
        shown=first,
        published=table_1({}, name="", everyone=True)[1:],
        plus_minus=plus_minus,
        file_of={name: Path(systems[name].get("path", name)).name for name in names},
        reference=Path(result["reference"].get("path", "in memory")).name,
    )


def _render(template: str, folder: Path, **content: Any) -> str:
    """Fill a page, with style, scripts, events, and the policy that lets only these run."""
    jinja2 = require("jinja2", "report")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("calo4pqvae.evaluation.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"excess": _excess, "within": _within}
    unescaped = jinja2.utils.markupsafe.Markup
    theme, page, display, style = (
        (_HERE / name).read_text(encoding="utf-8")
        for name in ("theme.js", "page.js", "display.js", "page.css")
    )
    events = read_events(folder / "events.json")
    scripts = {"theme": theme, "script": page + (display if events else "")}
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
        for code in scripts.values()
    )
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src 'unsafe-inline'; script-src {hashes}"
    )
    data = "" if events is None else json.dumps({**events, "colours": COLOURS})
    parts = scripts | {
        "style": style,
        "policy": policy,
        "events_json": data.replace("<", "\\u003c"),
    }
    return environment.get_template(template).render(
        **content,
        **{name: unescaped(part) for name, part in parts.items()},
        events=events,
        figures=list(_figures(folder / "figures")),
        rule=RULE,
        cell=cell,
    )


def _figures(folder: Path) -> Iterator[dict[str, str]]:
    """Read the figures that exist, in reading order."""
    for name, title in HEADINGS.items():
        path = folder / f"{name}.svg"
        if path.is_file():
            data = base64.b64encode(read_bytes(path, "figure", LARGEST_FIGURE)).decode("ascii")
            yield {"name": name, "title": title, "data": f"data:image/svg+xml;base64,{data}"}


def _blocks(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Describe each compared sample: its rows, and its profiles bin by bin."""
    for name in ("generated", "reconstructed"):
        if name not in metrics:
            continue
        block = metrics[name]
        entries, rows = block["metrics"], metric_rows(block["metrics"])
        yield {
            "title": name.capitalize(),
            "rows": rows,
            "groups": grouped(rows),
            "profiles": [
                {"place": place, "bins": _profile_bins(entries[key])}
                for key, place in _PLACES.items()
                if key in entries
            ],
            "omitted": block["omitted"],
            "energies": block["energies"],
        }


def _profile_bins(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the bins that hold enough of the reference's energy to matter."""
    return [
        {
            "bin": i,
            "share": f"{100 * share:.1f} %",
            "reference": _energy(entry["reference"][i]),
            "sample": _energy(entry["generated"][i]),
            "ratio": plus_minus(entry["ratio"][i], entry["ratio_error"][i]),
        }
        for i, share in enumerate(entry["reference_share"])
        if share > MIN_SHARE
    ]


def _own_scores(metrics: Mapping[str, Any]) -> dict[str, Score]:
    """Take the scores that have a value, to stand in table 1 of the paper."""
    entries = metrics["generated"]["metrics"]
    keys = ("fpd", "kpd", "fpd.legacy", "kpd.legacy", "auc.high")
    known = {key: entries[key] for key in keys if entries.get(key, {}).get("value") is not None}
    return {key: Score(entry["value"], entry["error"]) for key, entry in known.items()}


def _size(metrics: Mapping[str, Any]) -> str:
    """Say how many showers there are, without which a distance means little."""
    sizes = [f"{metrics[name]['n']:,}" for name in ("generated", "reference")]
    return (
        f"{sizes[0]} showers against {sizes[1]}; the published rows compare 100,000, and every "
        "distance rises as showers get fewer"
    )


def _provenance(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Describe every sample: file, showers, threshold and the attributes it carries."""
    for name in ("generated", "reference", "reconstructed"):
        if name not in metrics:
            continue
        source = metrics[name]
        threshold = source["threshold"]
        facts = {
            "file": Path(source.get("path", "in memory")).name,
            "sha256": source.get("sha256", ""),
            "showers": f"{source['n']:,} ({source.get('rows', 'all')})",
            "readout threshold": f"{threshold['energy'] * 1e3:.4g} keV; "
            f"{threshold['voxels_removed']:,} voxels below it set to zero",
            **source.get("attributes", {}),
        }
        yield {"title": name, "facts": {k: _short(v) for k, v in facts.items() if v != ""}}
    yield {"title": "software", "facts": metrics["software"]}


def _first_of(ranking: list[dict[str, Any]], names: list[str]) -> str:
    """Say who comes first."""
    first = [place["name"] for place in ranking if place["place"] == 1]
    if len(names) == 1 or not first:
        return f"{', '.join(names)} against Geant4"
    if len(first) == 1:
        return f"{first[0]} comes first of {len(names)} systems"
    return f"{', '.join(first[:-1])} and {first[-1]} share the first place of {len(names)}"


def _by_quantity(rows: Mapping[str, list[Row]]) -> dict[str, list[tuple[str, Row]]]:
    """Gather the rows of all systems by group, those of one quantity together."""
    first = next(iter(rows.values()))
    places = {row.name: place for place, row in enumerate(first)}
    paired = [(name, row) for name, of in rows.items() for row in of]
    paired.sort(key=lambda pair: places.get(pair[1].name, len(places)))
    return {
        group: [pair for pair in paired if pair[1].group == group]
        for group in dict.fromkeys(row.group for _, row in paired)
    }


def _energy(value: float) -> str:
    """Write an energy with four digits, without an exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _excess(value: float | None) -> str:
    """Write a number of the floor's errors."""
    if value is None:
        return "–"
    return f"{value:z.{1 if abs(value) < 10 else 0}f}".replace("-", "−")


def _within(label: str, group: str) -> str:
    """Drop what the heading says already."""
    rest = label.removeprefix(f"{group.partition(',')[0]}, ")
    return rest[:1].upper() + rest[1:]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
