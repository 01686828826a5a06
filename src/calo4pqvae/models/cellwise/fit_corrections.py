"""Fit of the corrections of draws: draw, count, correct, and draw again."""

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.rng import RandomSource, SharedNoise
from calo4pqvae._core.typing import Showers
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.models.calibration import MOST_SHOWERS
from calo4pqvae.models.cellwise.compiled import CompiledCells, DrawnLayer
from calo4pqvae.models.cellwise.corrections import DrawCorrections

if TYPE_CHECKING:
    from calo4pqvae.models.cellwise.model import CellwiseQVAE

__all__ = ["Counts", "SortedHits", "correct_levels", "fit_corrections"]

ROUNDS = 12
STEP, STEP_OF_BONDS = 0.8, 0.4
"""Shares of a correction that are made in a round: what one moves, others feel."""

ASSUMED, FEWEST = 20, 500
"""Hits that are taken for right beside those counted; hits that a table of levels needs."""

_EDGES = (
    *(0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4),
    *(0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.96, 0.98, 0.99, 0.995, 0.998),
)
"""Quantiles of real energies between which they are counted."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of showers, by rows of `DrawCorrections`.

    Attributes:
        layers: layers with hits.
        rings: hits of each ring.
        pairs: pairs of hits side by side in azimuth, and in radius.
    """

    layers: Float[Tensor, " rows"]
    rings: Float[Tensor, "rows r"]
    pairs: Float[Tensor, "rows 2"]

    @classmethod
    def of(cls, showers: Showers, tables: DrawCorrections) -> "Counts":
        """Count hits of showers [MeV]; pairs in azimuth close around the axis."""
        hits = (showers > 0).double()
        number = hits.sum(dim=(2, 3))
        row = tables.row_of(torch.arange(showers.shape[1]), number)
        some = number > 0
        in_azimuth = (hits * hits.roll(1, dims=2)).sum(dim=(2, 3))
        in_radius = (hits[..., 1:] * hits[..., :-1]).sum(dim=(2, 3))

        def added(x: Tensor) -> Tensor:
            sums = torch.zeros(len(tables.rings), x.shape[-1], dtype=x.dtype)
            return sums.index_add(0, row[some], x[some])

        pairs = torch.stack([in_azimuth, in_radius], dim=-1)
        layers = added(torch.ones_like(number)[..., None])[:, 0]
        return cls(layers, added(hits.sum(dim=2)), added(pairs))


@dataclass(frozen=True, eq=False)
class SortedHits:
    """Energies of hits, sorted by the row of the table that they belong to."""

    rows: list[np.ndarray]
    levels: list[np.ndarray]

    @classmethod
    def sort(
        cls, row: np.ndarray, energy: np.ndarray, level: np.ndarray, n: int
    ) -> "SortedHits":
        """Sort hits of so many rows."""
        order = np.argsort(row, kind="stable")
        ends = np.searchsorted(row[order], np.arange(1, n))
        return cls(np.split(energy[order], ends), np.split(level[order], ends))


@torch.no_grad()
def fit_corrections(model: "CellwiseQVAE", batches: ShowerBatches, seed: int) -> None:
    """Fit the tables of a trained model, all else of which is fitted.

    At most 4,096 showers are drawn in each of twelve rounds, for the layer energies of as many
    training showers, and counted beside these.

    Arguments:
        model: model to fit, in place.
        batches: training showers.
        seed: seed of the draws.
    """
    home = model.prior.bias.device
    model.cpu().eval()
    tables, noise = model.corrections, SharedNoise(seed)
    showers, e_inc = _read(model, batches)
    wanted = Counts.of(showers, tables)
    real = _real_hits(showers, tables)
    for _ in range(ROUNDS):
        drawn, hits = _draw(model, showers.sum(dim=(2, 3)), e_inc, noise)
        _correct(tables, wanted, Counts.of(drawn, tables))
        correct_levels(tables, real, hits)
    model.to(home)


