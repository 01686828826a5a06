"""The training loop: one class, plain torch, resumable at any batch."""

import json
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.config import Config
from calo4pqvae.data.batches import Batch, ShowerBatches
from calo4pqvae.data.symmetry import rotate_and_mirror
from calo4pqvae.errors import PhysicsWarning, TrainingError
from calo4pqvae.models.base import Losses, ShowerModel
from calo4pqvae.training import schedules
from calo4pqvae.training.arithmetic import arithmetic, name_arithmetic
from calo4pqvae.training.checkpoint import check_same, read_checkpoint, write_checkpoint
from calo4pqvae.training.log import RunLog
from calo4pqvae.training.prior_step import PriorStep
from calo4pqvae.training.processes import Processes
from calo4pqvae.training.validation import LOSS_TERMS, validate

__all__ = ["Step", "Trainer"]

TERMS: tuple[str, ...] = (*LOSS_TERMS, "negative_energy")
SUMS: tuple[str, ...] = (*TERMS, "damped")


@dataclass(frozen=True)
class Step:
    """Where training stands, for whoever shows it.

    Attributes:
        epoch, batch, n_batches: the place, counted from 0, 1 and 1.
        terms: means over the epoch so far, of the losses that this model has in this phase.
    """

    epoch: int
    batch: int
    n_batches: int
    terms: dict[str, float]


