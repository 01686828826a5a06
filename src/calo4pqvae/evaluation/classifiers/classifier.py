"""A classifier between Geant4 and generated showers: how well can they be told apart.

An area under the curve of 0.5 and a divergence of 0 mean not at all, 1 and 1 entirely. The
value is a lower bound: a better network may see more. `OFFICIAL` is what the CaloChallenge
does; `QUICK` takes seconds on two cores.

Source: CaloChallenge 2022, arXiv 2410.21611, section on classifiers.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.classifiers.kinds import Kind
from calo4pqvae.evaluation.classifiers.scores import Calibration, area_under_curve, divergence
from calo4pqvae.evaluation.classifiers.training import (
    BLOCK,
    Part,
    Setup,
    build,
    outputs,
    train,
)
from calo4pqvae.evaluation.result import Score

__all__ = [
    "OFFICIAL",
    "QUICK",
    "QUICK_RESNET",
    "Classification",
    "Setup",
    "classify",
    "expected_seconds",
]

Rows = Float[np.ndarray, "_showers _columns"]

MIN_SHOWERS = 100

OFFICIAL = Setup()
"""The CaloChallenge's own, for 100,000 showers of each side: hours on two cores."""

QUICK = Setup(
    hidden=(256, 256, 256),
    planes=(8, 16, 16, 32),
    blocks=(1, 1, 1, 1),
    learning_rate=3e-4,
    batch_size=200,
    epochs=30,
    patience=5,
    select="loss",
    standardise=True,
)
"""For a few thousand showers on two cores; not comparable with published values."""

QUICK_RESNET = replace(QUICK, learning_rate=1e-3)
"""The same for the ResNet, which is the only slow one: about 20 s for 2 x 3,000 showers."""


class Classification(NamedTuple):
    """What a classifier found.

    Arguments:
        auc: area under the ROC curve; its ``n`` counts the showers of each side in use.
        jsd: Jensen-Shannon divergence [bits].
        best_epochs: the epoch that was kept, of each run.
        epochs: number of epochs of each run.
    """

    auc: Score
    jsd: Score
    best_epochs: tuple[int, ...]
    epochs: tuple[int, ...]


def classify(
    reference: Rows,
    generated: Rows,
    kind: Kind = "high",
    setup: Setup = QUICK,
    *,
    shape: tuple[int, int, int] | None = None,
    seed: int = 42,
    runs: int = 1,
    device: torch.device | str = "cpu",
    step: Callable[[], None] = lambda: None,
) -> Classification:
    """Train a classifier and score it on showers that it has not seen.

    Both sides are cut to the same number of showers, and each is split at random: 60 % train,
    20 % test, by which the best epoch is chosen and the outputs are calibrated (isotonic
    regression), 20 % evaluate. The area under the curve and the divergence are those of the
    calibrated probabilities of the last part. The error of a single run is that of its
    showers alone; splits and training scatter by as much again, so that of several runs is
    the standard deviation over runs, where it is larger.

    Calibration on few showers is imperfect, which biases the divergence of equal distributions
    below zero, by some 0.05 for 1,000 showers.

    Arguments:
        reference: one row for each shower of Geant4: features for the kind ``high``, else
            log10(E_inc / MeV) and all voxels over E_inc.
        generated: the same of a model.
        kind: ``high`` and ``low`` for a dense network, ``resnet``.
        setup: sizes and training, such as `OFFICIAL` or `QUICK`.
        shape: (layers, alpha, r) of the showers, which the ResNet needs.
        seed: of splits, initial weights and batches; the same seed gives the same result on
            the same number of threads.
        runs: how often to repeat with the next seeds; scores are averaged. Published values
            are averages over 10.
        device: where the network is trained.
        step: called after every epoch.

    Raises:
        ConfigError: fewer than 100 showers on a side, other columns on each, NaN or infinity,
            or a ResNet without a fitting shape.
        TrainingError: the loss is not finite.
    """
    n = min(len(reference), len(generated))
    _check(reference, generated, n, shape if kind == "resnet" else None)
    found = [
        _run(reference, generated, n, kind, setup, shape, number, device, step)
        for number in range(seed, seed + runs)
    ]
    auc, jsd, best, epochs = zip(*found, strict=True)
    return Classification(_over_runs(auc, n), _over_runs(jsd, n), best, epochs)


def expected_seconds(
    kind: Kind, setup: Setup, n: int, columns: int, shape: tuple[int, int, int] | None
) -> float:
    """Time one batch of random showers, and say how long one training on n a side will take.

    Arguments:
        kind: see `classify`.
        setup: sizes and training.
        n: showers on each side.
        columns: columns of a row.
        shape: (layers, alpha, r) of the showers, which the ResNet needs.
    """
    n_train = 2 * (n * 6 // 10)
    batches = -(-n_train // setup.batch_size)
    size = max(2, min(setup.batch_size, n_train // max(batches, 1)))
    rng, half = np.random.default_rng(0), size // 2
    rows = rng.random((half, columns), dtype=np.float32)
    part, test = (Part(rows, rows, np.arange(k), np.arange(k)) for k in (half, half // 3 + 1))
    with torch.random.fork_rng(devices=[]):
        network = build(kind, setup, part, shape)
        train(network, part, test, replace(setup, epochs=1), rng)  # allocates, compiles
        start = time.perf_counter()
        train(network, part, test, replace(setup, epochs=1), rng)
    return setup.epochs * batches * (time.perf_counter() - start)


def _run(
    reference: Rows,
    generated: Rows,
    n: int,
    kind: Kind,
    setup: Setup,
    shape: tuple[int, int, int] | None,
    seed: int,
    device: torch.device | str,
    step: Callable[[], None],
) -> tuple[Score, Score, int, int]:
    """Split, train, calibrate and score once."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(side))[:n] for side in (reference, generated)]
    pieces = [np.split(order, [n * 6 // 10, n * 8 // 10]) for order in orders]
    fit, test, held = (Part(reference, generated, *rows) for rows in zip(*pieces, strict=True))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(kind, setup, fit, shape).to(device)
    best, epochs = train(network, fit, test, setup, rng, step)
    calibration = Calibration.fit(*outputs(network, test))
    found = [calibration(side) for side in outputs(network, held)]
    return area_under_curve(*found), divergence(*found), best, epochs


def _over_runs(scores: Sequence[Score], n: int) -> Score:
    values = np.array([score.value for score in scores])
    error = np.mean([score.error for score in scores])
    scatter = values.std(ddof=1) if len(values) > 1 else 0.0
    return Score(float(values.mean()), float(max(error, scatter)), n)


def _check(reference: Rows, generated: Rows, n: int, shape: tuple | None) -> None:
    if reference.shape[1] != generated.shape[1]:
        raise ConfigError(
            f"the generated showers have {generated.shape[1]} columns and the reference "
            f"showers {reference.shape[1]}; take the same of both"
        )
    if shape is not None and reference.shape[1] != 1 + np.prod(shape):
        raise ConfigError(
            f"a ResNet on {shape} voxels needs rows of {1 + np.prod(shape)} columns, not "
            f"{reference.shape[1]}; give it the low-level inputs"
        )
    if n < MIN_SHOWERS:
        raise ConfigError(
            f"{n} showers are too few to train and to test a classifier; give at least "
            f"{MIN_SHOWERS} on each side"
        )
    for side in (reference, generated):
        blocks = (side[i : i + BLOCK] for i in range(0, len(side), BLOCK))
        if not all(np.isfinite(block).all() for block in blocks):
            raise ConfigError(
                "an input of the classifier is NaN or infinite; repair the showers"
            )
