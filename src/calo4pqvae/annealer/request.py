"""What chains are wanted: a machine, and the condition and clamped state of each of them."""

import hashlib
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.annealer.jobs.budget import Plan
from calo4pqvae.annealer.sampler import AnnealerSampler
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["Request", "machine_digest"]


@dataclass(frozen=True, eq=False)
class Request:
    """Chains of a machine, one per row.

    Arguments:
        machine: machine whose states are wanted.
        clamped: state of the clamped partition of each chain.
        t: condition of each chain; none for a machine that depends on none.

    Example:
        >>> machine = BoltzmannMachine(zephyr(12))
        >>> request = Request(machine, torch.zeros(100, 12, dtype=torch.bool))
        >>> [(len(problem.bias), len(codes)) for problem, codes in request.parts()]
        [(1, 100)]
    """

    machine: BoltzmannMachine
    clamped: Bool[Tensor, "chains clamped"]
    t: Float[Tensor, "chains 1"] | None = None

    def parts(self) -> list[tuple[BoltzmannProblem, Bool[Tensor, "part clamped"]]]:
        """State a problem for each set of couplings, with the clamped states of its chains."""
        t = self.machine.condition(self.t, len(self.clamped))
        groups = self.machine.groups(t)
        return [(self.machine.problem(t[rows]), self.clamped[rows]) for rows in groups]

    def first(self) -> "Request":
        """Return the first chain alone."""
        t = None if self.t is None else self.t[:1]
        return Request(self.machine, self.clamped[:1], t)

    def plan(self, sampler: AnnealerSampler) -> Plan:
        """Add up what all parts cost on an annealer, without sending anything."""
        first, *others = (sampler.plan(*part) for part in self.parts())
        return sum(others, first)

    def check_values(self, sampler: AnnealerSampler) -> None:
        """Refuse chains of which any have values that the chip cannot hold.

        Raises:
            AnnealerError: so it is, and the sampler's settings say to refuse it.
        """
        for part in self.parts():
            sampler.range_factor(*part)

    def batch(
        self, reads: int, conditions: int
    ) -> tuple[BoltzmannProblem, Bool[Tensor, "reads clamped"]]:
        """Choose chains to measure with, in turn under conditions spread evenly over t.

        Where couplings depend on t, the batch stays with those that most chains have.

        Arguments:
            reads: chains of the batch.
            conditions: different conditions among them.
        """
        t = self.machine.condition(self.t, len(self.clamped))
        rows = max(self.machine.groups(t), key=len)
        rows = rows[t[rows, 0].argsort(stable=True)]
        place = torch.linspace(0, len(rows) - 1, conditions, dtype=torch.float64)
        chosen = rows[place.round().long()][torch.arange(reads) % conditions]
        return self.machine.problem(t[chosen]), self.clamped[chosen]


def machine_digest(machine: BoltzmannMachine) -> str:
    """Sixteen hexadecimal digits that change with any node, coupler, bias or coupling."""
    digest, values = hashlib.sha256(), machine.state_dict()
    for tensor in (machine.graph.edges, machine.graph.labels, *map(values.get, sorted(values))):
        assert tensor is not None
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
