r"""Where a shower lies beside its axis: centres of blocks of depth, and its mean radius."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = [
    "DRAWN",
    "LEARNT",
    "N_AIMS",
    "N_SCALARS",
    "Aims",
    "Lateral",
    "Steering",
    "block_ends",
]

N_AIMS = 3
N_SCALARS = 7

_ENDS = (6, 10, 15, 45)
"""Ends of the blocks in layers of 45: before, at and behind the maximum, and the tail."""


class Steering(NamedTuple):
    """How strongly layers are held to the centres that their shower shall have.

    Attributes:
        fades: share of the energy, of a block and of the shower, at whose end the aims have
            half of their strength: what was missed by a little shall not move the last
            particles of a shower by much.
        reach: factor on the centres that are aimed at.
    """

    fades: tuple[float, float]
    reach: float = 1.0


LEARNT = Steering((0.05, 0.05))
"""With whole showers of Geant4, whose last layers always lie where the aims say."""

DRAWN = Steering((0.15, 0.06), 1.12)
"""A draw misses its aims by more than a shower of Geant4, and the last layer of a block would
make up for all of it: with `LEARNT` its mean radius was 20 % too large at 1 to 5 GeV. Aims that
fade earlier leave centres too close to the axis, hence the reach. Chosen on training showers
(docs/research/structure.md)."""

Sums = Float[Tensor, "batch layer 3"]


def block_ends(n_layers: int) -> tuple[int, ...]:
    """Give the ends of the blocks of depth, all different as far as there are layers."""
    ends = [max(1, round(end * n_layers / _ENDS[-1])) for end in _ENDS]
    return tuple(dict.fromkeys(ends))


@dataclass(frozen=True, eq=False)
class Lateral:
    """What a shower has in common over its depth.

    Attributes:
        centres: energy-weighted centre (eta, phi) of each block, in units of the radius.
        radius: energy-weighted mean radius, in the same unit.
    """

    centres: Float[Tensor, "batch blocks 2"]
    radius: Float[Tensor, "batch 1"]

    @classmethod
    def measure(cls, sums: Sums, layers: Float[Tensor, "batch layer"]) -> "Lateral":
        """Measure it from sums of E eta, E phi and E r of each layer."""
        ends = block_ends(layers.shape[1])
        starts = (0, *ends[:-1])
        parts = [
            _over(sums[:, a:b, :2].sum(dim=1), layers[:, a:b].sum(dim=1))
            for a, b in zip(starts, ends, strict=True)
        ]
        radius = _over(sums[:, :, 2:].sum(dim=1), layers.sum(dim=1))
        return cls(torch.stack(parts, dim=1), radius)


@dataclass(frozen=True, eq=False)
class Aims:
    """What is left to do for layers of given energies: computed before the first voxel.

    Attributes:
        whole: sums of E eta, E phi and E r that the shower shall have.
        of_block: sums of E eta and E phi that each layer's block shall have.
        radius: mean radius that the shower shall have.
        layers: layer energies [MeV].
        left: energy of this layer and those after it, in the block and in all [MeV].
        slow: the same, and a share of the energy of the block, and of all: what is left to do
            fades where hardly any energy is left to do it with.
        block: number of each layer's block.
    """

    whole: Float[Tensor, "batch 1 3"]
    of_block: Float[Tensor, "batch layer 2"]
    radius: Float[Tensor, "batch 1 1"]
    layers: Float[Tensor, "batch layer"]
    left: Float[Tensor, "batch layer 2"]
    slow: Float[Tensor, "batch layer 2"]
    block: Int[Tensor, " layer"]

    @classmethod
    def set(
        cls, lateral: Lateral, layers: Float[Tensor, "batch layer"], steering: Steering
    ) -> "Aims":
        """Set the aims of showers."""
        n, ends = layers.shape[1], block_ends(layers.shape[1])
        block = torch.bucketize(torch.arange(n), torch.tensor(ends), right=True)
        one_hot = (block[:, None] == torch.arange(len(ends))).to(layers)
        of_blocks, total = layers @ one_hot, layers.sum(dim=1, keepdim=True)
        sums = steering.reach * lateral.centres * of_blocks[..., None]
        whole = torch.cat([sums.sum(dim=1), lateral.radius * total], dim=1)
        rest = layers.flip(1).cumsum(dim=1).flip(1)
        beyond = torch.nn.functional.pad(rest, (0, 1))[:, list(ends)][:, block]
        left = torch.stack([rest - beyond, rest], dim=-1)
        of_each = torch.stack([of_blocks[:, block], total.expand(-1, n)], dim=-1)
        return cls(
            whole[:, None],
            sums[:, block],
            lateral.radius[:, None],
            layers,
            left,
            left + of_each * torch.tensor(steering.fades).to(of_each),
            block.to(layers.device),
        )

    def at(
        self, layers: slice, spent: Tensor, spent_in_block: Tensor
    ) -> tuple[Float[Tensor, "batch layer 3 2"], Float[Tensor, "batch layer scalars"]]:
        """Say what layers have to do: directions, and numbers without one.

        Arguments:
            layers: which ones.
            spent: sums of E, E eta, E phi and E r over all layers before.
            spent_in_block: sums of E eta and E phi over the layers of the block before.
        """
        energy, left, slow = self.layers[:, layers], self.left[:, layers], self.slow[:, layers]
        ahead = _over(self.of_block[:, layers] - spent_in_block, slow[..., 0])
        behind = _over(spent[..., 1:3], spent[..., 0])
        after = _over(self.whole[..., :2] - spent[..., 1:3], slow[..., 1])
        aims = torch.stack([_inside(x) for x in (ahead, behind, after)], dim=-2)
        lengths = aims.square().sum(dim=-1).add(1e-12).sqrt()
        excess = self.whole[..., 2:] - spent[..., 3:] - self.radius * left[..., 1:]
        away = _over(excess, slow[..., 1]).clamp(-1, 1)
        shares = [_over(energy[..., None], left[..., k]) for k in (0, 1)]
        return aims, torch.cat([*shares, lengths, away, self.radius.expand_as(away)], dim=-1)


def _over(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide; 0 where there is no energy."""
    some = denominator > 1e-3
    return (
        torch.where(some, 1 / torch.where(some, denominator, 1.0), 0.0)[..., None] * numerator
    )


def _inside(vector: Tensor) -> Tensor:
    """Shorten what is longer than the radius."""
    length = vector.square().sum(dim=-1, keepdim=True).add(1e-12).sqrt()
    return vector / length.clamp(min=1.0)
