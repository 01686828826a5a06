"""Every step of a training on a few showers, before the first epoch: what fails, fails now."""

import copy
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.natural_gradient import REFRESH
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.config import Config
from calo4pqvae.data.batches import Batch, ShowerBatches
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError, PhysicsWarning
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.calibration import MOST_SHOWERS
from calo4pqvae.training.loop import Trainer
from calo4pqvae.training.processes import Processes

__all__ = ["Estimate", "rehearse", "some_rows"]

Rows = Int[np.ndarray, " rows"]
SomeRows = Int[np.ndarray, " some"]

MOST_ROWS, STRETCHES = 1024, 8
"""Showers of a rehearsal, and the evenly spaced stretches of the files that they come from."""

FEW = 64
"""Showers of the first fit, which is not timed: it may have to wait for the compiler."""

PATIENCE = 1.5
"""A step of a whole batch that would take longer [s] is not tried, but reckoned from a part."""

_GIB = 2**30


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


def rehearse(
    model: ShowerModel,
    config: Config,
    files: Sequence[ShowerFile],
    rows: Rows,
    processes: Processes,
) -> Estimate:
    """Try a step of training, all fits and a draw on a copy of the model, and time them.

    Arguments:
        model: untrained model, left alone.
        config: all choices.
        files: shower files.
        rows: rows to train on.
        processes: who will train; each rehearses for itself.

    Raises:
        Calo4pQVAEError: whatever would have stopped the training later.
    """
    alone = Processes(device=processes.device)
    model.scale.check(torch.from_numpy(_energies(files, rows)))
    _check_memory(model, len(rows))
    mine = some_rows(rows)
    share = max(2, config.training.batch_size // processes.world)
    settings = replace(config.training, fit_steps=min(2, config.training.fit_steps))
    short = replace(config, training=settings)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", PhysicsWarning)
        twin = copy.deepcopy(model)
        batches = ShowerBatches(files, mine, min(share, len(mine)), settings.seed)
        trainer = Trainer(twin, short, batches, folder=Path(), processes=alone)
        step = _time_step(trainer, next(batches.epoch(0)))
        twin.eval()
        if len(mine) > 2 * FEW:
            twin.fit(ShowerBatches(files, some_rows(rows, FEW), FEW, settings.seed), settings)
        fit = _time_fit(twin, batches, settings.fit_steps, len(rows), config)
        _draw(twin, files, mine, alone)
    return Estimate(
        config.training.epochs,
        len(rows) // config.training.batch_size,
        config.training.batch_size,
        model.geometry.shape,
        step,
        fit,
    )


def some_rows(rows: Rows, most: int = MOST_ROWS) -> SomeRows:
    """Choose rows in a few stretches, which are read fast, from the first to the last."""
    if len(rows) <= most:
        return rows
    length = most // STRETCHES
    starts = np.linspace(0, len(rows) - length, STRETCHES).astype(np.int64)
    return np.sort(rows)[np.unique(starts[:, None] + np.arange(length))]


def _energies(files: Sequence[ShowerFile], rows: Rows) -> np.ndarray:
    return np.concatenate([file.e_inc() for file in files])[rows]


def _check_memory(model: ShowerModel, n_showers: int) -> None:
    """Refuse a fit that no memory of this machine could hold."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return
    needed = model.bytes_to_fit(n_showers)
    if needed > there:
        raise ConfigError(
            f"fitting the prior to {n_showers} showers takes {needed / _GIB:.1f} GiB of "
            f"memory, and this machine has {there / _GIB:.1f} GiB; train on fewer showers or "
            "lower prior.nodes_per_partition or prior.bias_order"
        )


def _time_step(trainer: Trainer, batch: Batch) -> float:
    """Time a step with the networks; try one with frozen networks too."""
    few = Batch(batch.e_inc[:8], batch.showers[:8], batch.rows[:8])
    seconds = [_seconds(lambda: _step(trainer, few)) for _ in range(2)][1]
    whole = seconds * len(batch.rows) / len(few.rows)
    if whole < PATIENCE:
        whole = min(_seconds(lambda: _step(trainer, batch)) for _ in range(2))
    if trainer.settings.freeze_epoch < trainer.settings.epochs:
        trainer.epoch = trainer.settings.freeze_epoch
        _step(trainer, few)
    return whole


def _step(trainer: Trainer, batch: Batch) -> None:
    """Make a step with chains of its own: those that persist have the size of a batch."""
    trainer.negative.chains = None
    trainer.step(batch)


def _time_fit(
    model: ShowerModel, batches: ShowerBatches, steps: int, n_showers: int, config: Config
) -> float:
    """Time the stages of the fit, and scale each to all showers and all steps."""
    begun: list[tuple[str, float]] = []
    model.fit(
        batches,
        replace(config.training, fit_steps=steps),
        lambda stage: begun.append((stage, time.perf_counter())),
    )
    ends = [start for _, start in begun[1:]] + [time.perf_counter()]
    used = batches.n_batches * batches.batch_size
    growth = n_showers / used
    renewals = -(-config.training.fit_steps // REFRESH)
    factor = {
        "voxels": min(n_showers, MOST_SHOWERS) / used,
        "placement": 1.0,
        "renewals": growth * renewals,
        "steps": growth * (config.training.fit_steps - renewals) / max(1, steps - 1),
    }
    return sum(
        (end - start) * factor.get(stage, growth)
        for (stage, start), end in zip(begun, ends, strict=True)
    )


@torch.no_grad()
def _draw(
    model: ShowerModel, files: Sequence[ShowerFile], rows: Rows, processes: Processes
) -> None:
    """Draw showers at the lowest, a middle and the highest energy."""
    e_inc = np.sort(_energies(files, rows), axis=0)[[0, len(rows) // 2, -1]]
    energies = torch.from_numpy(e_inc).to(processes.device)
    noise = SharedNoise(0, processes.device)
    t, code = model.condition(energies)
    bits = sample_machine(
        model.prior, choose_sampler(model.prior.graph, noise), t, code, sweeps=2
    )
    model.decode(bits, energies, noise)


def _seconds(work) -> float:  # noqa: ANN001 - any call
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
