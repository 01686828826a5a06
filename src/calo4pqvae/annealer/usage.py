"""What a job on an annealer has used and found: for the file that it made, and for its user."""

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from calo4pqvae.annealer.jobs.timing import AccessTime
from calo4pqvae.annealer.programs.ranges import RangeReport

if TYPE_CHECKING:
    from calo4pqvae.annealer.sampler import AnnealerSampler

__all__ = ["Usage", "Worry", "describe_usage", "worries"]

HELD = 0.999
"""Share of held qubits that should come out as they are held."""


@dataclass
class Usage:
    """What was used and found.

    Attributes:
        reads, programmings, surplus: as of `budget.Plan`.
        time: access time by the solver's own fields [us].
        ranges: values outside the chip's ranges, before anything was done about it.
        divided_by: number that all values were divided by to bring them inside.
        held_reads, held_bits: reads, and held qubits in all reads.
        moved_reads, moved_bits: those of them that came out against their flux bias.
        flux: largest flux bias [Phi_0].
    """

    reads: int = 0
    programmings: int = 0
    surplus: int = 0
    time: AccessTime = field(default_factory=AccessTime)
    ranges: RangeReport = field(default_factory=RangeReport)
    divided_by: float = 1.0
    held_reads: int = 0
    held_bits: int = 0
    moved_reads: int = 0
    moved_bits: int = 0
    flux: float = 0.0


class Worry(NamedTuple):
    """Something that a user should know of, and the name of its remedy."""

    text: str
    remedy: str = ""


def describe_usage(sampler: "AnnealerSampler") -> dict[str, Any]:
    """State how an annealer was used, as JSON can hold it."""
    usage = sampler.usage
    verdict = sampler.monitor.verdict() if sampler.monitor else None
    return {
        "solver": sampler.dispatcher.backend.name,
        "settings": asdict(sampler.settings),
        "programmings": usage.programmings,
        "reads": usage.reads,
        "time_us": asdict(usage.time),
        "divided_by": usage.divided_by,
        "held_bits_moved": usage.moved_bits,
        "temperature_seen": None if verdict is None else _finite(asdict(verdict)),
    }


def worries(sampler: "AnnealerSampler") -> list[Worry]:
    """Find what went wrong: values out of range, held qubits that moved, drift."""
    usage, found = sampler.usage, []
    if not usage.ranges.inside:
        found.append(Worry(f"values were out of range: {usage.ranges}"))
    if usage.moved_bits > (1 - HELD) * max(usage.held_bits, 1):
        found.append(
            Worry(
                f"{usage.moved_bits} of {usage.held_bits} held qubits came out against their "
                "flux bias; hold them more firmly, or fold them",
                "holding",
            )
        )
    if sampler.monitor is not None:
        found += map(Worry, sampler.monitor.verdict().alarms)
    return found


def _finite(content: Any) -> Any:
    """Leave out what JSON cannot hold."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    return None if isinstance(content, float) and not math.isfinite(content) else content
