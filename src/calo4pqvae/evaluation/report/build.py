"""The report: one HTML page with verdict, showers, figures, numbers and provenance."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.intake import parsing, read_bytes, read_json
from calo4pqvae._core.optional import require
from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.comparison import MIN_SHARE
from calo4pqvae.evaluation.evaluate import SCHEMA
from calo4pqvae.evaluation.published import Number, table_1
from calo4pqvae.evaluation.report.cards import headline, strip_of, summarise
from calo4pqvae.evaluation.report.events import COLOURS, read_events
from calo4pqvae.evaluation.report.headings import HEADINGS
from calo4pqvae.evaluation.report.lead import lead_of
from calo4pqvae.evaluation.report.rows import cell, entries_of, grouped, metric_rows, plus_minus
from calo4pqvae.evaluation.verdict import RULE

__all__ = ["build_report", "figures_of", "page_parts", "templates"]

SCHEMAS = (2, SCHEMA)
"""Schemas that the page can show; the verdicts of the older one follow another rule."""

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
    metrics = _read_metrics(folder)
    with parsing(folder / "metrics.json", "set of metrics", ConfigError):
        return _render(metrics, folder)


def _render(metrics: Mapping[str, Any], folder: Path) -> str:
    """Fill the page."""
    environment = templates()
    blocks = list(_blocks(metrics))
    return environment.get_template("page.html.j2").render(
        metrics=metrics,
        summary=summarise(blocks[0]["rows"]),
        lead=lead_of(metrics),
        cards=[(row, strip_of(row)) for row in headline(blocks[0]["rows"])],
        blocks=blocks,
        figures=list(figures_of(folder / "figures")),
        provenance=list(_provenance(metrics)),
        rule=RULE,
        current=metrics["schema"] == SCHEMA,
        missing=_missing(folder, metrics),
        published=table_1(_own_scores(metrics), name="These showers", note=_size(metrics)),
        cell=cell,
        **page_parts(folder),
    )


def templates() -> Any:
    """Open the templates of the pages.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    jinja2 = require("jinja2", "report")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("calo4pqvae.evaluation.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"excess": _excess, "within": _within}
    return environment


def page_parts(folder: Path) -> dict[str, Any]:
    """Gather style, scripts and events, and the policy that lets only these run."""
    unescaped = require("jinja2", "report").utils.markupsafe.Markup
    theme, page, display = (
        (_HERE / f"{name}.js").read_text(encoding="utf-8")
        for name in ("theme", "page", "display")
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
    return {
        **{name: unescaped(code) for name, code in scripts.items()},
        "style": unescaped((_HERE / "page.css").read_text(encoding="utf-8")),
        "policy": unescaped(policy),
        "events": events,
        "events_json": unescaped(data.replace("<", "\\u003c")),
    }


def _read_metrics(folder: Path) -> dict[str, Any]:
    path = folder / "metrics.json"
    if not path.exists():
        raise ConfigError(f"{path}: not found; evaluate showers first")
    metrics = read_json(path, "set of metrics")
    if not isinstance(metrics, dict) or metrics.get("schema") not in SCHEMAS:
        raise ConfigError(
            f"{path}: not metrics of schema {' or '.join(map(str, SCHEMAS))}; evaluate again"
        )
    return metrics


def _blocks(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Describe each compared sample: its rows, and its profiles bin by bin."""
    for title, block in (
        ("Generated", metrics),
        ("Reconstructed", metrics.get("reconstructed")),
    ):
        if block is None:
            continue
        rows = metric_rows(entries_of(block))
        entries = block["metrics"]
        yield {
            "title": title,
            "rows": rows,
            "groups": grouped(rows),
            "profiles": [
                {"place": place, "bins": _profile_bins(entries[name])}
                for name, place in _PLACES.items()
                if name in entries
            ],
            "omitted": block["omitted"],
            "energies": block["energies"],
        }


def _own_scores(metrics: Mapping[str, Any]) -> dict[str, Number]:
    """Take the scores that have a value, to stand in table 1 of the paper."""
    keys = ("fpd", "kpd", "fpd.legacy", "kpd.legacy", "auc.high")
    known = {key: metrics[key] for key in keys if metrics.get(key, {}).get("value") is not None}
    return {key: Number(entry["value"], entry["error"]) for key, entry in known.items()}


def _size(metrics: Mapping[str, Any]) -> str:
    """Say how many showers there are, without which a distance means little."""
    return (
        f"{metrics['n_generated']:,} showers against {metrics['n_reference']:,}; the published "
        "rows compare 100,000, and every distance rises as showers get fewer"
    )


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


def _energy(value: float) -> str:
    """Write an energy with four digits, without an exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def figures_of(folder: Path) -> Iterator[dict[str, str]]:
    """Read the figures that exist, in reading order."""
    for name, title in HEADINGS.items():
        path = folder / f"{name}.svg"
        if path.is_file():
            data = base64.b64encode(read_bytes(path, "figure", LARGEST_FIGURE)).decode("ascii")
            yield {"name": name, "title": title, "data": f"data:image/svg+xml;base64,{data}"}


def _missing(folder: Path, metrics: Mapping[str, Any]) -> list[str]:
    """Name the figures that an evaluation always makes and that are not there."""
    never = {"prior_energy", "event"} | (set() if "parts" in metrics else {"mismatch"})
    figures = folder / "figures"
    return [
        heading
        for name, heading in HEADINGS.items()
        if name not in never and not (figures / f"{name}.svg").is_file()
    ]


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
            "showers": f"{metrics[f'n_{name}']:,} ({source.get('rows', 'all')})",
            "readout threshold": f"{threshold['energy'] * 1e3:.4g} keV; "
            f"{threshold['voxels_removed']:,} voxels below it set to zero",
            **source.get("attributes", {}),
        }
        yield {"title": name, "facts": {k: _short(v) for k, v in facts.items() if v != ""}}
    yield {"title": "software", "facts": metrics["software"]}


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
