"""How long an annealer works, and what that costs in energy, in the terms of table 2."""

from dataclasses import dataclass

from calo4pqvae.annealer.chip.constants import POWER_W, Chip, find_chip
from calo4pqvae.errors import ConfigError

__all__ = ["AccessTime", "access_time"]


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
