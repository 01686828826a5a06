"""What a job on an annealer has used, on the terminal."""

from typing import TYPE_CHECKING

from calo4pqvae._core.numbers import plain

if TYPE_CHECKING:
    from calo4pqvae.annealer.jobs.timing import AccessTime
    from calo4pqvae.annealer.sampler import AnnealerSampler

__all__ = ["tell_usage", "time_rows"]


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
        (name, plain(part.total / showers, 4), plain(part.joules() / showers))
        for name, part in parts.items()
    ]
    if decoding_s is not None:
        rows.append(("decoding here", plain(1e6 * decoding_s / showers, 4), "not measured"))
    return ("part", "us", "J at 16 kW"), rows


def tell_usage(sampler: "AnnealerSampler", showers: int, decoding_s: float) -> None:
    """Print what a job has used, in the paper's terms, and warn of what went wrong."""
    import warnings

    from calo4pqvae.annealer.usage import worries
    from calo4pqvae.cli.console import table
    from calo4pqvae.cli.remedies import with_remedy
    from calo4pqvae.errors import PhysicsWarning

    usage, monitor = sampler.usage, sampler.monitor
    title = f"per shower; {usage.programmings} programmings, {usage.reads} reads in all"
    table(title, *time_rows(usage.time, showers, decoding_s))
    if monitor is not None:
        verdict = monitor.verdict()
        if verdict.alpha is not None and not verdict.alarms and verdict.visible < 1:
            print(
                "no change of temperature found; one of "
                f"{plain(100 * verdict.visible, 2)} % midway is found in 9 of 10 jobs like this"
            )
    for worry in worries(sampler):
        warnings.warn(with_remedy(*worry), PhysicsWarning, stacklevel=2)
