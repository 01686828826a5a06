"""How long a training will take, reckoned from a few of its steps."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from calo4pqvae.boltzmann.natural_gradient import REFRESH
from calo4pqvae.config import TrainingConfig
from calo4pqvae.data.batches import Batch, ShowerBatches
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.calibration import MOST_SHOWERS
from calo4pqvae.training.loop import Trainer

__all__ = ["Estimate", "TimedFit", "extrapolate", "time_fit", "time_step"]

PATIENCE = 1.5
"""A step of a whole batch that would take longer [s] is not tried, but reckoned from a part."""


@dataclass(frozen=True)
class Estimate:
    """How long a training will take on this machine.

    Attributes:
        epochs, batches, batch_size: of the training.
        mesh: layers, azimuth bins and rings.
        step: time of a batch [s].
        fit: time of what is fitted after the epochs [s].
    """

    epochs: int
    batches: int
    batch_size: int
    mesh: tuple[int, int, int]
    step: float
    fit: float

    @property
    def seconds(self) -> float:
        """Time of the whole training."""
        return self.epochs * self.batches * self.step + self.fit

    def __str__(self) -> str:
        mesh = " x ".join(str(n) for n in self.mesh)
        return (
            f"training will take about {_duration(self.seconds)} on this machine: "
            f"{self.epochs} epochs of {self.batches} batches of {self.batch_size} showers on "
            f"{mesh} voxels ({self.step:.2g} s a batch), then {_duration(self.fit)} of fits"
        )


@dataclass(frozen=True)
class TimedFit:
    """Times of the stages of a fit.

    Attributes:
        showers: how many it was made to.
        steps: natural-gradient steps that it made.
        stages: time of each stage [s].
    """

    showers: int
    steps: int
    stages: dict[str, float]


def time_step(trainer: Trainer, batch: Batch, size: int) -> float:
    """Time a step of training [s]; try one with frozen networks too.

    Arguments:
        trainer: trainer of a model that may be spoilt.
        batch: showers.
        size: showers of a real batch.
    """
    few = Batch(batch.e_inc[:8], batch.showers[:8], batch.rows[:8])
    seconds = [_seconds(lambda: _step(trainer, few)) for _ in range(2)][1] / len(few.rows)
    if seconds * len(batch.rows) < PATIENCE:
        both = [_seconds(lambda: _step(trainer, batch)) for _ in range(2)]
        seconds = min(both) / len(batch.rows)
    if trainer.settings.freeze_epoch < trainer.settings.epochs:
        trainer.epoch = trainer.settings.freeze_epoch
        _step(trainer, few)
    return seconds * size


def time_fit(model: ShowerModel, batches: ShowerBatches, settings: TrainingConfig) -> TimedFit:
    """Fit a model that may be spoilt, and time the stages."""
    begun: list[tuple[str, float]] = []
    model.fit(batches, settings, lambda stage: begun.append((stage, time.perf_counter())))
    ends = [start for _, start in begun[1:]] + [time.perf_counter()]
    stages: dict[str, float] = {}
    for (stage, start), end in zip(begun, ends, strict=True):
        stages[stage] = stages.get(stage, 0.0) + end - start
    return TimedFit(batches.n_batches * batches.batch_size, settings.fit_steps, stages)


def extrapolate(fits: Sequence[TimedFit], n_showers: int, settings: TrainingConfig) -> float:
    """Reckon the time of the whole fit [s] from those of a small one and a larger one.

    Each stage has a part that does not depend on the number of showers and one that grows
    with it. With a single fit, of all showers, only the number of steps is scaled.

    Arguments:
        fits: fits to few showers, the larger one last.
        n_showers: showers of the whole fit.
        settings: steps of the whole fit.
    """
    last = fits[-1]
    renewals = -(-settings.fit_steps // REFRESH)
    done = -(-last.steps // REFRESH)
    times = {
        "renewals": renewals / max(1, done),
        "steps": (settings.fit_steps - renewals) / max(1, last.steps - done),
    }
    total = 0.0
    for stage, seconds in last.stages.items():
        few = stage in ("voxels", "draws")
        wanted = min(n_showers, MOST_SHOWERS) if few else n_showers
        slope = 0.0
        if last.showers > fits[0].showers and stage != "placement":
            more = seconds - fits[0].stages[stage]
            slope = max(0.0, more / (last.showers - fits[0].showers))
        grown = seconds + slope * max(0, wanted - last.showers)
        total += grown * times.get(stage, 1.0)
    return total


def _step(trainer: Trainer, batch: Batch) -> None:
    """Make a step with chains of its own: those that persist have the size of a batch."""
    trainer.prior.negative.chains = None
    trainer.step(batch)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _duration(seconds: float) -> str:
    """A duration in the unit that reads best."""
    if seconds < 100:
        return f"{max(1, seconds):.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
