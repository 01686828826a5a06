"""Batch normalisation whose statistics cover all processes, on CPU and CUDA alike."""

from typing import cast

import torch
import torch.distributed as dist
import torch.distributed.nn
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["BatchNorm"]


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Normalise channel by channel over the joined batch of all processes.

    On one process it is torch's batch normalisation; on many it gives the same numbers as
    one process would with the whole batch. Shares must be equally large.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        if input.dim() < 2:
            raise ValueError(f"expected (batch, channel, ..), got {tuple(input.shape)}")

    def forward(self, input: Float[Tensor, "batch channel *rest"]) -> Tensor:  # noqa: A002
        """Normalise with joined batch statistics in training, running ones otherwise."""
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(input)
        axes = [axis for axis in range(input.dim()) if axis != 1]
        x = input.float()
        mean = _average(x.mean(dim=axes))
        centred = x - mean.view(_spread(input))
        variance = _average(centred.square().mean(dim=axes))
        self._update_running(mean, variance, x.numel() // x.shape[1] * dist.get_world_size())
        scale = self.weight / torch.sqrt(variance + self.eps)
        return (centred * scale.view(_spread(input)) + self.bias.view(_spread(input))).to(input)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor, count: int) -> None:
        momentum = cast(float, self.momentum)
        cast(Tensor, self.num_batches_tracked).add_(1)
        cast(Tensor, self.running_mean).lerp_(mean, momentum)
        cast(Tensor, self.running_var).lerp_(variance * count / (count - 1), momentum)


def _average(local: Tensor) -> Tensor:
    total = torch.distributed.nn.all_reduce(local)
    return cast(Tensor, total) / dist.get_world_size()


def _spread(x: Tensor) -> list[int]:
    return [1, -1] + [1] * (x.dim() - 2)
