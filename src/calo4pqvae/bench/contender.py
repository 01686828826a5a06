"""What takes part in the comparison of samplers, and what it is asked to do."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from calo4pqvae.bench.lattice_problem import LatticeProblem

__all__ = ["Draw", "Kind", "Prepare", "Task", "UnavailableError", "place"]

Draw = Callable[[], Tensor]
"""Runs all chains from random states and returns their free bits (chains, free), on the CPU.
This call is timed."""

Prepare = Callable[[int], Draw]
"""Takes a seed and makes ready; not timed."""


class UnavailableError(Exception):
    """A sampler cannot run here; the text says why, and the comparison goes on without it."""


@dataclass(frozen=True)
class Task:
    """The work: `chains` chains of `sweeps` sweeps, on a device with some threads."""

    lattice: LatticeProblem
    chains: int
    sweeps: int
    threads: int
    device: str


@dataclass(frozen=True)
class Kind:
    """A sampler that may take part.

    Attributes:
        make: sets the sampler up for a task.
        distribution: installed package whose version is told.
        modules: optional modules that it needs.
        devices: where it can run.
        threaded: whether the number of threads can be changed within a process.
    """

    make: Callable[[Task], Prepare]
    distribution: str = "calo4pqvae"
    modules: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    threaded: bool = True


def place(device: str, threads: int) -> str:
    """Name where a sampler runs: ``"2 threads"``, or the device."""
    if device != "cpu":
        return device
    return f"{threads} thread{'s' if threads > 1 else ''}"
