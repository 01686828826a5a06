"""The calorimeter seen from the shower: a cylinder of layers, azimuth bins and rings.

The axis of the cylinder is the direction of the incident particle. Voxels of a shower are
stored flat with r fastest, then alpha, then layer (the CaloChallenge order).
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.intake import one_line, parsing, read_xml
from calo4pqvae.errors import GeometryError
from calo4pqvae.units import keV, mm

__all__ = ["MOST_VOXELS", "CylindricalGeometry", "LayerBins", "particles_of"]

MOST_VOXELS = 2**20
"""Voxels of one shower; dataset 3 has 40,500, and the finest calorimeters some 200,000."""


@dataclass(frozen=True)
class LayerBins:
    """Bins of one layer: ring edges [mm] and the number of equal azimuth bins over 2 pi."""

    r_edges: tuple[float, ...]
    n_alpha: int

    def __post_init__(self) -> None:
        edges, rises = self.r_edges, all(a < b for a, b in pairwise(self.r_edges))
        if len(edges) < 2 or not rises or not 0 <= edges[0] < edges[-1] < math.inf:
            raise GeometryError(
                f"ring edges must be two or more rising numbers >= 0: {one_line(edges)}"
            )
        if self.n_alpha < 1:
            raise GeometryError(f"a layer needs at least one azimuth bin, not {self.n_alpha}")
        _check_voxels(self.n_voxels)

    @property
    def n_r(self) -> int:
        """Number of rings."""
        return len(self.r_edges) - 1

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return self.n_r * self.n_alpha


@dataclass(frozen=True)
class CylindricalGeometry:
    """A stack of layers with azimuth and ring bins around the shower axis.

    Layers may differ (dataset 1); `shape` exists when they are alike (datasets 2 and 3).

    Arguments:
        layers: bins of each layer, in the order of depth.
        threshold: readout threshold of one voxel [MeV]; smaller deposits read as zero.

    Raises:
        GeometryError: when there is no layer or the threshold is negative.

    Example:
        >>> geometry = CylindricalGeometry.regular(20, 8, [0.0, 10.0, 25.0], threshold=0.2)
        >>> geometry.shape, geometry.n_voxels
        ((20, 8, 2), 320)

    Source: CaloChallenge 2022, datasets 1 to 3 (doi 10.5281/zenodo.8099322, 6366271, 6366324).
    """

    layers: tuple[LayerBins, ...]
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not self.layers:
            raise GeometryError("a geometry needs at least one layer")
        if not 0 <= self.threshold < math.inf:
            raise GeometryError(f"the readout threshold must be >= 0 MeV, not {self.threshold}")
        _check_voxels(self.n_voxels)

    @classmethod
    def regular(
        cls, n_layers: int, n_alpha: int, r_edges: Sequence[float], threshold: float = 0.0
    ) -> "CylindricalGeometry":
        """Stack `n_layers` equal layers with ring edges `r_edges` [mm]."""
        layer = LayerBins(tuple(float(edge) for edge in r_edges), n_alpha)
        _check_voxels(n_layers * layer.n_voxels)
        return cls((layer,) * n_layers, threshold)

    @classmethod
    def dataset_2(cls) -> "CylindricalGeometry":
        """Build the 45 x 16 x 9 cylinder of CaloChallenge dataset 2, rings of 4.65 mm.

        The threshold is 0.5 keV in silicon divided by the sampling fraction 0.033.
        """
        return cls.regular(45, 16, [4.65 * mm * i for i in range(10)], 0.5 * keV / 0.033)

    @classmethod
    def dataset_3(cls) -> "CylindricalGeometry":
        """Build the 45 x 50 x 18 cylinder of CaloChallenge dataset 3, rings of 2.325 mm."""
        return cls.regular(45, 50, [2.325 * mm * i for i in range(19)], 0.5 * keV / 0.033)

    @classmethod
    def from_xml(
        cls, path: str | Path, particle: str | None = None, threshold: float = 0.0
    ) -> "CylindricalGeometry":
        """Read the challenge's binning XML.

        Arguments:
            path: file with ``<Bins><Bin name=..><Layer id= r_edges= n_bin_alpha=/>..``, as
                docs/robustness.md describes it.
            particle: the ``name`` of the wanted ``Bin``; optional when there is one only.
            threshold: readout threshold, which the XML does not hold [MeV].

        Raises:
            GeometryError: the file cannot be read, or does not hold that particle.
        """
        bins = _bins(path)
        if particle is None and len(bins) == 1:
            particle = next(iter(bins))
        if particle not in bins:
            raise GeometryError(
                f"{path}: holds {one_line(sorted(bins))}; name one of these particles, not "
                f"{particle!r}"
            )
        with parsing(path, "binning XML", GeometryError):
            elements = list(bins[particle].iter("Layer"))
            layers = tuple(layer for one in elements if (layer := _layer(one, path)))
            if elements and not layers:
                raise ValueError("no layer has more than one ring edge")
            return cls(layers, threshold)

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @cached_property
    def n_voxels(self) -> int:
        """Number of voxels of one shower."""
        return sum(layer.n_voxels for layer in self.layers)

    @property
    def is_regular(self) -> bool:
        """Whether all layers have the same bins."""
        return all(layer == self.layers[0] for layer in self.layers)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(layers, alpha, r) of a regular cylinder.

        Raises:
            GeometryError: when the layers differ.
        """
        if not self.is_regular:
            raise GeometryError(
                "the layers of this geometry have different bins (as in dataset 1); "
                "a regular cylinder is needed here"
            )
        return self.n_layers, self.layers[0].n_alpha, self.layers[0].n_r

    @cached_property
    def layer_of_voxel(self) -> np.ndarray:
        """Layer number of each voxel in file order, int64 (voxels,)."""
        return np.repeat(np.arange(self.n_layers), [layer.n_voxels for layer in self.layers])

    @cached_property
    def ring_of_voxel(self) -> np.ndarray:
        """Ring number of each voxel in file order, int64 (voxels,)."""
        return np.concatenate([np.tile(np.arange(b.n_r), b.n_alpha) for b in self.layers])

    @cached_property
    def alpha_of_voxel(self) -> Float[np.ndarray, " voxels"]:
        """Azimuth of each voxel's centre [rad], the first bin starting at -pi."""
        return np.concatenate(
            [
                np.repeat(-np.pi + (np.arange(b.n_alpha) + 0.5) * 2 * np.pi / b.n_alpha, b.n_r)
                for b in self.layers
            ]
        )

    @cached_property
    def r_of_voxel(self) -> Float[np.ndarray, " voxels"]:
        """Distance of each voxel's centre from the axis [mm]."""
        middles = [np.convolve(b.r_edges, [0.5, 0.5], "valid") for b in self.layers]
        return np.concatenate(
            [np.tile(m, b.n_alpha) for m, b in zip(middles, self.layers, strict=True)]
        )

    def to_dict(self) -> dict:
        """Describe the geometry with plain lists and numbers (inverse of `from_dict`)."""
        if self.is_regular:
            first = self.layers[0]
            layers = {
                "n_layers": self.n_layers,
                "n_alpha": first.n_alpha,
                "r_edges": list(first.r_edges),
            }
        else:
            layers = {
                "layers": [
                    {"n_alpha": b.n_alpha, "r_edges": list(b.r_edges)} for b in self.layers
                ]
            }
        return {**layers, "threshold": self.threshold}

    @classmethod
    def from_dict(cls, description: dict) -> "CylindricalGeometry":
        """Rebuild a geometry from `to_dict`.

        Raises:
            GeometryError: it is no description of a geometry, or one that makes no sense.
        """
        with parsing("geometry", "description of a cylinder", GeometryError):
            threshold = _number(description.get("threshold", 0.0))
            if "layers" not in description:
                edges = [_number(edge) for edge in description["r_edges"]]
                n_layers, n_alpha = (_whole(description[k]) for k in ("n_layers", "n_alpha"))
                if unknown := set(description) - {
                    "n_layers",
                    "n_alpha",
                    "r_edges",
                    "threshold",
                }:
                    raise ValueError(f"it has the unknown entries {sorted(unknown)}")
                return cls.regular(n_layers, n_alpha, edges, threshold)
            bins = tuple(
                LayerBins(tuple(map(_number, d["r_edges"])), _whole(d["n_alpha"]))
                for d in description["layers"]
            )
            return cls(bins, threshold)


