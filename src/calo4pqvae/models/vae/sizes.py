"""What networks of the paper's model are made to measure for."""

from typing import NamedTuple

from torch import nn

from calo4pqvae.models.vae.global_bits import GlobalBits

__all__ = ["Networks", "Sizes"]


class Sizes(NamedTuple):
    """Sizes of a shower, of the bits, and of what a voxel takes.

    Attributes:
        shape: (layers, alpha, r) of the cylinder.
        partitions: bits of each partition, the clamped one first.
        n_outputs: numbers wanted per voxel.
        n_global: bits of the first latent partition that no network gives (`GlobalBits`).
    """

    shape: tuple[int, int, int]
    partitions: tuple[int, ...]
    n_outputs: int
    n_global: int = 0

    @property
    def n_nodes(self) -> int:
        """Bits of all partitions, the decoder's input."""
        return sum(self.partitions)

    @property
    def levels(self) -> list[tuple[int, int]]:
        """Bits known before, and those to be given, of each level of the encoder."""
        clamped, first, *others = self.partitions
        parts = (clamped + self.n_global, first - self.n_global, *others)
        return [(sum(parts[:level]), parts[level]) for level in range(1, len(parts))]


class Networks(NamedTuple):
    """Levels of the encoder, called as ``level(x, t, earlier)``, decoder, bits beside them."""

    levels: list[nn.Module]
    decoder: nn.Module
    global_bits: GlobalBits | None = None
