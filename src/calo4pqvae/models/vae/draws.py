"""After training: measure the distributions of draws on encoded and decoded showers."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.models.calibration import MOST_SHOWERS
from calo4pqvae.models.voxels import PointVoxels
from calo4pqvae.models.voxels.clusters import LayerCounts
from calo4pqvae.models.voxels.point import log_response

if TYPE_CHECKING:
    from calo4pqvae.models.vae.model import Calo4pQVAE

__all__ = ["fit_draws"]

Decoded = tuple[Tensor, Tensor, Tensor, Tensor | None]


@torch.no_grad()
def fit_draws(model: "Calo4pQVAE", batches: ShowerBatches, seed: int) -> None:
    """Fit clusters of hits, and with them the spread of the total; other voxels are left alone.

    At most 4096 showers are used. The table of residuals must have been fitted.

    Arguments:
        model: trained model.
        batches: training showers.
        seed: seed of the draws.
    """
    voxels = model.voxels
    if not isinstance(voxels, PointVoxels) or voxels.clusters is None or voxels.totals is None:
        return
    model.eval()
    counts = [LayerCounts.of(o[:, 0], x > 0) for x, _, o, _ in _decoded(model, batches, seed)]
    voxels.clusters.fit(LayerCounts(*(torch.cat(part) for part in zip(*counts, strict=True))))
    chosen = voxels.kind
    for number, kind in enumerate(("drawn", "point"), start=1):
        voxels.kind = kind
        _fit_totals(model, batches, (seed, seed + number))
    voxels.kind = chosen


def _fit_totals(model: "Calo4pQVAE", batches: ShowerBatches, seeds: tuple[int, int]) -> None:
    """Fit the spread of the total of the kind that is chosen; seeds of bits and of draws."""
    voxels = model.voxels
    noise, pairs = SharedNoise(seeds[1], model.prior.bias.device), []
    for showers, e_inc, outputs, told in _decoded(model, batches, seeds[0]):
        drawn = model.read_out(voxels.draw(outputs, e_inc, noise))
        responses = (log_response(drawn, e_inc), log_response(showers, e_inc))
        pairs.append([*responses, model.scale(e_inc), *([] if told is None else [told])])
    if isinstance(voxels, PointVoxels) and voxels.totals_in_use is not None:
        columns = zip(*pairs, strict=True)
        voxels.totals_in_use.fit(*(torch.cat(part) for part in columns))


def _decoded(model: "Calo4pQVAE", batches: ShowerBatches, seed: int) -> Iterator[Decoded]:
    """Encode and decode training showers; give showers, energies, outputs, what is told."""
    device = model.prior.bias.device
    noise = SharedNoise(seed, device)
    for batch in islice(batches.epoch(0), -(-MOST_SHOWERS // batches.batch_size)):
        showers = torch.from_numpy(batch.showers).view(-1, *model.geometry.shape)
        showers = model.read_out(showers.to(device))
        e_inc = torch.from_numpy(batch.e_inc).to(device)
        bits = model.encode(showers, e_inc, noise)
        outputs = model.decoder(bits.float(), model.scale(e_inc))
        yield showers, e_inc, outputs, model.told(bits)
