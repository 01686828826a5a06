"""Every step of a training on a few showers, before the first epoch: what fails, fails now."""

import copy
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.config import Config
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError, PhysicsWarning
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.training.estimate import Estimate, extrapolate, time_fit, time_step
from calo4pqvae.training.loop import Trainer
from calo4pqvae.training.processes import Processes

__all__ = ["rehearse", "some_rows"]

Rows = Int[np.ndarray, " rows"]
SomeRows = Int[np.ndarray, " some"]

MOST_ROWS, STRETCHES = 512, 8
"""Showers of a rehearsal, and the evenly spaced stretches of the files that they come from."""

FEWER, FEW = 128, 64
"""Showers of a smaller fit, which tells what grows with their number, and of a first one, which
is not timed because it may have to wait for the compiler."""

_GIB = 2**30


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
    share = max(2, config.training.batch_size // processes.world_size)
    settings = replace(config.training, fit_steps=min(2, config.training.fit_steps))
    short = replace(config, training=settings)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", PhysicsWarning)
        twin = copy.deepcopy(model)
        batches = ShowerBatches(files, mine, min(share, len(mine)), settings.seed)
        twin.prepare(batches)
        trainer = Trainer(twin, short, batches, folder=Path(), processes=alone)
        step = time_step(trainer, next(batches.epoch(0)), share)
        twin.eval()
        parts = [batches]
        if len(mine) > FEWER:
            few, fewer = (
                ShowerBatches(files, some_rows(mine, n), FEW, settings.seed)
                for n in (FEW, FEWER)
            )
            twin.fit(few, settings)
            parts = [fewer, batches]
        timed = [time_fit(twin, part, settings) for part in parts]
        fit = extrapolate(timed, len(rows), config.training)
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