def particles_of(path: str | Path) -> list[str]:
    """List the particles of a binning XML.

    Raises:
        GeometryError: the file cannot be read, or is no binning.
    """
    return list(_bins(path))


def _bins(path: str | Path) -> dict[str, ET.Element]:
    """Read the ``Bin`` elements of a binning XML, by the name of their particle."""
    root = read_xml(path, "binning XML", error=GeometryError)
    bins = {element.get("name", ""): element for element in root.iter("Bin")}
    if not bins:
        found = ", ".join(sorted({f"<{element.tag}>" for element in root.iter()}))
        raise GeometryError(
            f"{one_line(path)}: has no <Bin name=..>, only {one_line(found)}; a binning reads "
            '<Bins><Bin name="electron"><Layer id="0" r_edges="0,5,10" n_bin_alpha="16"/>..'
        )
    return bins


def _check_voxels(n_voxels: int) -> None:
    """Refuse a size that is no calorimeter's before memory is taken for it."""
    if n_voxels > MOST_VOXELS:
        raise GeometryError(
            f"a shower of {n_voxels:,} voxels is more than {MOST_VOXELS:,}; take coarser bins"
        )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{one_line(repr(value))} is no number")
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{one_line(repr(value))} is no whole number")
    return value


def _layer(element: ET.Element, path: str | Path) -> LayerBins | None:
    """One ``<Layer>``; the challenge marks unused layers of dataset 1 by a single ring edge."""
    try:
        edges = tuple(float(edge) for edge in element.attrib["r_edges"].split(","))
        n_alpha = int(element.attrib["n_bin_alpha"])
    except (KeyError, ValueError) as error:
        raise GeometryError(
            f"{path}: layer {element.get('id')} is malformed ({error})"
        ) from error
    return LayerBins(edges, n_alpha) if len(edges) > 1 else None
