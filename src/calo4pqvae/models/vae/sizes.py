"""What networks of the paper's model are made to measure for."""

from typing import NamedTuple

from torch import nn

__all__ = ["Networks", "Sizes"]


class Sizes(NamedTuple):
    """Sizes of a shower, of the bits, and of what a voxel takes.

    Attributes:
        shape: (layers, alpha, r) of the cylinder.
        partitions: bits of each partition, the clamped one first.
        n_outputs: numbers wanted per voxel.
    """

    shape: tuple[int, int, int]
    partitions: tuple[int, ...]
    n_outputs: int

    @property
    def n_nodes(self) -> int:
        """Bits of all partitions, the decoder's input."""
        return sum(self.partitions)

    @property
    def levels(self) -> list[tuple[int, int]]:
        """Bits of all earlier partitions, and its own, of each level of the encoder."""
        parts = self.partitions
        return [(sum(parts[:level]), parts[level]) for level in range(1, len(parts))]


class Networks(NamedTuple):
    """Levels of the encoder, called as ``level(x, t, earlier)``, and the decoder."""

    levels: list[nn.Module]
    decoder: nn.Module
