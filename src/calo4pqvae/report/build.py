"""The report: one HTML page that holds its numbers, figures and provenance."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calo4pqvae.errors import ConfigError
from calo4pqvae.extras import require
from calo4pqvae.metrics.comparison import MIN_SHARE
from calo4pqvae.metrics.evaluate import SCHEMA
from calo4pqvae.report.rows import headline, metric_rows, plus_minus

__all__ = ["build_report"]

_PLACES = {"profile.longitudinal": "Layer", "profile.radial": "Ring"}


def build_report(folder: Path, output: Path) -> Path:
    """Write one self-contained page from a folder made by `evaluate_to_folder`.

    Arguments:
        folder: holds ``metrics.json`` and ``figures/*.svg``.
        output: the page to write, whole or not at all.

    Returns:
        The path of the page.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
        ConfigError: the folder holds no evaluation of this version.
    """
    jinja2 = require("jinja2", "report")
    metrics = _read_metrics(folder)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("calo4pqvae.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("page.html.j2").render(
        metrics=metrics,
        cards=headline(metrics["metrics"]),
        blocks=list(_blocks(metrics)),
        figures=list(_figures(folder / "figures")),
        provenance=list(_provenance(metrics)),
    )
    part = output.with_name(f"{output.name}.part")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    return output


def _read_metrics(folder: Path) -> dict[str, Any]:
    path = folder / "metrics.json"
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: not found; run 'calo4pqvae evaluate' first") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not readable as JSON; evaluate again") from error
    if not isinstance(metrics, dict) or metrics.get("schema") != SCHEMA:
        raise ConfigError(f"{path}: not metrics of schema {SCHEMA}; evaluate again")
    return metrics


def _blocks(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Describe each compared sample: its rows, and its profiles bin by bin."""
    for title, block in (
        ("Generated", metrics),
        ("Reconstructed", metrics.get("reconstructed")),
    ):
        if block is None:
            continue
        yield {
            "title": title,
            "rows": metric_rows(block["metrics"]),
            "profiles": [
                {"place": place, "bins": _profile_bins(block["metrics"][name])}
                for name, place in _PLACES.items()
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


def _energy(value: float) -> str:
    """Write an energy with four digits, without an exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _figures(folder: Path) -> Iterator[dict[str, str]]:
    """Read the figures that exist, in reading order."""
    require("matplotlib", "report")
    from calo4pqvae.plotting.figures import FIGURES

    titles = {name: title for name, (_, title) in FIGURES.items()}
    titles["event"] = "One shower of Geant4 and one of the model"
    for name, title in titles.items():
        path = folder / f"{name}.svg"
        if path.is_file():
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            yield {"name": name, "title": title, "data": f"data:image/svg+xml;base64,{data}"}


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


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
