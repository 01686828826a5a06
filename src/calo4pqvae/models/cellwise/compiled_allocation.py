"""The allocation by compiled code: one pass over a layer in place of many."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, from_numpy

from calo4pqvae.models.cellwise import allocation_loops
from calo4pqvae.models.cellwise.allocation import Allocation
from calo4pqvae.models.cellwise.order import SectorOrder

__all__ = ["CompiledAllocation", "allocation_of", "odds_of_scores"]

Layer = Float[Tensor, "*batch alpha r"]
Numbers = Float[Tensor, "*batch"]


def allocation_of(
    order: SectorOrder, past: Layer, n_hits: Numbers
) -> "Allocation | CompiledAllocation":
    """Take compiled code on a CPU, and torch elsewhere."""
    kind = CompiledAllocation if past.device.type == "cpu" else Allocation
    return kind(order, past, n_hits)


def odds_of_scores(scores: Layer) -> Layer:
    """Give e^score, as the compiled loops want it."""
    return scores.clamp(-allocation_loops.FARTHEST, allocation_loops.FARTHEST).exp_()


class CompiledAllocation:
    """What `Allocation.offsets` does, on a CPU; arguments are the same."""

    def __init__(self, order: SectorOrder, past: Layer, n_hits: Numbers) -> None:
        self.order, self.past = order, past
        n_left, places = n_hits.flatten().numpy(), past.shape[-2] * past.shape[-1]
        self.c = np.log((n_left + 0.1) / (places - n_left + 0.1))
        self.n_left = n_left.copy()

    def offsets(self, number: int, scores: Layer, is_hit: Layer) -> Layer:
        """Give c of each cell of a stage whose hits are known."""
        first = self.order.stages[number].first
        made = _Offsets.apply(scores, self.past, is_hit, first, self.c, self.n_left)
        assert isinstance(made, Tensor)
        return made


class _Offsets(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        scores: Tensor,
        past: Tensor,
        is_hit: Tensor,
        first: int,
        c: np.ndarray,
        n_left: np.ndarray,
    ) -> Tensor:
        flat = _flat(scores, past, is_hit)
        made = np.empty_like(flat[0])
        constants = np.empty(flat[0].shape[:2], dtype=np.float32)
        odds = (odds_of_scores(from_numpy(x)).numpy() for x in flat[:2])
        allocation_loops.find_offsets(*odds, first, c, n_left, flat[2], made, constants)
        ctx.given = flat[0], flat[1], first, constants
        ctx.shapes = scores.shape, past.shape
        return from_numpy(made).view(scores.shape)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        scores, past, first, constants = ctx.given
        of_scores, of_past = np.zeros_like(scores), np.zeros_like(past)
        steep = _flat(grad_outputs[0])[0]
        given = scores, past, first, constants
        allocation_loops.allocate_back(*given, steep, of_scores, of_past)
        made = (
            from_numpy(x).view(s) for x, s in zip((of_scores, of_past), ctx.shapes, strict=True)
        )
        return (*made, None, None, None, None)


def _flat(*tensors: Tensor) -> list[np.ndarray]:
    return [x.detach().flatten(end_dim=-3).contiguous().numpy() for x in tensors]