class Trainer:
    """Train a model on batches of showers.

    Each batch makes one step of encoder and decoder by automatic differentiation and one of
    the prior by its hand-written gradient, from one positive and one negative phase.

    Arguments:
        model: model to train, moved to this process's device.
        config: all choices.
        batches: training showers.
        validation: showers for the validation losses in the log, or None.
        folder: run folder; receives ``log.jsonl`` and ``checkpoints/last.pt``.
        processes: the processes that share each batch.
        fingerprint: identity of the data; a checkpoint of other data is refused.
        on_step: called after every batch on process 0.
    """

    def __init__(
        self,
        model: ShowerModel,
        config: Config,
        batches: ShowerBatches,
        *,
        folder: Path,
        validation: ShowerBatches | None = None,
        processes: Processes | None = None,
        fingerprint: str = "",
        on_step: Callable[[Step], None] | None = None,
    ) -> None:
        self.processes = processes or Processes()
        self.model = model.to(self.processes.device)
        self.config, self.settings = config, config.training
        self.batches, self.validation = batches, validation
        self.folder, self.fingerprint, self.on_step = folder, fingerprint, on_step
        self.log = RunLog(folder / "log.jsonl")
        self.noise, chain_noise = (self._noise(stream) for stream in (0, 1))
        self.chain_noise = chain_noise
        self.network = torch.optim.Adam(self.model.parameters(), lr=self.settings.learning_rate)
        self.prior = PriorStep(self.model, self.settings, chain_noise, self.processes)
        self.forward = self._parallel()
        self.epoch, self.batch = 0, 0
        self.sums = torch.zeros(len(SUMS), dtype=torch.float64, device=self.processes.device)
        self._stop, self._saved, self._done = False, time.monotonic(), False
        self._warned = False

    def run(self) -> bool:
        """Train to the last epoch.

        Returns:
            whether it got there; False after `stop`.

        Raises:
            TrainingError: a loss is no longer finite.
        """
        # Asked of all before any writes: whoever came late would find the first one's file.
        if self._agree(not self.checkpoint.exists()):
            self.save()
        while self.epoch < self.settings.epochs:
            started = time.monotonic()
            if not self._run_epoch():
                return False
            self._log(time.monotonic() - started)
            self.epoch, self.batch = self.epoch + 1, 0
            self.sums.zero_()
        self.save()
        self._done = True
        return True

    def stop(self) -> None:
        """Ask for a checkpoint and an end after the current batch.

        Raises:
            KeyboardInterrupt: the last checkpoint is written; nothing is lost by an end now.
        """
        if self._done:
            raise KeyboardInterrupt
        self._stop = True

    def step(self, batch: Batch) -> Losses | None:
        """Make one step on this process's share of a batch.

        Returns:
            the loss terms of encoder and decoder, None when they are frozen.
        """
        device = self.processes.device
        showers = (
            torch.from_numpy(batch.showers).view(-1, *self.model.geometry.shape).to(device)
        )
        e_inc = torch.from_numpy(batch.e_inc).to(device)
        if self.settings.augment:
            showers = rotate_and_mirror(showers, self.noise.uniform(len(showers), 2))
        losses = None
        if self.model.FITS_PRIOR:
            losses = self._step_networks(showers, e_inc)
            self._account(losses, losses.bits, e_inc, losses.hits.new_zeros(2))
            return losses
        if schedules.is_frozen(self.settings, self.epoch):
            bits = self.model.encode(showers, e_inc, self.noise)
        else:
            losses = self._step_networks(showers, e_inc)
            bits = losses.bits
        self._account(losses, bits, e_inc, self.prior(bits, e_inc, self._fractional_epoch()))
        return losses

    def save(self) -> None:
        """Write a checkpoint from which training continues bit for bit."""
        self._check_finite()
        chains = self.prior.negative.chains
        chains = None if chains is None else self.processes.gather(chains)
        if self.processes.rank == 0:
            state = {
                "config": json.dumps(self.config.to_dict()),
                "fingerprint": self.fingerprint,
                "arithmetic": self.arithmetic,
                "epoch": self.epoch,
                "batch": self.batch,
                "sums": self.sums,
                "model": self.model.state_dict(),
                "network": self.network.state_dict(),
                "prior": self.prior.state(),
                "noise": self.noise.state(),
                "chain_noise": self.chain_noise.state(),
                "chains": chains,
            }
            write_checkpoint(self.checkpoint, state)
        self.processes.wait()
        self._saved = time.monotonic()

    def resume(self) -> None:
        """Take up the last checkpoint.

        Raises:
            CheckpointError: it is missing, damaged, or belongs to another configuration or
                other data.
        """
        state = read_checkpoint(self.checkpoint)
        check_same(self.checkpoint, state, self.config, self.fingerprint)
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.sums[: len(state["sums"])] = state["sums"].to(self.sums)
        self.model.restore(state["model"])
        self.network.load_state_dict(state["network"])
        self.prior.restore(state["prior"])
        self.noise.restore(state["noise"])
        self.chain_noise.restore(state["chain_noise"])
        if state["chains"] is not None:
            mine = self.processes.share(len(state["chains"]))
            self.prior.negative.chains = state["chains"][mine].to(self.processes.device)
        if self.processes.rank == 0:
            self.log.forget(self.epoch)

    @property
    def arithmetic(self) -> str:
        """Name of what the networks compute in here."""
        return name_arithmetic(self.settings.precision, self.processes.device)

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint."""
        return self.folder / "checkpoints" / "last.pt"

    def _run_epoch(self) -> bool:
        frozen = schedules.is_frozen(self.settings, self.epoch)
        self.model.train(not frozen)
        share = (self.processes.rank, self.processes.world_size)
        for batch in self.batches.epoch(self.epoch, self.batch, *share):
            self.step(batch)
            self.batch += 1
            self._report()
            due = time.monotonic() - self._saved > 60 * self.settings.checkpoint_minutes
            stop = self._agree(self._stop)
            if stop or self._agree(due):
                self.save()
            if stop:
                return False
        return True

    def _step_networks(self, showers: Showers, e_inc: IncidentEnergy) -> Losses:
        epoch = self._fractional_epoch()
        for group in self.network.param_groups:
            group["lr"] = schedules.learning_rate(self.settings, epoch)
        sharpness = schedules.sharpness(self.settings, epoch)
        with self._precision():
            losses = cast(Losses, self.forward(showers, e_inc, self.noise, sharpness))
        self.network.zero_grad()
        kl_weight = schedules.kl_weight(self.settings, epoch)
        loss = losses.total(kl_weight)
        if self.settings.match_weight and losses.nodes is not None:
            weight = kl_weight * self.settings.match_weight
            loss = loss + weight * self.prior.negative.mismatch(
                losses.nodes, losses.bits, e_inc
            )
        loss.backward()
        if self.settings.clip_gradient:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_gradient)
        self.network.step()
        return losses

    @torch.no_grad()
    def _account(
        self, losses: Losses | None, bits: Bits, e_inc: IncidentEnergy, of_prior: Tensor
    ) -> None:
        if losses is None:
            energy = self.model.prior.energy(bits, self.model.scale(e_inc)).mean()
            zero = torch.zeros_like(energy)
            terms = [zero, zero, zero, energy, *of_prior]
        else:
            terms = [*(getattr(losses, name).detach() for name in LOSS_TERMS), *of_prior]
        self.sums += self.processes.average(torch.stack(terms).double())

    def _log(self, seconds: float) -> None:
        self._check_finite()
        means = dict(zip(SUMS, (self.sums / self.batches.n_batches).tolist(), strict=True))
        self._tell_of_damping(means["damped"])
        frozen = schedules.is_frozen(self.settings, self.epoch)
        unseen = dict.fromkeys(set(TERMS) - set(self._terms()))
        record: dict[str, Any] = {"epoch": self.epoch, "frozen": frozen, **means, **unseen}
        record["validation"] = None
        if (
            self.validation is not None
            and self.validation.batch_size % self.processes.world_size == 0
        ):
            sharpness = schedules.sharpness(self.settings, self._fractional_epoch())
            with self._precision():
                record["validation"] = validate(
                    self.model, self.validation, self._noise(2), sharpness, self.processes
                )
        record["seconds"] = round(seconds, 3)
        if self.processes.rank == 0:
            self.log.append(record)

    def _tell_of_damping(self, share: float) -> None:
        if share and not self._warned and self.processes.rank == 0:
            self._warned = True
            warnings.warn(
                f"the prior's chains ran away from the data in {share:.1%} of the batches of "
                f"epoch {self.epoch + 1}; its steps were shortened (column 'damped' of "
                "log.jsonl); if that goes on, halve training.prior_learning_rate",
                PhysicsWarning,
                stacklevel=2,
            )

    def _check_finite(self) -> None:
        values = [
            self.sums,
            *(v for v in self.model.state_dict().values() if v.is_floating_point()),
        ]
        if not all(bool(torch.isfinite(value).all()) for value in values):
            raise TrainingError(
                f"losses or weights are not finite in epoch {self.epoch + 1}; the last "
                "checkpoint is kept: train anew with a smaller learning rate"
            )

    def _report(self) -> None:
        if self.on_step is not None and self.processes.rank == 0:
            means = dict(zip(SUMS, (self.sums / self.batch).tolist(), strict=True))
            terms = {name: means[name] for name in self._terms()}
            self.on_step(Step(self.epoch, self.batch, self.batches.n_batches, terms))

    def _terms(self) -> tuple[str, ...]:
        """Name the terms that mean something for this model in this epoch."""
        if self.model.FITS_PRIOR:
            return TERMS[:2]
        return TERMS[3:] if schedules.is_frozen(self.settings, self.epoch) else TERMS

    def _fractional_epoch(self) -> float:
        return self.epoch + self.batch / self.batches.n_batches

    def _precision(self) -> AbstractContextManager[object]:
        return arithmetic(self.settings.precision, self.processes.device)

    def _noise(self, stream: int) -> SharedNoise:
        seed = self.settings.seed * 1000 + stream
        return SharedNoise(
            seed, self.processes.device, self.processes.rank, self.processes.world_size
        )

    def _parallel(self) -> nn.Module:
        if self.processes.world_size == 1:
            return self.model
        return DistributedDataParallel(self.model, broadcast_buffers=False)

    def _agree(self, mine: bool) -> bool:
        """Whether any process says yes; all processes must do the same next."""
        if self.processes.world_size == 1:
            return mine
        votes = torch.tensor(float(mine), device=self.processes.device)
        return bool(self.processes.average(votes) > 0)