def _read(model: "CellwiseQVAE", batches: ShowerBatches) -> tuple[Showers, Tensor]:
    some = list(islice(batches.epoch(0), -(-MOST_SHOWERS // batches.batch_size)))
    showers = torch.cat([torch.from_numpy(batch.showers) for batch in some])
    e_inc = torch.cat([torch.from_numpy(batch.e_inc) for batch in some])
    return model.read_out(showers.view(-1, *model.geometry.shape)), e_inc


def _draw(
    model: "CellwiseQVAE", layers: Tensor, e_inc: Tensor, noise: RandomSource
) -> tuple[Showers, SortedHits]:
    """Draw cells of given layer energies, and note each hit's energy and level."""
    tables, t, seen = model.corrections, model.scale(e_inc), list[tuple[np.ndarray, ...]]()

    def watch(layer: DrawnLayer) -> None:
        first, _, ring = where = np.nonzero(layer.hits > 0)
        row = _rows(tables, np.full(len(ring), layer.number), layer.n_hits[first], ring)
        seen.append((row, layer.voxels[where], layer.levels[where]))

    cells = CompiledCells(model.decoder, model.voxels.table, tables, watch)
    lateral = model.law.lateral_of(layers, e_inc, t, noise)
    each = 2 + 2 * layers.new_empty(model.geometry.shape[1:]).numel()
    drawn = cells(layers, lateral, t, noise.uniform(*layers.shape, each))
    row, energy, level = (np.concatenate(x) for x in zip(*seen, strict=True))
    return drawn, SortedHits.sort(row, energy, level, tables.n_levels)


def _real_hits(showers: Showers, tables: DrawCorrections) -> list[np.ndarray]:
    voxels = showers.numpy()
    number = (voxels > 0).sum(axis=(2, 3))
    shower, layer, _, ring = where = np.nonzero(voxels)
    row = _rows(tables, layer, number[shower, layer], ring)
    return SortedHits.sort(row, voxels[where], voxels[where], tables.n_levels).rows


def _rows(
    tables: DrawCorrections, layer: np.ndarray, n_hits: np.ndarray, ring: np.ndarray
) -> np.ndarray:
    """Number the rows of the table of levels that hits belong to."""
    row = tables.row_of(torch.from_numpy(layer), torch.from_numpy(n_hits))
    return (row * tables.GROUPS + tables.group_of(torch.from_numpy(ring))).numpy()


def _correct(tables: DrawCorrections, wanted: Counts, drawn: Counts) -> None:
    """Move scores of rings, and weights of hits beside, by what their hits are off."""
    scale = (wanted.layers / drawn.layers.clamp(min=1))[..., None]
    rings = torch.log((wanted.rings + ASSUMED) / (drawn.rings * scale + ASSUMED))
    bonds = torch.log((wanted.pairs + ASSUMED) / (drawn.pairs * scale + ASSUMED))
    weight = wanted.rings / wanted.rings.sum(dim=-1, keepdim=True).clamp(min=1)
    rings = rings - (rings * weight).sum(dim=-1, keepdim=True)
    tables.rings += (STEP * rings).float()
    tables.bonds += (STEP_OF_BONDS * bonds).float()


def correct_levels(tables: DrawCorrections, real: list[np.ndarray], hits: SortedHits) -> None:
    """Weigh levels by how many real hits there are for each drawn one at their energies."""
    knots = tables.knots.numpy().astype(np.float64)
    flat = tables.levels.view(-1, len(knots))
    for row, (true, made, level) in enumerate(zip(real, hits.rows, hits.levels, strict=True)):
        if min(len(true), len(made)) < FEWEST:
            continue
        edges = np.unique(np.quantile(true, _EDGES))
        place = np.searchsorted(edges, made)
        counted = np.bincount(np.searchsorted(edges, true), minlength=len(edges) + 1)
        share = np.bincount(place, minlength=len(edges) + 1) * (len(true) / len(made))
        ratio = (counted + ASSUMED / 4) / (share + ASSUMED / 4)
        cell = np.clip(np.searchsorted(knots, level, side="right") - 1, 0, len(knots) - 2)
        sums, n = (np.bincount(cell, w, len(knots) - 1) for w in (ratio[place], None))
        weight = np.diff(flat[row].double().numpy())
        weight = weight * ((sums + ASSUMED) / (n + ASSUMED)) ** STEP
        shares = np.concatenate([[0.0], weight.cumsum() / weight.sum()])
        flat[row] = torch.from_numpy(shares).float()
