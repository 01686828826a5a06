"""What a job will cost, known before anything is sent, and a limit on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from calo4pqvae._core.numbers import plain
from calo4pqvae._core.optional import require
from calo4pqvae.annealer.jobs.timing import AccessTime, access_time
from calo4pqvae.annealer.programs.shares import Share
from calo4pqvae.errors import AnnealerError

__all__ = ["Plan", "estimate"]


@dataclass(frozen=True)
class Plan:
    """Cost of a job.

    Attributes:
        reads: reads of all programmings.
        programmings: number of programmings.
        surplus: states that nobody will use.
        qubits: qubits in use.
        time: access time, which is charged [us].
    """

    reads: int
    programmings: int
    surplus: int
    qubits: int
    time: AccessTime

    def __add__(self, other: "Plan") -> "Plan":
        return Plan(
            self.reads + other.reads,
            self.programmings + other.programmings,
            self.surplus + other.surplus,
            max(self.qubits, other.qubits),
            self.time + other.time,
        )

    @property
    def seconds(self) -> float:
        """Charged time [s]."""
        return 1e-6 * self.time.total

    @property
    def joules(self) -> float:
        """Energy at the paper's power of the refrigerator [J]."""
        return self.time.joules()

    @classmethod
    def of(
        cls,
        shares: Iterable[Share],
        qubits: int,
        properties: Mapping[str, Any],
        anneal_us: float,
    ) -> "Plan":
        """Add up programmings and reads, and estimate their time."""
        shares = list(shares)
        reads, n = sum(share.reads for share in shares), len(shares)
        time = estimate(properties, qubits, reads, n, anneal_us)
        return cls(reads, n, sum(share.surplus for share in shares), qubits, time)

    def check(self, limit_s: float | None, spent_s: float = 0.0) -> None:
        """Refuse a job that costs more than is allowed.

        Raises:
            AnnealerError: charged time, with what was spent before, exceeds the limit [s].
        """
        total = self.seconds + spent_s
        if limit_s is not None and total > limit_s:
            raise AnnealerError(
                f"{self.programmings} programmings and {self.reads} reads take "
                f"{plain(total)} s of the annealer, more than the {plain(limit_s)} s allowed; "
                "nothing was sent: ask for less, share programmings, or raise the limit",
                remedy="limit",
            )


def estimate(
    properties: Mapping[str, Any],
    qubits: int,
    reads: int,
    programmings: int,
    anneal_us: float = 20.0,
) -> AccessTime:
    """Estimate access times with the estimator of Ocean and the timing data of the solver.

    Solvers that state no such data are taken for the chip of that name.

    Raises:
        ConfigError: nothing is known about the solver's times.
    """
    data = properties.get("problem_timing_data")
    if not data:
        name = str(properties.get("chip_id", ""))
        return access_time(name, reads=reads, programmings=programmings, anneal_us=anneal_us)
    about = {"identity": {"name": "estimate"}, "description": "", "status": "ONLINE"}
    solver = require("dwave.cloud.solver", "qpu").StructuredSolver(
        None, {**about, "properties": dict(properties)}
    )
    one, two = (
        float(solver.estimate_qpu_access_time(qubits, n, annealing_time=anneal_us))
        for n in (1, 2)
    )
    read, delay = two - one, float(data["qpu_delay_time_per_sample"])
    return AccessTime(
        anneal=reads * anneal_us,
        readout=reads * (read - anneal_us - delay),
        wait=reads * delay,
        programming=programmings * (one - read),
    )
