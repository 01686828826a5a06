"""What changes during training, as functions of the epoch (fractional within an epoch)."""

import math

from calo4pqvae.config import TrainingConfig

__all__ = [
    "is_frozen",
    "kl_weight",
    "learning_rate",
    "prior_learning_rate",
    "ramp",
    "sharpness",
]

Number = float | int


def ramp(epoch: Number, values: tuple[Number, Number], epochs: tuple[Number, Number]) -> float:
    """Go linearly from the first value to the last between two epochs, constant outside."""
    progress = (epoch - epochs[0]) / (epochs[1] - epochs[0])
    return values[0] + (values[1] - values[0]) * min(1.0, max(0.0, progress))


def sharpness(config: TrainingConfig, epoch: Number) -> float:
    """Give the inverse temperature of the relaxations, rising linearly (paper, section 3)."""
    return ramp(epoch, config.sharpness, (0, config.sharpness_epochs))


def kl_weight(config: TrainingConfig, epoch: Number) -> float:
    """Give the weight of the prior's regulariser."""
    return ramp(epoch, config.kl_weight, config.kl_epochs)


def learning_rate(config: TrainingConfig, epoch: Number) -> float:
    """Give the learning rate of encoder and decoder, along a cosine until the freeze."""
    ends = (config.learning_rate, config.learning_rate_end)
    return _cosine(epoch / min(config.epochs, config.freeze_epoch), ends)


def prior_learning_rate(config: TrainingConfig, epoch: float) -> float:
    """Give the step of the prior's gradient ascent, along a cosine to the last epoch."""
    ends = (config.prior_learning_rate, config.prior_learning_rate_end)
    return _cosine(epoch / config.epochs, ends)


def _cosine(progress: float, ends: tuple[float, float]) -> float:
    share = (1 + math.cos(math.pi * min(1.0, progress))) / 2
    return ends[1] + (ends[0] - ends[1]) * share


def is_frozen(config: TrainingConfig, epoch: int) -> bool:
    """Tell whether only the prior learns in this epoch."""
    return epoch >= config.freeze_epoch
