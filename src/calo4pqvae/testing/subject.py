"""The sampler under test, how it is used, and the error when it breaks a promise."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.testing.machines import KnownMachine

__all__ = ["ConformanceError", "Make", "Subject", "require"]

Make = Callable[[PartiteGraph, int], Sampler]
"""Makes the sampler under test for a graph and a seed."""


class ConformanceError(AssertionError):
    """A sampler breaks a promise.

    Arguments:
        message: what was expected and what was found.
        failed: names of the checks that failed.
    """

    def __init__(self, message: str, failed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.failed = failed


@dataclass(frozen=True)
class Subject:
    """The sampler under test and how it is used.

    Arguments:
        make: makes it for a graph and a seed.
        sweeps: sweeps after which its states count as exact.
        chains: number of chains; one that no width of a machine word divides shows most.
        device: where problems and states are given to it.
    """

    make: Make
    sweeps: int = 100
    chains: int = 20_011
    device: str = "cpu"

    def draw(
        self,
        machine: KnownMachine,
        condition: Tensor,
        sweeps: int,
        start: Tensor | None = None,
        seed: int = 0,
    ) -> Tensor:
        """Make the sampler anew and draw one state per chain, on the CPU."""
        return self.call(self.make(machine.graph, seed), machine, condition, sweeps, start)

    def call(
        self,
        sampler: Sampler,
        machine: KnownMachine,
        condition: Tensor,
        sweeps: int,
        start: Tensor | None = None,
    ) -> Tensor:
        """Draw one state per chain from a sampler, on the CPU."""
        start = None if start is None else start.to(self.device)
        problem = machine.problem(condition, self.device)
        clamped = machine.clamped(condition, self.device)
        return sampler.sample(problem, clamped, sweeps, start).cpu()


def require(fulfilled: object, message: str) -> None:
    """Raise `ConformanceError` unless the condition is fulfilled."""
    if not fulfilled:
        raise ConformanceError(message)
