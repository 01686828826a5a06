"""What an evaluation leads with, in words: worth, trees and their power, the largest pulls."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Lead", "PullRow", "TreeRow", "lead_of", "pull_rows", "tree_rows", "worth_words"]


class TreeRow(NamedTuple):
    """A classifier: what it is given, its AUC, the verdict, and what it flags of twins."""

    label: str
    auc: str
    halves: str
    verdict: str
    flags: str


class PullRow(NamedTuple):
    """A structural number far from Geant4's.

    Arguments:
        label: the observable in words, with its unit.
        group: the kind of structure.
        window: of incident energy.
        kind: mean, spread or separation.
        generated: the value.
        reference: the same of Geant4.
        pull: the difference in errors.
    """

    label: str
    group: str
    window: str
    kind: str
    generated: str
    reference: str
    pull: str


class Lead(NamedTuple):
    """All of it.

    Arguments:
        worth: one sentence.
        trees: one row for each classifier.
        pulls: the largest pulls, one of each observable.
        tally: how many pulls lie beyond three errors, in a sentence.
        first: the largest pull in a sentence; empty where nothing is flagged.
    """

    worth: str
    trees: list[TreeRow]
    pulls: list[PullRow]
    tally: str
    first: str


def lead_of(block: Mapping[str, Any]) -> Lead | None:
    """Gather the lead of a sample from its block of metrics.json; None without a worth."""
    if "worth" not in block["metrics"]:
        return None
    metrics, structure, pulls = block["metrics"], block.get("structure"), pull_rows(block)
    count = ""
    if structure is not None:
        floor = (metrics["structure.beyond"]["floor"] or {}).get("value")
        halves = (
            "" if floor is None else f"; halves of Geant4 have {floor * structure['n']:.1f}"
        )
        count = (
            f"{structure['beyond']} of {structure['n']} structural numbers lie beyond three "
            f"errors; {structure['expected']:.1f} would by chance{halves}"
        )
    worth = worth_words(metrics["worth"])
    return Lead(worth, tree_rows(metrics), pulls, count, _first(pulls))


def worth_words(entry: Mapping[str, Any]) -> str:
    """Say how many showers of Geant4 a sample is worth, with its interval."""
    if entry.get("low") is None:
        return "no worth in showers of Geant4: " + entry["reason"]
    if entry["value"] is None:
        return f"worth {entry['reason']}"
    high = "more" if entry["high"] is None else f"{entry['high']:,.0f}"
    return f"worth {entry['value']:,.0f} showers of Geant4 ({entry['low']:,.0f} to {high})"


def tree_rows(metrics: Mapping[str, Any]) -> list[TreeRow]:
    """Lay out the classifiers that have a value."""
    areas = [
        entry
        for key, entry in metrics.items()
        if key.startswith("auc.") and entry["value"] is not None
    ]
    made = []
    for entry in areas:
        power, halves = entry.get("power"), entry.get("halves")
        made.append(
            TreeRow(
                entry["label"].removesuffix(", AUC").replace("Classifier, AUC", "Network"),
                f"{entry['value']:.3f} ± {entry['error']:.3f}",
                f"{halves['value']:.3f} ± {halves['error']:.3f}" if halves else "",
                entry["verdict"] or "",
                "not measured" if power is None else "; ".join(power["flags"]) or "nothing",
            )
        )
    return made


def pull_rows(block: Mapping[str, Any]) -> list[PullRow]:
    """Lay out the largest pulls."""
    return [
        PullRow(
            f"{one['label']} [{one['unit']}]" if one["unit"] else one["label"],
            one["group"],
            one["window"],
            one["kind"],
            _written(one["generated"]),
            _written(one["reference"]),
            f"{one['pull']:+.1f}".replace("-", "−"),
        )
        for one in block.get("structure", {}).get("largest", [])
    ]


def _written(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _first(pulls: list[PullRow]) -> str:
    """Say the largest pull."""
    if not pulls:
        return ""
    one = pulls[0]
    kind = "" if one.kind == "mean" else f" ({one.kind})"
    return (
        f"Furthest off is {one.label}{kind}: {one.generated}, where Geant4 has "
        f"{one.reference}, at {one.window}, {one.pull} errors"
    )
