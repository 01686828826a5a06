"""What makes the content of a shower file impossible (an error) or odd (a warning)."""

import warnings
from itertools import permutations

import numpy as np
from jaxtyping import Float

from calo4pqvae.errors import PhysicsWarning, ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.units import GeV, MeV, keV

__all__ = [
    "AXES",
    "check_axis_order",
    "check_deposits",
    "check_incident_energies",
    "describe_faint_hits",
    "warn_of_scale",
]

AXES = ("layer", "alpha", "r")
"""Names of the axes of a regular cylinder, the slowest first."""

PLAUSIBLE_RESPONSE = (0.01, 20.0)
FAINT_SHARE = 0.01
"""Share of hits below the readout threshold that is told; fewer do no harm."""


def check_incident_energies(where: str, e_inc: Float[np.ndarray, "batch 1"]) -> None:
    """Refuse incident energies that are not finite and positive.

    Arguments:
        where: what the energies belong to, the first words of the message.
        e_inc: incident energies [MeV].

    Raises:
        ShowerFileError: with the number of bad rows and the first of them.
    """
    energies = e_inc[:, 0]
    rules = {
        "NaN": np.isnan(energies),
        "infinite": np.isinf(energies),
        "negative": energies < 0,
        "zero": energies == 0,
    }
    for kind, bad in rules.items():
        if bad.any():
            raise ShowerFileError(
                f"{where}: {bad.sum()} incident energies are {kind}, the first in row "
                f"{bad.argmax()}; remove these showers, every incident energy must be finite "
                f"and above 0 MeV"
            )


def check_deposits(
    where: str,
    showers: Float[np.ndarray, "batch voxels"],
    rows: np.ndarray | None = None,
) -> None:
    """Refuse voxel energies that are not finite and at least zero.

    Arguments:
        where: what the showers belong to, the first words of the message.
        showers: voxel energies [MeV].
        rows: row number of each shower for the message; counted from 0 by default.

    Raises:
        ShowerFileError: with the number of bad voxels and the row of the first.
    """
    # One pass settles the usual case: NaN and inf spread into the sum, negatives show in min.
    if not showers.size or (showers.min() >= 0 and np.isfinite(showers.max())):
        return
    rules = {"NaN": np.isnan, "infinite": np.isinf, "negative": lambda s: s < 0}
    for kind, rule in rules.items():
        bad = rule(showers)
        if bad.any():
            first = bad.any(axis=1).argmax()
            row = first if rows is None else rows[first]
            raise ShowerFileError(
                f"{where}: {bad.sum()} voxels are {kind}, the first in row {row}; remove or "
                f"mend these showers, every voxel energy must be finite and at least 0 MeV"
            )


def check_axis_order(
    where: str, showers: Float[np.ndarray, "batch voxels"], geometry: CylindricalGeometry
) -> None:
    """Refuse a flat array whose voxels are in another order than layer, alpha, r.

    In the right order the mean shower is flat in azimuth, falls from ring to ring, and rises
    and falls once in depth. Refused only when the expected order is far from that while
    another order has all three, so that an unusual detector or a poor generator passes.
    Cylinders whose layers differ are not judged.

    Arguments:
        where: what the showers belong to, the first words of the message.
        showers: a few hundred showers [MeV].
        geometry: the cylinder whose order is expected.

    Raises:
        ShowerFileError: naming the order that was found.
    """
    totals = showers.sum(axis=1, keepdims=True, dtype=np.float64)
    if not geometry.is_regular or min(geometry.shape) < 2 or not (totals > 0).any():
        return
    mean_shower = (showers / np.where(totals > 0, totals, 1)).sum(axis=0)
    if not _is_no_shower(mean_shower.reshape(geometry.shape)):
        return
    for order in list(permutations(range(3)))[1:]:
        stored = mean_shower.reshape([geometry.shape[axis] for axis in order])
        if _is_shower(stored.transpose(np.argsort(order))):
            found = ", ".join(AXES[axis] for axis in order)
            raise ShowerFileError(
                f"{where}: the voxels are stored in the order ({found}); store them in the "
                f"order (layer, alpha, r), r fastest"
            )


