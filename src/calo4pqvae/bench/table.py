"""The comparison of samplers as a table, fastest first; the same on a terminal and in docs."""

from collections.abc import Sequence

from calo4pqvae.bench import OURS
from calo4pqvae.bench.contender import place
from calo4pqvae.bench.harness import Result

__all__ = ["COLUMNS", "caption", "rows"]

COLUMNS = (
    "sampler",
    "version",
    "runs on",
    "G updates\nper s",
    "slowest to\nfastest",
    "/ best\npeer",
    "cores\nbusy",
    "mean energy",
)


def caption(results: Sequence[Result]) -> str:
    """Say what the rows of one graph have in common."""
    first = results[0]
    return (
        f"{first.graph}: {first.free_nodes} free nodes of {first.nodes}, the others clamped "
        f"to one code; {first.chains} chains, {first.sweeps} sweeps"
    )


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Turn the results on one graph into cells, with the ratio to the fastest peer."""
    peer = max((r.updates_per_s for r in results if r.name not in OURS), default=None)
    ordered = sorted(results, key=lambda result: -result.updates_per_s)
    return [
        (
            r.name,
            r.version.partition("+")[0],
            place(r.device, r.threads),
            _giga(r.updates_per_s),
            f"{_giga(r.updates_per_s_min)} - {_giga(r.updates_per_s_max)}",
            "-" if peer is None else f"{r.updates_per_s / peer:.3g}",
            f"{r.cpu_per_wall:.2f}",
            f"{r.mean_energy:.2f} ± {r.mean_energy_error:.2f}",
        )
        for r in ordered
    ]


def _giga(updates_per_s: float) -> str:
    return f"{updates_per_s / 1e9:.3g}"
