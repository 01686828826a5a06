"""The networks of the CaloChallenge that tell generated showers from Geant4's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Dense", "ResNet", "sound_convolutions"]

_FEW_LAYERS = 12
"""Volumes with fewer layers are kept from oneDNN. The stem reaches over seven; with seven or
fewer, oneDNN 3.12 (torch 2.13, AVX-512) gives gradients of the stem that hold memory nobody has
written, now and then not finite, and it crashed with five."""

Rows = Float[Tensor, "batch columns"]
Logits = Float[Tensor, " batch"]
Volume = Float[Tensor, "batch channel layer alpha r"]
NewVolume = Float[Tensor, "batch new_channel new_layer new_alpha new_r"]


class Dense(nn.Module):
    """Hidden layers with leaky ReLU, then one logit.

    Arguments:
        columns: size of a row.
        hidden: sizes of the hidden layers.
    """

    def __init__(self, columns: int, hidden: Sequence[int]) -> None:
        super().__init__()
        sizes = [columns, *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.LeakyReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, rows: Rows) -> Logits:
        """Give the logit of being generated."""
        return self.layers(rows)[:, 0]


class ResNet(nn.Module):
    """A three-dimensional residual network of 18 layers, or fewer.

    A convolution of 7 voxels a side and stride 2, a maximum over 3 with stride 2, four stages
    of residual blocks that halve the volume from the second stage on, the average over the
    volume; to it the batch-normalised log10 of the incident energy is appended, and one
    linear layer gives the logit. The volume is padded with zeros.

    Arguments:
        shape: (layers, alpha, r) of a regular cylinder.
        planes: channels of the four stages.
        blocks: residual blocks in each stage.

    Source: K. He et al., arXiv 1512.03385.
    """

    def __init__(
        self, shape: tuple[int, int, int], planes: Sequence[int], blocks: Sequence[int]
    ) -> None:
        super().__init__()
        self.shape = shape
        self.stem = nn.Sequential(
            nn.Conv3d(1, planes[0], 7, stride=2, padding=3, bias=False),
            nn.BatchNorm3d(planes[0]),
            nn.ReLU(),
            nn.MaxPool3d(3, stride=2, padding=1),
        )
        stages: list[nn.Module] = []
        before = planes[0]
        for number, (after, count) in enumerate(zip(planes, blocks, strict=True)):
            for block in range(count):
                stages.append(_Block(before, after, 2 if number and not block else 1))
                before = after
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm1d(1)
        self.last = nn.Linear(before + 1, 1)

    def forward(self, rows: Rows) -> Logits:
        """Give the logit of rows (log10 E_inc, voxels)."""
        energy = self.norm(rows[:, :1])
        volume = rows[:, 1:].reshape(-1, 1, *self.shape)
        average = self.stages(self.stem(volume)).mean(dim=(2, 3, 4))
        return self.last(torch.cat([average, energy], dim=1))[:, 0]


@contextmanager
def sound_convolutions(network: nn.Module) -> Iterator[None]:
    """Keep a ResNet of few layers from kernels that read memory nobody has written.

    Forward and backward pass belong inside.
    """
    shapes = [part.shape for part in network.modules() if isinstance(part, ResNet)]
    backend: Any = torch.backends.mkldnn
    before = backend.enabled
    backend.enabled = before and all(shape[0] >= _FEW_LAYERS for shape in shapes)
    try:
        yield
    finally:
        backend.enabled = before


class _Block(nn.Module):
    """Two convolutions of 3 voxels a side beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv3d(before, after, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm3d(after),
            nn.ReLU(),
            nn.Conv3d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm3d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv3d(before, after, 1, stride=stride, bias=False), nn.BatchNorm3d(after)
            )

    def forward(self, x: Volume) -> NewVolume:
        return torch.relu(self.branch(x) + self.shortcut(x))
