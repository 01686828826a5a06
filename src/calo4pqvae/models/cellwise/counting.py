"""What is counted of showers, drawn ones and Geant4's, to correct draws by."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.remainder import last_hits

__all__ = ["Counts", "LayerHits", "Remainders", "SortedHits", "look", "sort_hits"]

LayerHits = tuple[np.ndarray, ...]
"""What `look` notes of a layer."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of showers, by rows of `DrawCorrections`.

    Attributes:
        layers: layers with hits.
        rings: hits of each ring.
        pairs: pairs of hits side by side in azimuth, in radius, and in the same cell one layer
            before and two.
        far: pairs of hits in one ring, so many sectors apart: of the innermost, of all others.
    """

    layers: Float[Tensor, " rows"]
    rings: Float[Tensor, "rows r"]
    pairs: Float[Tensor, "rows 4"]
    far: Float[Tensor, "rows 2 lags"]

    @classmethod
    def of(cls, showers: Showers, tables: DrawCorrections) -> "Counts":
        """Count hits of showers [MeV]; pairs in azimuth close around the axis."""
        hits = (showers > 0).float()
        number = hits.sum(dim=(2, 3))
        row = tables.row_of(torch.arange(showers.shape[1]), number)
        some = number > 0
        in_azimuth = (hits * hits.roll(1, dims=2)).sum(dim=(2, 3))
        in_radius = (hits[..., 1:] * hits[..., :-1]).sum(dim=(2, 3))

        def added(x: Tensor) -> Tensor:
            sums = torch.zeros(len(tables.rings), x.shape[-1], dtype=torch.float64)
            return sums.index_add(0, row[some], x[some].double())

        in_depth = [
            torch.cat(
                [0 * number[:, :lag], (hits[:, lag:] * hits[:, :-lag]).sum(dim=(2, 3))], 1
            )
            for lag in (1, 2)
        ]
        pairs = torch.stack([in_azimuth, in_radius, *in_depth], dim=-1)
        lags = []
        for lag in range(1, 1 + tables.far.shape[2]):
            in_rings = (hits * hits.roll(lag, dims=2)).sum(dim=2)
            lags.append(torch.stack([in_rings[..., 0], in_rings[..., 1:].sum(dim=-1)], dim=-1))
        far = added(torch.cat(lags, dim=-1)).unflatten(1, (-1, 2)).transpose(1, 2)
        layers = added(torch.ones_like(number)[..., None])[:, 0]
        return cls(layers, added(hits.sum(dim=2)), added(pairs), far)


@dataclass(frozen=True, eq=False)
class Remainders:
    """What is left for the last hits of layers, and the rows of `DrawCorrections.last`."""

    row: np.ndarray
    left: np.ndarray


@dataclass(frozen=True, eq=False)
class SortedHits:
    """Energies of hits, sorted by the row of the table that they belong to."""

    rows: list[np.ndarray]
    shares: list[np.ndarray]
    levels: list[np.ndarray]
    rings: list[np.ndarray]

    @classmethod
    def sort(cls, row: np.ndarray, *parts: np.ndarray, n: int) -> "SortedHits":
        """Sort energies, shares of their layers, levels and rings of hits of so many rows."""
        order = np.argsort(row, kind="stable")
        ends = np.searchsorted(row[order], np.arange(1, n))
        return cls(*(np.split(part[order], ends) for part in parts))


def look(
    tables: DrawCorrections,
    layer: np.ndarray,
    voxels: np.ndarray,
    levels: np.ndarray,
    left: np.ndarray,
) -> LayerHits:
    """Give rows, energies and levels of hits but the last; rows and remainders of these."""
    n_r = voxels.shape[2]
    some = (voxels > 0).sum(axis=(1, 2)) > 1
    hits = voxels > 0
    number = hits.sum(axis=(1, 2))
    last = last_hits(torch.from_numpy(hits)).numpy()
    others = hits.reshape(len(hits), -1).copy()
    others[np.arange(len(last)), last] = False
    first, _, ring = where = np.nonzero(others.reshape(hits.shape))
    row = _rows(tables, layer[first], number[first], ring)
    of_last = _rows(tables, layer[some], number[some], last[some] % n_r)
    share = voxels[where] / voxels.sum(axis=(1, 2))[first]
    return row, voxels[where], share, levels[where], ring, of_last, left[some]


def sort_hits(
    tables: DrawCorrections, seen: Iterable[LayerHits]
) -> tuple[SortedHits, Remainders]:
    """Join what was noted of layers, sorted by the rows of the tables."""
    row, *parts, of_last, left = (np.concatenate(x) for x in zip(*seen, strict=True))
    hits = SortedHits.sort(row, *parts, n=tables.n_levels)
    return hits, Remainders(of_last, left)


def _rows(
    tables: DrawCorrections, layer: np.ndarray, n_hits: np.ndarray, ring: np.ndarray
) -> np.ndarray:
    """Number the rows of the table of levels that hits belong to."""
    row = tables.row_of(torch.from_numpy(layer), torch.from_numpy(n_hits))
    return (row * tables.GROUPS + tables.group_of(torch.from_numpy(ring))).numpy()
