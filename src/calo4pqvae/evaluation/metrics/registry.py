"""The metrics in the order in which they are shown. A new one is one line here."""

from collections.abc import Iterator
from pkgutil import resolve_name

from calo4pqvae.evaluation.metrics.metric import Metric, Options
from calo4pqvae.evaluation.result import Shown

__all__ = ["METRICS", "metric_classes", "metric_names"]

_HERE = "calo4pqvae.evaluation.metrics"

METRICS = {
    "worth": f"{_HERE}.worth:Worth",
    "trees": f"{_HERE}.trees:Trees",
    "structure": f"{_HERE}.structure:StructurePulls",
    "correlations": f"{_HERE}.correlations:Correlations",
    "distances": f"{_HERE}.distances:Distances",
    "separations": f"{_HERE}.separations:Separations",
    "networks": f"{_HERE}.networks:Networks",
    "neighbours": f"{_HERE}.neighbours:Neighbours",
    "means": f"{_HERE}.means:Means",
    "windows": f"{_HERE}.windows:InWindows",
}
"""Module and class of each, imported when it is used; a class is a `Metric`."""


def metric_classes() -> Iterator[type[Metric]]:
    """Give the classes of all metrics."""
    for entry in METRICS.values():
        yield resolve_name(entry)


def metric_names(options: Options) -> dict[str, Shown]:
    """Name all results of an evaluation, and say how each is presented."""
    names: dict[str, Shown] = {}
    for made in metric_classes():
        names |= made.names(options)
    return names
