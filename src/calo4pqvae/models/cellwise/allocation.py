"""Which cells are hit when it is known how many are left: one after another, none forgotten.

Each cell has a score, a logit up to a constant c that all remaining cells share. Before each
sector c is moved by a Newton step towards the value at which the remaining cells are expected
to have the hits that are left; inside a sector it follows as if all cells were alike. Cells of
later stages, whose neighbours are not known yet, count with what their past says of them. In
the last two sectors nothing is left to others: there the probability of a hit is the exact one
of independent cells whose number of hits is known. As if alike, the innermost cell of the last
sector, which Geant4 hits in 99.8 % of large layers, was hit in 82 %.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.models.cellwise.order import SectorOrder

__all__ = [
    "COUNTED",
    "FIRST_STEPS",
    "LARGEST_SHIFT",
    "LARGEST_STEP",
    "LEAST_EXPECTED",
    "LEAST_VARIANCE",
    "Allocation",
    "odds_of",
    "undecided",
]

COUNTED = 2
"""Last sectors whose cells are counted."""

FIRST_STEPS = 3
LARGEST_STEP, LARGEST_SHIFT = 2.0, 3.0
_LEAST_TAIL = 1e-30
LEAST_VARIANCE, LEAST_EXPECTED = 0.02, 0.01

Layer = Float[Tensor, "*batch alpha r"]
Numbers = Float[Tensor, "*batch"]


class Allocation:
    """Cells of layers on their way to being decided; tensors are in the order of drawing.

    Arguments:
        order: of the sectors.
        past: scores of all cells from their past alone.
        n_hits: hits of each layer.
        far: added, in draws, to the score of a cell for each hit of an earlier sector of the
            stage in its ring, by group of rings and distance in sectors.
    """

    def __init__(
        self,
        order: SectorOrder,
        past: Layer,
        n_hits: Numbers,
        far: Float[Tensor, "*batch groups lags"] | None = None,
    ) -> None:
        self.order, self.past, self.n_left, self.far = order, past, n_hits, far
        self.places = past.shape[-2] * past.shape[-1]
        self.c = odds_of(n_hits, self.places)

    def offsets(self, number: int, scores: Layer, is_hit: Layer) -> Layer:
        """Give c of each cell of a stage whose hits are known."""
        made = torch.zeros_like(scores)
        for k, r, c in self._cells(number, scores):
            made[..., k, r] = c
            self._settle(is_hit[..., k, r])
        return made

    def draw(self, number: int, scores: Layer, logit: Layer) -> Layer:
        """Decide the cells of a stage, from logits of uniform numbers."""
        hits, scores = torch.zeros_like(scores), scores.clone()
        for k, r, c in self._cells(number, scores):
            wanted = scores[..., k, r] + c + logit[..., k, r] > 0
            hit = ((wanted & (self.n_left > 0)) | (self.n_left >= self.places)).to(scores)
            hits[..., k, r] = hit
            self._settle(hit)
            self._tell(number, scores, (k, r), hit)
        return hits

    def _tell(self, number: int, scores: Layer, cell: tuple[int, int], hit: Numbers) -> None:
        """Tell later sectors of the stage of a cell that is decided."""
        (k, r), stage, n_alpha = cell, self.order.stages[number], len(self.order.sectors)
        if self.far is None:
            return
        group = min(r, self.far.shape[-2] - 1)
        mine = self.order.sectors[stage.places]
        for later in range(k + 1, len(mine)):
            apart = int((mine[later] - mine[k]).abs())
            lag = min(apart, n_alpha - apart)
            scores[..., later, r] += hit * self.far[..., group, lag - 1]

    def _settle(self, hit: Numbers) -> None:
        self.n_left, self.places = self.n_left - hit, self.places - 1

    def _cells(self, number: int, scores: Layer) -> Iterator[tuple[int, int, Numbers]]:
        """Go through the cells of a stage: sector, ring, and c."""
        stage, n_r = self.order.stages[number], scores.shape[-1]
        later = self.past[..., stage.end :, :]
        for k in range(stage.end - stage.first):
            cells = torch.cat([scores[..., k:, :], later], dim=-2)
            rest = cells.flatten(start_dim=-2)
            for _ in range(FIRST_STEPS if k == 0 else 1):
                p = torch.sigmoid(rest + self.c[..., None])
                spread = (p * (1 - p)).sum(dim=-1).clamp(min=LEAST_VARIANCE)
                step = (self.n_left - p.sum(dim=-1)) / spread
                self.c = self.c + step.clamp(-LARGEST_STEP, LARGEST_STEP)
            p = torch.sigmoid(scores[..., k, :] + self.c[..., None])
            expected = self.n_left
            counted = len(self.order.sectors) - stage.first - k <= COUNTED
            tails = self._tails(cells) if counted else []
            for r in reversed(range(n_r)):
                if counted:
                    yield k, r, self.c.detach() + self._counted(tails[n_r - r])
                else:
                    yield k, r, self.c + self._shift(expected)
                expected = expected - p[..., r]

    @torch.no_grad()
    def _tails(self, cells: Layer) -> list[Tensor]:
        """Find how probable each number of hits is in the last cells, after each one."""
        flat = torch.sigmoid(cells + self.c[..., None, None]).flip(-1).flatten(start_dim=-2)
        p = flat.double()
        tails = [torch.cat([torch.ones_like(p[..., :1]), torch.zeros_like(p)], dim=-1)]
        for j in range(p.shape[-1] - 1, -1, -1):
            one, after = p[..., j, None], tails[0]
            before = torch.nn.functional.pad(after, (1, 0))[..., :-1]
            tails.insert(0, one * before + (1 - one) * after)
        return tails

    def _counted(self, tail: Tensor) -> Numbers:
        """Say what the number of hits that are left adds to the score of a cell."""
        some = self.n_left.detach().long().clamp(min=0)[..., None]
        with_hit = tail.gather(-1, (some - 1).clamp(min=0)) * (some > 0)
        ratio = with_hit.clamp(min=_LEAST_TAIL) / tail.gather(-1, some).clamp(min=_LEAST_TAIL)
        return ratio.log()[..., 0].to(self.c)

    def _shift(self, expected: Numbers) -> Numbers:
        """Say how far c moves between expected and actual hits, were all cells alike."""
        least = LEAST_EXPECTED
        few = self.n_left.clamp(min=least) / expected.clamp(min=least)
        many = (self.places - expected).clamp(min=least)
        many = many / (self.places - self.n_left).clamp(min=least)
        return torch.log(few * many).clamp(-LARGEST_SHIFT, LARGEST_SHIFT)


def odds_of(n_left: Numbers, places: int) -> Numbers:
    """Give the logarithm of the odds that a cell is hit when all are alike."""
    return torch.log((n_left + 0.1) / (places - n_left + 0.1))


def undecided(is_hit: Layer) -> Bool[Tensor, "*batch alpha r"]:
    """Say which cells had a choice: neither no hit left, nor as many as cells."""
    flat = is_hit.flip(-1).flatten(start_dim=-2)
    left = flat.flip(-1).cumsum(-1).flip(-1)
    cells = torch.arange(flat.shape[-1], 0, -1, device=is_hit.device)
    return ((left > 0) & (left < cells)).unflatten(-1, is_hit.shape[-2:]).flip(-1)
