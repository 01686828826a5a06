"""The range of incident energies that a model covers: that of the showers, unless given."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from calo4pqvae.config import Config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError
from calo4pqvae.units import GeV

__all__ = ["describe_range", "range_around", "with_energy_range"]

_ROUNDING = 5e-7
"""Relative rounding of float32 energies that does not count as lying outside."""

_BEYOND = 0.02
"""Part of a given range, in ln E, that showers may leave empty at its ends without a word."""

Energies = Float[np.ndarray, "showers 1"]


def with_energy_range(config: Config, files: Sequence[ShowerFile]) -> Config:
    """Put the range of all showers of the files into a configuration that gives none.

    All showers count, not only those to train on: a model should know the energies of the
    showers that it will be compared with.

    Raises:
        ConfigError: an incident energy is not above zero.
    """
    if config.data.energy_gev is not None:
        return config
    ends = range_around(np.concatenate([file.e_inc() for file in files]))
    return replace(config, data=replace(config.data, energy_gev=ends))


def range_around(e_inc: Energies) -> tuple[float, float]:
    """Round the ends of energies [MeV] outwards to two digits [GeV].

    Showers of a single energy get a range of one unit of the second digit on both sides.

    Raises:
        ConfigError: an energy is not above zero.
    """
    least, most = float(e_inc.min()) / GeV, float(e_inc.max()) / GeV
    if not 0 < least <= most < math.inf:
        raise ConfigError(
            f"incident energies from {least:g} to {most:g} GeV give no range to train on; "
            "remove the showers whose energy is not above zero"
        )
    low = math.floor(least / _unit(least) * (1 + _ROUNDING)) * _unit(least)
    high = math.ceil(most / _unit(most) * (1 - _ROUNDING)) * _unit(most)
    if float(f"{low:.6g}") == float(f"{high:.6g}"):
        low, high = low - _unit(least), high + _unit(most)
    return float(f"{low:.6g}"), float(f"{high:.6g}")


def describe_range(config: Config, given: bool, e_inc: Energies) -> str:
    """Say in one sentence which energies a model will cover, and which its showers have.

    Arguments:
        config: all choices, with a range.
        given: whether the range was given, not taken from the showers.
        e_inc: incident energies of the showers to train on [MeV].
    """
    low, high = config.data.energy_gev or (0.0, 0.0)
    text = f"incident energies of {low:g} to {high:g} GeV"
    if not given:
        return f"{text}, those of the showers (data.energy_gev=[low,high] sets others)"
    least, most = float(e_inc.min()) / GeV, float(e_inc.max()) / GeV
    room = _BEYOND * math.log(high / low)
    if max(math.log(least / low), math.log(high / most)) <= room:
        return f"{text}, as set"
    return (
        f"{text}, as set; the showers to train on have {least:.4g} to {most:.4g} GeV, and what "
        "the model makes outside is a guess"
    )


def _unit(energy: float) -> float:
    """Give the unit of the second digit."""
    return 10.0 ** (math.floor(math.log10(energy)) - 1)
