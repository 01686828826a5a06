"""Losses on showers that are not trained on."""

import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.training.processes import Processes

__all__ = ["LOSS_TERMS", "validate"]

LOSS_TERMS: tuple[str, ...] = ("values", "hits", "negative_entropy", "positive_energy")


@torch.no_grad()
def validate(
    model: ShowerModel,
    batches: ShowerBatches,
    noise: SharedNoise,
    sharpness: float,
    processes: Processes,
) -> dict[str, float]:
    """Average the loss terms over validation showers, the model in evaluation mode.

    Arguments:
        model: model to judge.
        batches: validation showers.
        noise: random numbers, started alike every time.
        sharpness: inverse temperature of the relaxations.
        processes: who shares the batches.
    """
    model.eval()
    sums = torch.zeros(len(LOSS_TERMS), dtype=torch.float64, device=processes.device)
    for batch in batches.epoch(0, 0, processes.rank, processes.world_size):
        showers = torch.from_numpy(batch.showers).view(-1, *model.geometry.shape)
        e_inc = torch.from_numpy(batch.e_inc).to(processes.device)
        losses = model(showers.to(processes.device), e_inc, noise, sharpness)
        sums += torch.stack([getattr(losses, name) for name in LOSS_TERMS]).double()
    means = processes.average(sums) / batches.n_batches
    return dict(zip(LOSS_TERMS, means.tolist(), strict=True))
