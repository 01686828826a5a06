"""The order in which a layer's sectors are drawn, and what each one finds beside it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Num
from torch import Tensor

from calo4pqvae.models.autoregressive.sectors import binary_subdivision

__all__ = ["SectorOrder", "Stage"]


@dataclass(frozen=True, eq=False)
class Stage:
    """Sectors that share their weights; they are drawn one after another.

    Attributes:
        first, end: places of its sectors in the order.
        beside: places of the known sectors near each of them.
    """

    first: int
    end: int
    beside: Int[Tensor, "sectors near"]

    @property
    def places(self) -> slice:
        """Its sectors, in an axis that is in the order of drawing."""
        return slice(self.first, self.end)


class SectorOrder:
    """Sectors in the order of drawing: each new one lies between two that are known.

    The stages are those of `binary_subdivision`: for sixteen sectors 2, 4, 8 and 12; 0 and 8
    first.

    Arguments:
        n_alpha: number of sectors.
    """

    def __init__(self, n_alpha: int) -> None:
        groups = binary_subdivision(n_alpha)
        numbers = torch.arange(n_alpha)
        self.sectors = torch.cat([numbers[group.sectors] for group in groups])
        self.place = torch.argsort(self.sectors)
        self.stages: list[Stage] = []
        first = 0
        for group in groups:
            near = torch.arange(group.count)[:, None] + torch.tensor(group.shifts).long()
            beside = near % max(1, group.n_known) * group.known
            self.stages.append(Stage(first, first + group.count, self.place[beside.long()]))
            first += group.count

    def known_beside(self) -> Bool[Tensor, "alpha sides"]:
        """Say whether the sector before, and the one after, belongs to an earlier stage."""
        stage = torch.cat(
            [torch.full((s.end - s.first,), k) for k, s in enumerate(self.stages)]
        )[self.place]
        return torch.stack([stage.roll(k) < stage for k in (1, -1)], dim=-1)

    def lined_up(self, x: Num[Tensor, "... alpha _"]) -> Num[Tensor, "... alpha _"]:
        """Put sectors into the order of drawing."""
        return x.index_select(-2, self.sectors.to(x.device))

    def back(self, x: Num[Tensor, "... alpha _"]) -> Num[Tensor, "... alpha _"]:
        """Put sectors back."""
        return x.index_select(-2, self.place.to(x.device))
