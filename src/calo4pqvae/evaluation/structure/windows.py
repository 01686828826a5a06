"""Windows of incident energy, and observables freed from the energy's trend inside them.

Most observables rise or fall with the incident energy. Inside a window the trend of the
reference, a parabola in log E, is taken off both sides alike (its mean is put back), so that
a comparison sees the distribution at fixed energy: sides with the same energies shower by
shower gain nothing over sides with independent ones, and small differences of the spectra do no
harm.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.structure.showers import Structure
from calo4pqvae.units import GeV

__all__ = ["EDGES", "MIN_SHOWERS", "Window", "windows_of"]

EDGES = tuple(edge * GeV for edge in (1, 3, 10, 30, 100, 300, 1000))
"""Edges of the windows [MeV]."""

MIN_SHOWERS = 50
"""A window needs so many showers on each side."""


@dataclass(frozen=True, eq=False)
class Window:
    """Both sides inside one window of incident energy.

    Arguments:
        low: lower end [MeV].
        high: upper end [MeV].
        reference: showers of Geant4.
        sample: showers of a model.
    """

    low: float
    high: float
    reference: Structure
    sample: Structure

    @property
    def name(self) -> str:
        """The ends in GeV, such as "1-3 GeV"."""
        return f"{self.low / GeV:g}-{self.high / GeV:g} GeV"

    def flattened(
        self,
    ) -> tuple[Float[np.ndarray, "sample columns"], Float[np.ndarray, "reference columns"]]:
        """Give the observables of sample and reference without the energy's trend."""
        powers = [_powers(side, self) for side in (self.sample, self.reference)]
        trend, *_ = np.linalg.lstsq(powers[1], self.reference.values, rcond=None)
        mean = powers[1].mean(axis=0) @ trend
        sides = (self.sample, self.reference)
        flat = [
            side.values - power @ trend + mean
            for side, power in zip(sides, powers, strict=True)
        ]
        return flat[0], flat[1]


def windows_of(sample: Structure, reference: Structure) -> list[Window]:
    """List the windows that hold enough showers of both sides.

    One window takes all showers where none of `EDGES` fits, as with a single energy below 1
    GeV.
    """
    made = []
    for low, high in pairwise(EDGES):
        window = Window(low, high, reference.between(low, high), sample.between(low, high))
        if min(len(window.reference), len(window.sample)) >= MIN_SHOWERS:
            made.append(window)
    if made or min(len(sample), len(reference)) < MIN_SHOWERS:
        return made
    both = np.concatenate([sample.e_inc, reference.e_inc])
    return [Window(float(both.min()), float(both.max()), reference, sample)]


def _powers(side: Structure, window: Window) -> Float[np.ndarray, "showers 3"]:
    middle = np.sqrt(window.low * window.high)
    x = np.log(side.e_inc / middle)
    return np.stack([np.ones_like(x), x, x**2], axis=1)
