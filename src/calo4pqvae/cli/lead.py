"""The first lines of `evaluate` and `compare`: worth, trees and their power, largest pulls."""

from collections.abc import Mapping
from typing import Any

from calo4pqvae.cli.console import table

__all__ = ["print_lead"]

_PULLS = 8


def print_lead(title: str, block: Mapping[str, Any]) -> None:
    """Print what tells a sample from Geant4.

    Arguments:
        title: which showers, against how many of Geant4.
        block: entries of the sample.
    """
    from calo4pqvae.evaluation.report.lead import lead_of

    lead = lead_of(block)
    if lead is None:
        return
    print(f"{title}: {lead.worth}")
    heads = ("told from Geant4 by", "AUC", "two halves", "verdict", "flags of Geant4's twins")
    if lead.trees:
        table("classifiers, and what each of them would see at this size", heads, lead.trees)
    if lead.pulls:
        rows = [
            (f"{one.label}, {one.kind}", one.window, one.generated, one.reference, one.pull)
            for one in lead.pulls[:_PULLS]
        ]
        heads = ("structure of single showers", "energy", "value", "Geant4", "pull")
        table("largest differences of structure, in errors", heads, rows)
    if lead.tally:
        print(lead.tally)
