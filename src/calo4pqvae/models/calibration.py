"""After training: learn what the voxel model's distribution misses."""

import warnings
from itertools import islice
from typing import TYPE_CHECKING

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.errors import PhysicsWarning

if TYPE_CHECKING:
    from calo4pqvae.models.base import ShowerModel

__all__ = ["MOST_SHOWERS", "calibrate_voxels"]

MOST_SHOWERS = 4096


@torch.no_grad()
def calibrate_voxels(model: "ShowerModel", batches: ShowerBatches, seed: int) -> None:
    """Fill the table of drawn voxels from encoded and decoded training showers.

    At most 4096 showers are used. Other voxel models are left alone.

    Arguments:
        model: trained model.
        batches: training showers.
        seed: seed of the encoder's draws.

    A cylinder with one sector has no hits that are drawn for themselves (the layer's energy
    fixes the last group of each layer), and nothing to calibrate.

    Warns:
        PhysicsWarning: the showers hold too few hits.
    """
    table = getattr(model.voxels, "table", None)
    if table is None:
        return
    model.eval()
    device = model.prior.bias.device
    noise = SharedNoise(seed, device)
    enough = -(-MOST_SHOWERS // batches.batch_size)
    parts = []
    for batch in islice(batches.epoch(0), enough):
        showers = torch.from_numpy(batch.showers).view(-1, *model.geometry.shape)
        showers = model.read_out(showers.to(device))
        e_inc = torch.from_numpy(batch.e_inc).to(device)
        parts.append(model.calibration(showers, e_inc, noise))
    key, value, ring = (torch.cat(part) for part in zip(*parts, strict=True))
    if not table.fit(key, value, ring) and model.geometry.shape[1] > 1:
        warnings.warn(
            f"{len(key)} hits are too few to correct the spectrum of the voxels (at least "
            f"{table.FEWEST}): they keep the decoder's own distribution",
            PhysicsWarning,
            stacklevel=2,
        )
