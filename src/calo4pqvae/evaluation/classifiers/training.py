"""Training a classifier between two sides, and keeping its best epoch."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from calo4pqvae.errors import ConfigError, TrainingError
from calo4pqvae.evaluation.classifiers.kinds import Kind
from calo4pqvae.evaluation.classifiers.networks import Dense, ResNet, sound_convolutions

__all__ = ["BLOCK", "Part", "Setup", "build", "outputs", "train"]

BLOCK = 1000


@dataclass(frozen=True)
class Setup:
    """How a classifier is built and trained.

    Arguments:
        hidden: hidden layers of the dense network.
        planes: channels of the four stages of the ResNet.
        blocks: residual blocks in each of them.
        learning_rate: of Adam.
        batch_size: showers in a batch, of both sides together.
        epochs: passes over the training showers, at most.
        patience: stop after so many epochs without a better one; None never stops.
        select: what the best epoch has on the test part: highest ``accuracy`` or lowest
            ``loss``.
        standardise: whether to scale the inputs, as measured on the training part: features
            and log10 E_inc to mean 0 and deviation 1, all voxels together to a root mean
            square of 1.
    """

    hidden: tuple[int, ...] = (2048, 2048, 2048)
    planes: tuple[int, int, int, int] = (32, 64, 64, 128)
    blocks: tuple[int, int, int, int] = (2, 2, 2, 2)
    learning_rate: float = 2e-4
    batch_size: int = 1000
    epochs: int = 50
    patience: int | None = None
    select: Literal["accuracy", "loss"] = "accuracy"
    standardise: bool = False


@dataclass(frozen=True)
class Part:
    """Some showers of both sides, gathered when a batch is asked for.

    Arguments:
        reference: all rows of the reference.
        generated: all rows of the model.
        rows_reference: which of them belong to this part.
        rows_generated: likewise.
    """

    reference: np.ndarray
    generated: np.ndarray
    rows_reference: np.ndarray
    rows_generated: np.ndarray

    def __len__(self) -> int:
        """Number of showers of both sides."""
        return len(self.rows_reference) + len(self.rows_generated)

    def take(self, picks: np.ndarray) -> tuple[Tensor, Tensor]:
        """Gather inputs and labels; the reference's showers are numbered first."""
        n = len(self.rows_reference)
        one = self.reference[self.rows_reference[picks[picks < n]]]
        other = self.generated[self.rows_generated[picks[picks >= n] - n]]
        labels = torch.cat([torch.zeros(len(one)), torch.ones(len(other))])
        return torch.from_numpy(np.concatenate([one, other], dtype=np.float32)), labels

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all showers in order, in blocks of bounded memory."""
        for start in range(0, len(self), BLOCK):
            yield self.take(np.arange(start, min(start + BLOCK, len(self))))


def build(
    kind: Kind, setup: Setup, part: Part, shape: tuple[int, int, int] | None
) -> nn.Module:
    """Make the network of a kind.

    Arguments:
        kind: see `Kind`.
        setup: sizes, and whether inputs are scaled.
        part: showers to train on.
        shape: (layers, alpha, r) of the ResNet's volume.

    Raises:
        ConfigError: a ResNet without a shape.
    """
    if kind != "resnet":
        network: nn.Module = Dense(part.reference.shape[1], setup.hidden)
    elif shape is None:
        raise ConfigError("a ResNet needs the shape (layers, alpha, r) of the showers")
    else:
        network = ResNet(shape, setup.planes, setup.blocks)
    return nn.Sequential(_Scale(kind, part), network) if setup.standardise else network


def train(
    network: nn.Module,
    part: Part,
    test: Part,
    setup: Setup,
    rng: np.random.Generator,
    step: Callable[[], None] = lambda: None,
) -> tuple[int, int]:
    """Train, and leave the network as it was after its best epoch.

    Arguments:
        network: what is trained.
        part: showers to train on.
        test: showers that choose the best epoch.
        setup: how it is trained.
        rng: of the batches.
        step: called after every epoch.

    Returns:
        The best epoch, and how many there were.

    Raises:
        TrainingError: the loss is not finite.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=setup.learning_rate)
    best, score, kept = 0, -np.inf, {}
    epoch = 0
    for epoch in range(1, setup.epochs + 1):
        with sound_convolutions(network):
            _pass(network, part, optimiser, setup.batch_size, rng)
        now = _quality(setup, *_logits(network, test))
        step()
        if now > score:
            best, score, kept = epoch, now, copy.deepcopy(network.state_dict())
        elif setup.patience is not None and epoch - best >= setup.patience:
            break
    network.load_state_dict(kept)
    return best, epoch


def outputs(
    network: nn.Module, part: Part
) -> tuple[Float[np.ndarray, " reference"], Float[np.ndarray, " generated"]]:
    """Give the uncalibrated probability of being generated, for showers of both sides."""
    one, other = _logits(network, part)
    return one.double().sigmoid().numpy(), other.double().sigmoid().numpy()


class _Scale(nn.Module):
    """Shift and divide columns as measured on a part; voxels share one scale and no shift."""

    mean: Tensor
    width: Tensor

    def __init__(self, kind: Kind, part: Part) -> None:
        super().__init__()
        total = torch.stack([rows.double().sum(dim=0) for rows, _ in part.blocks()]).sum(dim=0)
        mean = total / len(part)
        if kind != "high":
            mean[1:] = 0.0
        squares = [((rows.double() - mean) ** 2).sum(dim=0) for rows, _ in part.blocks()]
        square = torch.stack(squares).sum(dim=0) / len(part)
        if kind != "high":
            square[1:] = square[1:].mean()
        self.register_buffer("mean", mean.float())
        self.register_buffer("width", torch.where(square > 0, square, 1.0).sqrt().float())

    def forward(self, rows: Tensor) -> Tensor:
        return (rows - self.mean) / self.width


def _pass(
    network: nn.Module,
    part: Part,
    optimiser: torch.optim.Optimizer,
    batch_size: int,
    rng: np.random.Generator,
) -> None:
    """Show the network every training shower once, in batches of about one size."""
    network.train()
    device = next(network.parameters()).device
    order = rng.permutation(len(part))
    for picks in np.array_split(order, -(-len(order) // batch_size)):
        rows, labels = (tensor.to(device) for tensor in part.take(picks))
        loss = binary_cross_entropy_with_logits(network(rows), labels)
        if not torch.isfinite(loss):
            raise TrainingError(
                "the loss of the classifier is not finite; standardise its inputs or lower "
                "its learning rate"
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


@torch.no_grad()
def _logits(network: nn.Module, part: Part) -> tuple[Tensor, Tensor]:
    network.eval()
    device = next(network.parameters()).device
    with sound_convolutions(network):
        logits = torch.cat([network(rows.to(device)).cpu() for rows, _ in part.blocks()])
    return logits[: len(part.rows_reference)], logits[len(part.rows_reference) :]


def _quality(setup: Setup, reference: Tensor, generated: Tensor) -> float:
    """Rate the logits on the test part, higher being better."""
    if setup.select == "accuracy":
        return float((reference < 0).sum() + (generated >= 0).sum())
    return -float(softplus(reference).sum() + softplus(-generated).sum())
