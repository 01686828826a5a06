"""Fit of the corrections of draws: draw, count, correct, and draw again."""

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from calo4pqvae._core.rng import RandomSource, SharedNoise
from calo4pqvae._core.typing import Showers
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.models.autoregressive.sectors import shear_odd_rings
from calo4pqvae.models.cellwise.compiled import CompiledCells, DrawnLayer
from calo4pqvae.models.cellwise.correcting import (
    correct_energies,
    correct_last,
    correct_levels,
    correct_scores,
)
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.counting import (
    Counts,
    LayerHits,
    Remainders,
    SortedHits,
    look,
    sort_hits,
)
from calo4pqvae.models.cellwise.remainder import last_hits, left_for
from calo4pqvae.models.cellwise.roughness import fit_profiles

if TYPE_CHECKING:
    from calo4pqvae.models.cellwise.model import CellwiseQVAE

__all__ = ["fit_corrections"]

SHOWERS, ROUNDS, AVERAGED = 16384, 14, 6


@torch.no_grad()
def fit_corrections(model: "CellwiseQVAE", batches: ShowerBatches, seed: int) -> None:
    """Fit the tables of a trained model anew, all else of which is fitted.

    At most 16,384 showers are drawn in each of fourteen rounds, for the layer energies of as
    many training showers, and counted beside these; the tables of the last six rounds are
    averaged, since each follows the chance of its own draws.

    Arguments:
        model: model to fit, in place.
        batches: training showers.
        seed: seed of the draws.
    """
    home = model.prior.bias.device
    model.cpu().eval()
    model.corrections = DrawCorrections(model.decoder.shape)
    tables, noise = model.corrections, SharedNoise(seed)
    showers, e_inc = _read(model, batches)
    wanted = Counts.of(showers, tables)
    real, left = _real_hits(model, showers)
    fit_profiles(model, showers, e_inc, noise)
    kept = {name: 0 * table.double() for name, table in tables.state_dict().items()}
    for number in range(ROUNDS):
        drawn, hits, remainders = _draw(model, showers.sum(dim=(2, 3)), e_inc, noise)
        correct_scores(tables, wanted, Counts.of(drawn, tables))
        correct_levels(tables, real, hits)
        correct_last(tables, left, remainders)
        correct_energies(tables, real, hits, model.decoder.threshold)
        if number >= ROUNDS - AVERAGED:
            for name, table in tables.state_dict().items():
                kept[name] += table.double() / AVERAGED
    tables.load_state_dict(kept)
    model.to(home)


def _read(model: "CellwiseQVAE", batches: ShowerBatches) -> tuple[Showers, Tensor]:
    some = list(islice(batches.epoch(0), -(-SHOWERS // batches.batch_size)))
    showers = torch.cat([torch.from_numpy(batch.showers) for batch in some])
    e_inc = torch.cat([torch.from_numpy(batch.e_inc) for batch in some])
    return model.read_out(showers.view(-1, *model.geometry.shape)), e_inc


def _draw(
    model: "CellwiseQVAE", layers: Tensor, e_inc: Tensor, noise: RandomSource
) -> tuple[Showers, SortedHits, Remainders]:
    """Draw cells of given layer energies; note energies and levels of hits but the last."""
    tables, t, seen = model.corrections, model.scale(e_inc), list[LayerHits]()

    def watch(layer: DrawnLayer) -> None:
        number = np.full(len(layer.hits), layer.number)
        seen.append(look(tables, number, layer.voxels, layer.levels, layer.left))

    cells = CompiledCells(model.decoder, model.voxels.table, tables, watch)
    lateral = model.law.lateral_of(layers, e_inc, t, noise)
    each = 2 + 2 * layers.new_empty(model.geometry.shape[1:]).numel()
    drawn = cells(layers, lateral, t, noise.uniform(*layers.shape, each))
    return drawn, *sort_hits(tables, seen)


def _real_hits(model: "CellwiseQVAE", showers: Showers) -> tuple[SortedHits, Remainders]:
    """Note energies of hits but the last, as if they had been drawn."""
    tables, order, seen = model.corrections, model.decoder.order, list[LayerHits]()
    for number, layer in enumerate(shear_odd_rings(showers).unbind(dim=1)):
        voxels = order.lined_up(layer[layer.sum(dim=(1, 2)) > 0])
        left = left_for(voxels, last_hits(voxels > 0), voxels.sum(dim=(1, 2)))
        each = np.full(len(voxels), number)
        seen.append(look(tables, each, voxels.numpy(), voxels.numpy(), left.numpy()))
    return sort_hits(tables, seen)
