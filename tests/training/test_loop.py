"""The training loop: what a step moves, what the freeze holds, and that it learns."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from calo4pqvae.config import Config
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import CheckpointError, TrainingError
from calo4pqvae.models.build import build_model
from calo4pqvae.training.checkpoint import read_checkpoint
from calo4pqvae.training.loop import Step, Trainer
from calo4pqvae.training.validation import LOSS_TERMS

Configure = Callable[..., Config]
NewTrainer = Callable[..., Trainer]

FLOAT32 = ("training.precision=float32", "training.augment=false")


@pytest.fixture
def trainer(configure: Configure, showers: ShowerFile, tmp_path: Path) -> NewTrainer:
    """A function of settings: a trainer on 64 showers, with 16 to validate on."""

    def make(*settings: str, **more: object) -> Trainer:
        config = configure(*settings)
        size, seed = config.training.batch_size, config.training.seed
        training = ShowerBatches([showers], np.arange(64), size, seed)
        validation = ShowerBatches([showers], np.arange(64, 80), size, seed)
        model = build_model(config, showers.geometry)
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        options = {"folder": folder, "validation": validation, **more}
        return Trainer(model, config, training, **options)

    return make


def values(trainer: Trainer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def log_of(trainer: Trainer) -> list[dict]:
    return [
        json.loads(line) for line in (trainer.folder / "log.jsonl").read_text().splitlines()
    ]


def test_steps_move_every_coupling_and_every_free_bias(trainer: NewTrainer) -> None:
    """Moments of 16 showers and of 16 chains may agree by chance, so twelve steps are made."""
    train = trainer("prior.initial_scale=0.3", "training.sweeps=2", *FLOAT32)
    before = values(train)
    for epoch in range(3):
        for batch in train.batches.epoch(epoch):
            train.step(batch)
    n_clamped = train.model.prior.graph.sizes[0]
    moved = train.model.prior.bias != before["prior.bias"]
    assert (train.model.prior.coupling != before["prior.coupling"]).all()
    assert moved[:, n_clamped:].all()
    assert not moved[:, :n_clamped].any()


def test_a_step_moves_every_parameter_of_the_networks(trainer: NewTrainer) -> None:
    train = trainer(*FLOAT32)
    before = values(train)
    train.step(next(train.batches.epoch(0)))
    still = [
        name
        for name, parameter in train.model.named_parameters()
        if torch.equal(parameter, before[name])
    ]
    assert still == []


def test_the_prior_is_frozen_for_automatic_differentiation(trainer: NewTrainer) -> None:
    train = trainer("prior.initial_scale=0.3", "training.kl_weight=[1,1]", *FLOAT32)
    prior, steps = train.model.prior, []
    train.prior.optimiser.register_step_pre_hook(
        lambda *_: steps.append(prior.coupling.grad.clone())
    )
    assert not list(prior.parameters())
    train._step_networks(*_first_showers(train))
    assert not prior.coupling.requires_grad
    assert prior.coupling.grad is None
    assert prior.bias.grad is None
    assert steps == []


def test_the_encoder_feels_the_energy_of_the_prior(trainer: NewTrainer) -> None:
    """With another prior, the same batch gives the encoder another gradient."""
    gradients = []
    for scale in (0.0, 0.5):
        train = trainer(f"prior.initial_scale={scale}", "training.kl_weight=[1,1]", *FLOAT32)
        train._step_networks(*_first_showers(train))
        gradients.append([p.grad.clone() for p in train.model.encoder.parameters()])
    assert all(not torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def _first_showers(train: Trainer) -> tuple[Tensor, Tensor]:
    batch = next(train.batches.epoch(0))
    showers = torch.from_numpy(batch.showers).view(-1, *train.model.geometry.shape)
    return showers, torch.from_numpy(batch.e_inc)


@pytest.mark.parametrize("settings", [FLOAT32, ()], ids=["float32", "bfloat16 and augmented"])
def test_the_freeze_holds_the_networks_and_not_the_prior(
    trainer: NewTrainer, settings: tuple[str, ...]
) -> None:
    train = trainer("training.epochs=3", "training.freeze_epoch=1", *settings)
    seen = []
    step = train.step
    train.step = lambda batch: (seen.append(values(train)), step(batch))  # type: ignore[method-assign]
    assert train.run()
    seen.append(values(train))
    n, names = train.batches.n_batches, set(seen[0])
    prior = {"prior.bias", "prior.coupling"}
    for name in names - prior:
        assert torch.equal(seen[n][name], seen[-1][name]), name
    for name in prior:
        assert not torch.equal(seen[n][name], seen[-1][name]), name
    counted = [name for name in names if name.endswith("num_batches_tracked")]
    assert counted
    assert all(seen[-1][name] == n for name in counted)
    assert [line["frozen"] for line in log_of(train)] == [False, True, True]
    assert not train.model.training


def test_the_learning_rate_and_the_weights_follow_the_schedule(trainer: NewTrainer) -> None:
    rates = []
    train = trainer(
        "training.epochs=4",
        "training.freeze_epoch=3",
        "training.learning_rate=4e-3",
        "training.learning_rate_end=0",
        on_step=lambda _: rates.append(train.network.param_groups[0]["lr"]),
    )
    train.run()
    steps = [2e-3 * (1 + math.cos(math.pi * k / 12)) for k in range(12)]
    assert rates == pytest.approx(steps + [steps[-1]] * 4)


def test_the_log_has_the_mean_of_every_term(trainer: NewTrainer) -> None:
    steps: list[Step] = []
    train = trainer("training.freeze_epoch=1", on_step=steps.append)
    train.run()
    lines = log_of(train)
    assert [line["epoch"] for line in lines] == [0, 1]
    assert [step.batch for step in steps] == [1, 2, 3, 4] * 2
    for line, last in zip(lines, steps[3::4], strict=True):
        for term, value in last.terms.items():
            if line[term] is not None:
                assert line[term] == pytest.approx(value)
        assert set(line["validation"]) == set(LOSS_TERMS)
        assert all(math.isfinite(value) for value in line["validation"].values())
    assert all(value is not None for value in lines[0].values())
    frozen = {term for term, value in lines[1].items() if value is None}
    assert frozen == {"values", "hits", "negative_entropy"}
    assert lines[1]["positive_energy"] != 0.0
    assert set(steps[-1].terms) == {"positive_energy", "negative_energy"}
    assert set(steps[0].terms) == {*LOSS_TERMS, "negative_energy"}


def test_an_end_after_the_last_checkpoint_is_at_once(trainer: NewTrainer) -> None:
    """While the fits run, which have no checkpoint of their own, there is nothing to save."""
    train = trainer()
    train.run()
    with pytest.raises(KeyboardInterrupt):
        train.stop()


def test_validation_leaves_no_trace_in_training(trainer: NewTrainer) -> None:
    with_it = trainer()
    with_it.run()
    without = trainer(validation=None)
    without.run()
    for name, value in values(with_it).items():
        assert torch.equal(value, without.model.state_dict()[name]), name


def test_the_loss_falls_and_the_energies_meet(trainer: NewTrainer) -> None:
    """On 64 showers the voxel terms fall to a fifth; half is asked for.

    The energies of both phases fall together: at the end they differ by 3 % of their size,
    while 20 % is allowed.
    """
    train = trainer(
        "training.epochs=40",
        "training.freeze_epoch=30",
        "training.kl_epochs=[0,20]",
        "training.learning_rate=1e-2",
        "training.prior_learning_rate=0.05",
        "training.prior_momentum=0.5",
        "training.sharpness_epochs=40",
        "model.encoder_widths=[16,8,32]",
        "model.decoder_widths=[32,8,8,16]",
        *FLOAT32,
        validation=None,
    )
    train.run()
    lines = log_of(train)
    loss = [line["values"] + line["hits"] for line in lines[:30]]
    assert np.mean(loss[25:30]) < 0.5 * loss[0]
    positive, negative = (
        np.mean([line[term] for line in lines[-5:]])
        for term in ("positive_energy", "negative_energy")
    )
    assert positive < -3
    assert abs(positive - negative) < abs(positive) / 5


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(trainer: NewTrainer) -> None:
    train = trainer("training.checkpoint_minutes=0", *FLOAT32)
    train.on_step = stop_after(train, 1)
    train.run()
    before = train.checkpoint.read_bytes()
    with torch.no_grad():
        next(iter(train.model.decoder.parameters())).fill_(torch.nan)
    with pytest.raises(TrainingError, match=r"not finite in epoch 1.*smaller learning rate"):
        train.run()
    assert train.checkpoint.read_bytes() == before


def test_a_loss_that_is_not_finite_is_seen_by_the_end_of_the_epoch(
    trainer: NewTrainer,
) -> None:
    train = trainer("training.checkpoint_minutes=1000", *FLOAT32)

    @torch.no_grad()
    def spoil(step: Step) -> None:
        if step.batch == 2:
            next(iter(train.model.decoder.parameters())).fill_(torch.nan)

    train.on_step = spoil
    with pytest.raises(TrainingError, match="not finite in epoch 1"):
        train.run()
    assert read_checkpoint(train.checkpoint)["batch"] == 0


def test_stop_saves_after_the_batch(trainer: NewTrainer) -> None:
    train = trainer(on_step=lambda step: train.stop() if step.batch == 2 else None)
    assert not train.run()
    state = read_checkpoint(train.checkpoint)
    assert (state["epoch"], state["batch"]) == (0, 2)


def test_a_stop_between_two_looks_still_saves(
    trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal may arrive at any instruction; none may end the run without a checkpoint."""
    train = trainer()
    agree = train._agree

    def late(mine: bool) -> bool:
        answer = agree(mine)
        train.stop()
        return answer

    monkeypatch.setattr(train, "_agree", late)
    assert not train.run()
    assert read_checkpoint(train.checkpoint)["batch"] == train.batch


