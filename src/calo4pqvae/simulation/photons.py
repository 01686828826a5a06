"""Photo-effect and coherent scattering of photons on atoms, from xraylib and above its range.

xraylib's tables end below 1 MeV. From there the photo-effect follows the shape of F. Sauter,
Ann. Phys. 403 (1931) 454, for the K shell, and coherent scattering falls as 1/E^2.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.optional import require
from calo4pqvae.units import MeV, keV

__all__ = ["Shell", "coherent", "photo_effect"]

LOWEST, LAST = 0.1 * keV, 800 * keV
"""Ends of xraylib's tables."""

HIGHEST = 1e5 * MeV
PER_DECADE = 60
BESIDE_AN_EDGE = 1e-6

NEAR = 0.005
"""Relative distance within which the tables of shells and of atoms agree on an edge."""

AGREEMENT = 0.05
"""Relative difference of total cross sections up to which shells are read from the tables."""

ELECTRON_MASS = 0.51099895 * MeV

Energies = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Shell:
    """A shell of an atom.

    Attributes:
        edge: binding energy [MeV].
        energy: photon energies, rising from the edge [MeV].
        barn: cross section of the photo-effect there [b].
    """

    edge: float
    energy: Energies
    barn: Energies


def photo_effect(z: int) -> tuple[list[Shell], Shell]:
    """Tabulate the photo-effect of each shell, the deepest first, and of the whole atom.

    The energies of the atom's own table start at the lowest that is known.

    Raises:
        MissingExtraError: xraylib is not installed.
    """
    xraylib = _xraylib()
    edges = _edges(z)
    known = _grid(LOWEST, LAST, list(edges.values()))
    barn = np.array([xraylib.CSb_Photo(z, e / keV) for e in known])
    above = np.geomspace(LAST, HIGHEST, int(PER_DECADE * np.log10(HIGHEST / LAST)) + 1)[1:]
    deepest = max(edges.values())
    shape = _sauter(above, deepest) / _sauter(np.array([LAST]), deepest)
    energy = np.concatenate([known, above])
    whole = Shell(deepest, energy, np.concatenate([barn, barn[-1] * shape]))
    shells = [_shell(z, number, edge, whole) for number, edge in edges.items()]
    return sorted(shells, key=lambda shell: -shell.edge), whole


def coherent(z: int) -> tuple[Energies, Energies]:
    """Tabulate photon energies [MeV] and the cross section of coherent scattering [b].

    Raises:
        MissingExtraError: xraylib is not installed.
    """
    xraylib = _xraylib()
    energy = _grid(LOWEST, LAST, [])
    return energy, np.array([xraylib.CSb_Rayl(z, e / keV) for e in energy])


def _edges(z: int) -> dict[int, float]:
    """Binding energies of the occupied shells by xraylib's numbers [MeV]."""
    xraylib = _xraylib()
    edges = {}
    for number in range(xraylib.K_SHELL, xraylib.Q3_SHELL + 1):
        try:
            xraylib.ElectronConfig(z, number)
            edge = xraylib.EdgeEnergy(z, number) * keV
        except ValueError:
            continue
        edges[number] = _jump(z, edge) if edge * (1 - NEAR) > LOWEST else edge
    return edges


def _jump(z: int, edge: float) -> float:
    """Where the cross section of the whole atom jumps, which may lie some eV from the edge."""

    def barn(energy: float) -> float:
        return _xraylib().CSb_Photo(z, energy / keV)

    low, high = edge * (1 - NEAR), edge * (1 + NEAR)
    if barn(high) < barn(low):
        return edge
    middle = (barn(low) * barn(high)) ** 0.5
    while high - low > 0.1 * BESIDE_AN_EDGE * edge:
        centre = (low + high) / 2
        low, high = (low, centre) if barn(centre) > middle else (centre, high)
    return (low + high) / 2


def _shell(z: int, number: int, edge: float, whole: Shell) -> Shell:
    """Split a shell's share off the atom's cross section.

    The tables of single shells leave the total at high energy, where the shares hardly change
    any more; from the last energy where both agree they are taken as constant.
    """
    xraylib = _xraylib()
    energy = whole.energy[whole.energy > edge]
    barn = whole.barn[whole.energy > edge]
    shares = np.full(len(energy), np.nan)
    for i, e in enumerate(energy / keV):
        try:
            total = xraylib.CSb_Photo_Total(z, e)
            share = xraylib.ElectronConfig(z, number) * xraylib.CSb_Photo_Partial(z, number, e)
        except ValueError:
            continue
        if abs(total / barn[i] - 1) < AGREEMENT:
            shares[i] = share / total
    good = np.flatnonzero(np.isfinite(shares))
    share = np.interp(energy, energy[good], shares[good]) if len(good) else 0.0
    return Shell(edge, energy, barn * share)


def _sauter(energy: Energies, edge: float) -> Energies:
    """Sauter's cross section of the K shell, up to a constant."""
    gamma = 1 + (energy - edge) / ELECTRON_MASS
    p = np.sqrt(gamma**2 - 1)
    log = np.log((gamma + p) / (gamma - p)) / (2 * gamma * p)
    return energy**-5 * p**3 * (4 / 3 + gamma * (gamma - 2) / (gamma + 1) * (1 - log))


def _grid(low: float, high: float, edges: list[float]) -> Energies:
    """Energies evenly spaced in their logarithm, with a pair astride each edge."""
    even = np.geomspace(low, high, max(2, int(PER_DECADE * np.log10(high / low))))
    inside = np.array([edge for edge in edges if low < edge < high])
    astride = [inside * (1 - BESIDE_AN_EDGE), inside * (1 + BESIDE_AN_EDGE)]
    return np.unique(np.concatenate([even, *astride]).clip(low, high))


def _xraylib() -> ModuleType:
    return require("xraylib", "geant4")
