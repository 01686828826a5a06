"""The high-level features by which the CaloChallenge compares showers.

Per layer: energy, centre and width of the deposit in eta, phi and r, and sparsity; per shower:
incident and total energy. Dataset 2 has 362 of them. Until November 2023 there were 226,
without total energy, sparsity and everything in r, and published numbers exist for both.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.measured.rows import PerShower
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.units import MeV, mm

__all__ = ["FEATURE_SETS", "GROUPS", "FeatureMeter", "Features", "column_names"]

FEATURE_SETS = ("official-362", "legacy-226")
"""Named after their number of columns for dataset 2; other cylinders have other numbers."""

GROUPS = (
    "e_inc",
    "e_layer",
    "ec_eta",
    "ec_phi",
    "width_eta",
    "width_phi",
    "e_tot",
    "sparsity",
    "ec_r",
    "width_r",
)
"""Groups of columns in the official order."""

_IN_SET = {"official-362": GROUPS, "legacy-226": GROUPS[:6]}
_OF_SHOWER = frozenset({"e_inc", "e_tot"})
_OF_AZIMUTH = frozenset({"ec_eta", "ec_phi", "width_eta", "width_phi"})

_NO_ENERGY = 1e-8 * MeV
_NO_WEIGHT = 1e-16 * MeV
_LENGTH = 100 * mm
_ROUNDING = 16 * np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class Features(PerShower):
    """High-level features, one row per shower, after the readout threshold.

    With E the energy of a voxel, sums over the voxels of a layer, and a voxel's centre at
    eta = r cos(alpha), phi = r sin(alpha):

    ============================== =======================================================
    ``e_inc``                      log10 of the incident energy [MeV]
    ``e_layer.L``                  log10(sum E + 1e-8), -8 for an empty layer
    ``ec_eta.L``, `phi`, `r`       <x> = sum E x / (sum E + 1e-16), in 100 mm
    ``width_eta.L``, `phi`, `r`    sqrt(<x^2> - <x>^2), in 100 mm
    ``e_tot``                      log10(sum E + 1e-8) over all layers
    ``sparsity.L``                 1 - share of voxels with energy, 1 for an empty layer
    ============================== =======================================================

    L counts the layers of the geometry from 0. Layers with a single azimuth bin (dataset 1)
    have no centre and width in eta and phi, as in the official definition. A variance below
    16 roundings of <x^2> is one, and reads as exactly zero.

    Arguments:
        e_inc: incident energies [MeV].
        values: the features, float64.
        columns: their names, group by group in the order of `GROUPS`.
        geometry: the calorimeter; its threshold was applied first.
        feature_set: one of `FEATURE_SETS`.

    Source: CaloChallenge 2022, arXiv 2410.21611, section on metrics.
    """

    values: Float[np.ndarray, "showers columns"]
    columns: tuple[str, ...]
    geometry: CylindricalGeometry
    feature_set: str = FEATURE_SETS[0]

    @property
    def legacy(self) -> "Features":
        """The features of before November 2023, which are the first of the official ones."""
        columns = column_names(self.geometry, FEATURE_SETS[1])
        values = self.values[:, : len(columns)]
        return replace(self, values=values, columns=columns, feature_set=FEATURE_SETS[1])

    def group(self, name: str) -> Float[np.ndarray, "showers members"]:
        """Take the columns of one of `GROUPS`, scaled as stored.

        Raises:
            ConfigError: the feature set does not have this group.
        """
        members = [i for i, c in enumerate(self.columns) if c.partition(".")[0] == name]
        if name not in _IN_SET[self.feature_set]:
            raise ConfigError(
                f"the feature set {self.feature_set} has no group {name!r}; it has "
                f"{', '.join(_IN_SET[self.feature_set])}"
            )
        return self.values[:, members]


def column_names(
    geometry: CylindricalGeometry, feature_set: str = FEATURE_SETS[0]
) -> tuple[str, ...]:
    """Name the columns of a feature set.

    Raises:
        ConfigError: no feature set of that name.
    """
    if feature_set not in FEATURE_SETS:
        raise ConfigError(
            f"there is no feature set {feature_set!r}; choose {' or '.join(FEATURE_SETS)}"
        )
    names = []
    for group in _IN_SET[feature_set]:
        layers = _with_azimuth(geometry) if group in _OF_AZIMUTH else range(geometry.n_layers)
        names += [group] if group in _OF_SHOWER else [f"{group}.{layer}" for layer in layers]
    return tuple(names)


def _with_azimuth(geometry: CylindricalGeometry) -> list[int]:
    """List the layers that have more than one azimuth bin."""
    return [i for i, layer in enumerate(geometry.layers) if layer.n_alpha > 1]


class FeatureMeter:
    """Measures official features: sums over a layer are one product with (1, x, x^2)."""

    def __init__(self, geometry: CylindricalGeometry) -> None:
        self.azimuthal = _with_azimuth(geometry)
        sizes = np.array([layer.n_voxels for layer in geometry.layers])
        self.sizes, ends = sizes, np.concatenate([[0], sizes.cumsum()])
        self.slices = [slice(a, b) for a, b in pairwise(ends.tolist())]
        r, alpha = geometry.r_of_voxel, geometry.alpha_of_voxel
        x = np.stack([r * np.cos(alpha), r * np.sin(alpha), r], axis=1)
        self.moments = np.concatenate([np.ones((len(x), 1)), x, x**2], axis=1)

    def __call__(
        self, e_inc: Float[np.ndarray, " batch"], energy: Float[np.ndarray, "batch voxels"]
    ) -> Float[np.ndarray, "batch columns"]:
        """Compute the columns of showers [MeV] to which the threshold was applied."""
        sums = np.stack([energy[:, s] @ self.moments[s] for s in self.slices])
        hits = np.stack([np.count_nonzero(energy[:, s], axis=1) for s in self.slices], axis=1)
        e_layer = sums[..., 0].T
        means = sums[..., 1:] / (sums[..., :1] + _NO_WEIGHT)
        centre, square = means[..., :3], means[..., 3:]
        variance = square - centre**2
        width = np.sqrt(np.where(variance > _ROUNDING * square, variance, 0.0))
        groups = {
            "e_inc": np.log10(e_inc)[:, None],
            "e_layer": np.log10(e_layer + _NO_ENERGY),
            "e_tot": np.log10(e_layer.sum(axis=1, keepdims=True) + _NO_ENERGY),
            "sparsity": 1.0 - hits / self.sizes,
        }
        for axis, name in enumerate(("eta", "phi", "r")):
            layers = slice(None) if name == "r" else self.azimuthal
            groups[f"ec_{name}"] = centre[layers, :, axis].T / _LENGTH
            groups[f"width_{name}"] = width[layers, :, axis].T / _LENGTH
        return np.concatenate([groups[name] for name in GROUPS], axis=1)