@pytest.mark.parametrize("stops", [[1], [4], [5], [2, 4, 6, 7], [8]])
def test_a_run_in_pieces_is_the_run_in_one(trainer: NewTrainer, stops: list[int]) -> None:
    remember = ("prior.initial_scale=0.3", "training.sweeps=1", "training.negative_phase=pcd")
    settings = ("training.freeze_epoch=1", "training.prior_momentum=0.9", *remember)
    whole = trainer(*settings)
    whole.run()
    log = [{**line, "seconds": 0} for line in log_of(whole)]
    (whole.folder / "log.jsonl").unlink()
    whole.checkpoint.unlink()
    for stop in stops:
        piece = trainer(*settings)
        if piece.checkpoint.exists():
            piece.resume()
        piece.on_step = stop_after(piece, stop)
        assert not piece.run()
    last = trainer(*settings)
    last.resume()
    assert last.run()
    for name, value in values(whole).items():
        assert torch.equal(value, last.model.state_dict()[name]), name
    assert [{**line, "seconds": 0} for line in log_of(last)] == log


def stop_after(trainer: Trainer, batches: int) -> Callable[[Step], None]:
    def look(step: Step) -> None:
        if 4 * step.epoch + step.batch == batches:
            trainer.stop()

    return look


def test_a_torn_line_of_the_log_is_written_again(trainer: NewTrainer) -> None:
    """A run that dies while it writes a line leaves half of it; the epoch is run again."""
    train = trainer()
    train.on_step = stop_after(train, 7)
    train.run()
    log = train.folder / "log.jsonl"
    whole = log.read_text()
    log.write_text(whole + whole[: len(whole) // 2])
    last = trainer()
    last.resume()
    last.run()
    assert [line["epoch"] for line in log_of(last)] == [0, 1]


@pytest.mark.parametrize(
    ("settings", "fingerprint", "says"),
    [
        (["training.sweeps=6"], "a", "other values of training.sweeps"),
        (
            ["data.energy_gev=[0.1,11]", "data.split_seed=9"],
            "a",
            "data.energy_gev, data.split_seed",
        ),
        ([], "b", "made with other showers"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    trainer: NewTrainer, settings: list[str], fingerprint: str, says: str
) -> None:
    train = trainer(fingerprint="a")
    train.save()
    before = values(train)
    other = trainer(*settings, fingerprint=fingerprint)
    with pytest.raises(CheckpointError, match=says):
        other.resume()
    assert other.epoch == other.batch == 0
    for name, value in before.items():
        assert torch.equal(other.model.state_dict()[name], value), name
