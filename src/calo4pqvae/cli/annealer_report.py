"""What a job on an annealer has used: on the terminal, and in the file that it made."""

import math
from typing import TYPE_CHECKING, Any

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

    usage = sampler.usage
    verdict = sampler.monitor.verdict() if sampler.monitor else None
    note = {
        "solver": sampler.dispatcher.backend.name,
        "settings": asdict(sampler.settings),
        "programmings": usage.programmings,
        "reads": usage.reads,
        "time_us": asdict(usage.time),
        "divided_by": usage.divided_by,
        "held_bits_moved": usage.moved_bits,
        "temperature_seen": None if verdict is None else _finite(asdict(verdict)),
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
    if monitor is not None:
        verdict = monitor.verdict()
        worries += verdict.alarms
        if verdict.alpha is not None and not verdict.alarms and verdict.visible < 1:
            print(
                "no change of temperature found; one of "
                f"{100 * verdict.visible:.2g} % midway is found in 9 of 10 jobs like this"
            )
    for worry in worries:
        warnings.warn(worry, PhysicsWarning, stacklevel=2)


def _finite(content: Any) -> Any:
    """Leave out what JSON cannot hold."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    return None if isinstance(content, float) and not math.isfinite(content) else content