def warn_of_scale(
    where: str,
    e_inc: Float[np.ndarray, "batch 1"],
    first_e_inc: Float[np.ndarray, "first 1"],
    first_showers: Float[np.ndarray, "first voxels"],
    stacklevel: int = 2,
) -> None:
    """Warn of energies that look like GeV in place of MeV, in one or both of the arrays.

    Arguments:
        where: what the energies belong to, the first words of the message.
        e_inc: all incident energies [MeV].
        first_e_inc: incident energies of the first showers [MeV].
        first_showers: the first showers [MeV].
        stacklevel: as in `warnings.warn`, counted from the caller.
    """
    low, high = PLAUSIBLE_RESPONSE
    response = np.median(first_showers.sum(axis=1, dtype=np.float64) / first_e_inc[:, 0])
    oddities = []
    if (e_inc < 1 * GeV).all():
        oddities.append(
            f"all incident energies are below 1000 MeV, the largest is {e_inc.max() / MeV:.4g}"
        )
    if not low <= response <= high:
        oddities.append(
            f"the median of deposited over incident energy is {response:.3g}, outside {low:g} "
            f"to {high:g}"
        )
    if oddities:
        warnings.warn(
            f"{where}: suspicious scale, {' and '.join(oddities)}; both arrays must be in MeV, "
            f"multiply what is in GeV by 1000",
            PhysicsWarning,
            stacklevel=stacklevel + 1,
        )


def describe_faint_hits(
    where: str, showers: Float[np.ndarray, "batch voxels"], threshold: float
) -> str:
    """Say that hits lie below the readout threshold, where more than a few do.

    Arguments:
        where: what the showers belong to, the first words.
        showers: a few hundred showers [MeV].
        threshold: readout threshold [MeV].

    Returns:
        one sentence, or nothing.
    """
    hits = showers[showers > 0]
    faint = float((hits < threshold * (1 - 1e-3)).mean()) if hits.size else 0.0
    if faint <= FAINT_SHARE:
        return ""
    return (
        f"{where}: {faint:.0%} of the hits lie below the readout threshold of "
        f"{threshold / keV:.4g} keV; the smallest has {hits.min() / keV:.4g} keV, "
        f"which is the threshold if nothing was cut away"
    )


def _is_no_shower(mean: Float[np.ndarray, "layer alpha r"]) -> bool:
    """Whether the mean shower is uneven in azimuth, jagged in depth, or broad as the mesh."""
    rings = mean.sum(axis=(0, 1))
    broad = bool(rings[0] < 1.5 * rings[-1])
    return broad or _alpha_spread(mean) > 0.3 or _ups_and_downs(mean) > 6


def _is_shower(mean: Float[np.ndarray, "layer alpha r"]) -> bool:
    """Whether the mean shower is flat in azimuth, smooth in depth, and falls with r."""
    rings = mean.sum(axis=(0, 1))
    falls = bool((np.diff(rings) < 0).all() and rings[0] > 3 * rings[-1])
    return falls and _alpha_spread(mean) < 0.1 and _ups_and_downs(mean) < 4


def _alpha_spread(mean: Float[np.ndarray, "layer alpha r"]) -> float:
    """Standard deviation over mean of the energies of the azimuth bins."""
    profile = mean.sum(axis=(0, 2))
    return float(profile.std() / profile.mean())


def _ups_and_downs(mean: Float[np.ndarray, "layer alpha r"]) -> float:
    """Total variation of the depth profile over its maximum; at most 2 for a single peak."""
    profile = mean.sum(axis=(1, 2))
    return float(np.abs(np.diff(profile)).sum() / profile.max())
