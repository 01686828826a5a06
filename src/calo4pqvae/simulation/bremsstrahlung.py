"""Bremsstrahlung of electrons on atoms from published formulas, for Geant4's tables.

Sources: Y.-S. Tsai, Rev. Mod. Phys. 46 (1974) 815, section III.E and table B.2 (screening);
H. Davies, H. A. Bethe, L. C. Maximon, Phys. Rev. 93 (1954) 788 (Coulomb correction);
H. W. Koch,
J. W. Motz, Rev. Mod. Phys. 31 (1959) 920, formulas 3BN and 3BS (electrons of any speed);
G. Elwert, Ann. Phys. 426 (1939) 178 (electrons that the nucleus has slowed down).
"""

import numpy as np
from jaxtyping import Float

__all__ = ["scaled_cross_section"]

FINE_STRUCTURE = 1 / 137.035999
ELECTRON_MASS = 0.51099895
"""[MeV]"""

RADIUS_SQUARED = 79.40788
"""Classical electron radius squared [mb]."""

LIGHT = {1: (5.31, 6.144), 2: (4.79, 5.621), 3: (4.74, 5.805), 4: (4.71, 5.924)}
"""Elastic and inelastic radiation logarithms where Thomas and Fermi's atom is too coarse."""

BORN, RELATIVISTIC = 2.0, 50.0
"""Kinetic energies [MeV] up to which the Coulomb correction of fast electrons is left out, and
from which it is whole; its weight rises with the logarithm of the energy in between."""

TIP = 0.995
"""Largest fraction of its energy that an electron is taken to radiate: the limit is finite."""

Grid = Float[np.ndarray, "#n #m"]


def scaled_cross_section(
    z: int, kinetic: Float[np.ndarray, " n"], fraction: Float[np.ndarray, " m"]
) -> Grid:
    r"""Compute $(\beta^2 / Z^2) k \, d\sigma/dk$ for electrons [mb].

    Tsai's screened spectrum for fast electrons, times the ratio of the Born approximation for
    any speed to that for fast ones, times Elwert's factor for the attraction of the nucleus.
    Both factors tend to 1 at high energy.

    Arguments:
        z: atomic number.
        kinetic: kinetic energies of the electron [MeV].
        fraction: energy of the photon over that of the electron, 0 to 1.
    """
    before = kinetic[:, None] + ELECTRON_MASS
    photon = kinetic[:, None] * np.clip(fraction, 1e-6, TIP)
    after = before - photon
    span = np.log(RELATIVISTIC / BORN)
    weight = np.clip(np.log(kinetic[:, None] / BORN) / span, 0, 1)
    spectrum = _screened(z, before, after, weight * coulomb_correction(z))
    spectrum *= _speed_ratio(before / ELECTRON_MASS, after / ELECTRON_MASS)
    spectrum *= _elwert(z, _beta(before), _beta(after))
    scale = FINE_STRUCTURE * RADIUS_SQUARED * _beta(before) ** 2 / z**2
    return np.maximum(scale * spectrum, 0)


def coulomb_correction(z: int) -> float:
    r"""Sum $f(Z) = a^2 \sum_n 1 / (n (n^2 + a^2))$ with $a = \alpha Z$."""
    a2, n = (FINE_STRUCTURE * z) ** 2, np.arange(1, 10_001)
    return float(a2 * (1 / (n * (n**2 + a2))).sum())


def _screened(z: int, before: Grid, after: Grid, coulomb: Grid) -> Grid:
    """Tsai's spectrum of photons from the nucleus and from the atom's electrons."""
    photon = before - after
    y = photon / before
    transfer = 100 * ELECTRON_MASS * photon / (before * after)
    phi, phi_gap = _elastic(z, transfer)
    psi, psi_gap = _inelastic(z, transfer)
    main = z**2 * (phi - 4 * coulomb) + z * psi
    return (4 / 3 * (1 - y) + y**2) * main + 2 / 3 * (1 - y) * (z**2 * phi_gap + z * psi_gap)


def _elastic(z: int, transfer: Grid) -> tuple[Grid, Grid]:
    """Screening of the nucleus: phi_1 - 4/3 ln Z, and phi_1 - phi_2."""
    gamma = transfer / z ** (1 / 3)
    phi = 20.863 - 2 * np.log1p((0.55846 * gamma) ** 2)
    phi -= 4 * (1 - 0.6 * np.exp(-0.9 * gamma) - 0.4 * np.exp(-1.5 * gamma))
    shift = 20.863 - 4 * LIGHT[z][0] if z in LIGHT else 4 / 3 * np.log(z)
    return phi - shift, 2 / 3 / (1 + 6.5 * gamma + 6 * gamma**2)


def _inelastic(z: int, transfer: Grid) -> tuple[Grid, Grid]:
    """Screening of the atom's electrons: psi_1 - 8/3 ln Z, and psi_1 - psi_2."""
    epsilon = transfer / z ** (2 / 3)
    psi = 28.340 - 2 * np.log1p((3.621 * epsilon) ** 2)
    psi -= 4 * (1 - 0.7 * np.exp(-8 * epsilon) - 0.3 * np.exp(-29.2 * epsilon))
    shift = 28.340 - 4 * LIGHT[z][1] if z in LIGHT else 8 / 3 * np.log(z)
    return psi - shift, 2 / 3 / (1 + 40 * epsilon + 400 * epsilon**2)


def _speed_ratio(e0: Grid, e: Grid) -> Grid:
    """Koch and Motz's 3BN over 3BS: a bare nucleus, energies before and after in m c^2."""
    p0, p, k = np.sqrt(e0**2 - 1), np.sqrt(e**2 - 1), e0 - e
    log = 2 * np.log((e0 * e + p0 * p - 1) / k)
    eps0, eps = 2 * np.log(e0 + p0), 2 * np.log(e + p)
    any_speed = 4 / 3 - 2 * e0 * e * (p**2 + p0**2) / (p * p0) ** 2
    any_speed += eps0 * e / p0**3 + eps * e0 / p**3 - eps * eps0 / (p * p0)
    tail = (e0 * e + p0**2) / p0**3 * eps0 - (e0 * e + p**2) / p**3 * eps
    tail = k / (2 * p0 * p) * (tail + 2 * k * e0 * e / (p * p0) ** 2)
    squares = k**2 * ((e0 * e) ** 2 + (p0 * p) ** 2) / (p0 * p) ** 3
    any_speed += log * (8 / 3 * e0 * e / (p0 * p) + squares + tail)
    fast = 4 * (1 + (e / e0) ** 2 - 2 / 3 * e / e0) * (np.log(2 * e0 * e / k) - 0.5)
    return p / p0 * any_speed / fast


def _elwert(z: int, before: Grid, after: Grid) -> Grid:
    """Ratio of the electron's density at the nucleus after and before, from its speeds."""
    a = 2 * np.pi * FINE_STRUCTURE * z
    return before / after * -np.expm1(-a / before) / -np.expm1(-a / after)


def _beta(total: Grid) -> Grid:
    """Speed over that of light at a total energy [MeV]."""
    return np.sqrt(1 - (ELECTRON_MASS / total) ** 2)
