"""What a job on an annealer has used: on the terminal, and in the file that it made."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calo4pqvae.annealer.jobs.timing import AccessTime
    from calo4pqvae.annealer.sampler import AnnealerSampler

__all__ = ["annealer_note", "tell_usage", "time_rows"]

HELD = 0.999
"""Share of held qubits that should come out as they are held."""


def time_rows(
    time: "AccessTime", showers: int, decoding_s: float | None = None
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Times and energies per shower, in the terms of the paper's table 2."""
    from calo4pqvae.annealer.jobs.timing import AccessTime

    parts = {
        "annealing": AccessTime(anneal=time.anneal),
        "readout": AccessTime(readout=time.readout),
        "wait": AccessTime(wait=time.wait),
        "programming": AccessTime(programming=time.programming),
        "annealer, all": time,
    }
    rows = [
        (name, f"{part.total / showers:.4g}", f"{part.joules() / showers:.3g}")
        for name, part in parts.items()
    ]
    if decoding_s is not None:
        rows.append(("decoding here", f"{1e6 * decoding_s / showers:.4g}", "not measured"))
    return ("part", "us", "J at 16 kW"), rows


def annealer_note(sampler: "AnnealerSampler") -> str:
    """Say in a generated file how the annealer was used, as JSON."""
    import json
    from dataclasses import asdict

    usage, seen = sampler.usage, sampler.monitor.seen if sampler.monitor else []
    note = {
        "solver": sampler.dispatcher.backend.name,
        "settings": asdict(sampler.settings),
        "programmings": usage.programmings,
        "reads": usage.reads,
        "time_us": asdict(usage.time),
        "divided_by": usage.divided_by,
        "held_bits_moved": usage.moved_bits,
        "temperature_seen": [estimate.value for estimate in seen],
    }
    return json.dumps(note)


def tell_usage(sampler: "AnnealerSampler", showers: int, decoding_s: float) -> None:
    """Print what a job has used, in the paper's terms, and warn of what went wrong."""
    import warnings

    from calo4pqvae.cli.console import table
    from calo4pqvae.errors import PhysicsWarning

    usage, monitor, worries = sampler.usage, sampler.monitor, []
    title = f"per shower; {usage.programmings} programmings, {usage.reads} reads in all"
    table(title, *time_rows(usage.time, showers, decoding_s))
    if not usage.ranges.inside:
        worries.append(f"values were out of range: {usage.ranges}")
    if usage.moved_bits > (1 - HELD) * max(usage.held_bits, 1):
        worries.append(
            f"{usage.moved_bits} of {usage.held_bits} held qubits came out against their flux "
            "bias; hold them more firmly with --holding-field, or use --conditioning fold"
        )
    if monitor is not None and monitor.alarms:
        seen = [monitor.seen[k].value for k in monitor.alarms]
        worries.append(
            f"the annealer's temperature has drifted: {len(seen)} of {len(monitor.seen)} "
            f"stretches of reads are off, by factors from {min(seen):.3g} to {max(seen):.3g}; "
            "measure it again and split the job"
        )
    for worry in worries:
        warnings.warn(worry, PhysicsWarning, stacklevel=2)
