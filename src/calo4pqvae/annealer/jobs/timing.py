"""How long an annealer works, and what that costs in energy, in the terms of table 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

from calo4pqvae.annealer.chip.constants import POWER_W, Chip, find_chip
from calo4pqvae.errors import ConfigError

__all__ = ["AccessTime", "access_time"]

_PARTS = ("anneal", "readout", "delay")


@dataclass(frozen=True)
class AccessTime:
    """Time that the processor is held for, by what it does [us].

    Attributes:
        anneal: annealing.
        readout: reading the qubits.
        wait: delay after each readout.
        programming: writing problems to the chip, with the thermalisation after it.
    """

    anneal: float = 0.0
    readout: float = 0.0
    wait: float = 0.0
    programming: float = 0.0

    @property
    def sampling(self) -> float:
        """All but the programming: what the paper counts [us]."""
        return self.anneal + self.readout + self.wait

    @property
    def total(self) -> float:
        """All of it: what is charged [us]."""
        return self.sampling + self.programming

    def joules(self, power: float = POWER_W) -> float:
        """Energy that a plant of this power [W] takes in the total time [J]."""
        return 1e-6 * self.total * power

    def fields(self, reads: int) -> dict[str, float]:
        """State the times of so many reads under the names of a solver's answer [us]."""
        return {
            "qpu_sampling_time": self.sampling,
            "qpu_anneal_time_per_sample": self.anneal / reads,
            "qpu_readout_time_per_sample": self.readout / reads,
            "qpu_delay_time_per_sample": self.wait / reads,
            "qpu_access_time": self.total,
            "qpu_access_overhead_time": 0.0,
            "qpu_programming_time": self.programming,
            "total_post_processing_time": 0.0,
            "post_processing_overhead_time": 0.0,
        }

    @classmethod
    def stated(
        cls, fields: Mapping[str, Any], reads: int, expected: "AccessTime"
    ) -> "AccessTime":
        """Read the times of an answer; what it does not state is taken as expected, not as 0.

        Arguments:
            fields: times by the names of a solver's answer [us].
            reads: reads of the answer.
            expected: what such a submission takes.
        """
        known = {name: fields.get(f"qpu_{name}_time_per_sample") for name in _PARTS}
        programming = fields.get("qpu_programming_time")
        if programming is not None and None not in known.values():
            anneal, readout, wait = (reads * float(known[name] or 0.0) for name in _PARTS)
            return cls(anneal, readout, wait, float(programming))
        total = fields.get("qpu_access_time")
        if total is None or not expected.total:
            return expected
        share = float(total) / expected.total
        return cls(*(share * getattr(expected, part.name) for part in dataclass_fields(cls)))

    def __add__(self, other: "AccessTime") -> "AccessTime":
        return AccessTime(
            self.anneal + other.anneal,
            self.readout + other.readout,
            self.wait + other.wait,
            self.programming + other.programming,
        )


def access_time(
    chip: Chip | str, *, reads: int, programmings: int, anneal_us: float = 20.0
) -> AccessTime:
    r"""Predict the time of a job: $n_p t_p + n_r (t_a + t_r + t_d)$.

    Network, queue and the 10 to 20 ms of a submission that are not charged are left out.

    Arguments:
        chip: the chip or its name.
        reads: reads of all submissions together.
        programmings: submissions.
        anneal_us: annealing time of a read [us].

    Raises:
        ConfigError: the chip is unknown, or a number is negative.

    Example:
        >>> time = access_time("system4", reads=1000, programmings=1)
        >>> round(1e-6 * time.total, 4), round(time.joules())
        (0.0936, 1498)
    """
    chip = find_chip(chip) if isinstance(chip, str) else chip
    if min(reads, programmings) < 0 or anneal_us <= 0:
        raise ConfigError(
            f"{reads} reads of {anneal_us} us in {programmings} programmings: numbers must not "
            "be negative, and the annealing time above zero"
        )
    return AccessTime(
        anneal=reads * anneal_us,
        readout=reads * chip.readout_us,
        wait=reads * chip.delay_us,
        programming=programmings * chip.programming_us,
    )
