"""Incident energies of a job, and of any part of it."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError

__all__ = ["Energies", "EnergySequence", "draw_energies"]

Energies = Float[np.ndarray, "showers 1"]


class EnergySequence:
    """Incident energies of an endless sequence of showers, any part of which can be had.

    Made by `drawn` or by `given`; two sequences are the same if their `facts` are.

    Attributes:
        facts: what the energies are.

    Example:
        >>> sequence = EnergySequence.drawn(1e3, 1e6, seed=4)
        >>> bool((sequence.take(3, 2) == sequence.take(0, 9)[3:5]).all())
        True
    """

    def __init__(self, take: Callable[[int, int], Energies], facts: dict[str, Any]) -> None:
        self._take, self.facts = take, facts

    @classmethod
    def drawn(cls, low: float, high: float, seed: int) -> "EnergySequence":
        """Draw log-uniformly between low and high [MeV], or equal to both.

        Raises:
            ConfigError: the range is not rising.
        """
        _check_draw(1, low, high)

        def take(first: int, n: int) -> Energies:
            generator = np.random.PCG64(seed)  # one step of it is one number
            generator.advance(first)
            uniform = np.random.Generator(generator).uniform(size=(n, 1))
            return (low * (high / low) ** uniform).astype(np.float32)

        return cls(take, {"low_mev": low, "high_mev": high, "seed": seed})

    @classmethod
    def given(cls, e_inc: Energies) -> "EnergySequence":
        """Take the energies of an array [MeV] in order, over and over.

        Raises:
            ConfigError: there is none.
        """
        if not len(e_inc):
            raise ConfigError("there is no incident energy; give at least one")
        values = np.ascontiguousarray(e_inc, dtype=np.float32)

        def take(first: int, n: int) -> Energies:
            return values[np.arange(first, first + n) % len(values)]

        digest = hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()
        return cls(take, {"sha256": digest, "count": len(values)})

    @classmethod
    def described(cls, energies: dict[str, Any]) -> "EnergySequence":
        """Make the sequence that is described as JSON.

        Arguments:
            energies: ``{"low_mev": .., "high_mev": .., "seed": ..}`` as for `drawn`, or
                ``{"file": PATH}``, whose energies are `given`.

        Raises:
            ConfigError: the range is not rising.
            ShowerFileError: the file cannot be read.
        """
        if "file" not in energies:
            return cls.drawn(energies["low_mev"], energies["high_mev"], energies["seed"])
        with ShowerFile.for_energies(energies["file"]) as file:
            return cls.given(file.e_inc())

    def ends(self) -> Energies:
        """Lowest and highest energy that the sequence can have [MeV]."""
        if "count" not in self.facts:
            both = [[self.facts["low_mev"]], [self.facts["high_mev"]]]
            return np.array(both, dtype=np.float32)
        values = self.take(0, self.facts["count"])
        return np.array([values.min(axis=0), values.max(axis=0)])

    def take(self, first: int, n: int) -> Energies:
        """Give the energies of the showers first .. first + n - 1 [MeV]."""
        return self._take(first, n)


def draw_energies(n: int, low: float, high: float, seed: int) -> Energies:
    """Draw incident energies log-uniformly between low and high [MeV], or equal to both.

    Raises:
        ConfigError: the range is not rising, or the number is not positive.

    Example:
        >>> draw_energies(3, 1e3, 1e6, seed=1).round()
        array([[ 34313.],
               [710217.],
               [  2707.]], dtype=float32)
    """
    _check_draw(n, low, high)
    return EnergySequence.drawn(low, high, seed).take(0, n)


def _check_draw(n: int, low: float, high: float) -> None:
    if n < 1 or not 0 < low <= high:
        raise ConfigError(
            f"cannot draw {n} energies between {low} and {high} MeV; "
            "give a number of showers above zero and a rising range above zero"
        )
