"""The number of hits in a layer, from a mixture of two logistic distributions."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from calo4pqvae.models.autoregressive.constants import LEAST_COUNT_WIDTH

__all__ = ["HitCounts"]

Numbers = Float[Tensor, "*batch"]
Outputs = Float[Tensor, "*batch 5"]

_FAR = 1e4


class HitCounts(nn.Module):
    r"""Distribution of the number n of hits in a non-empty layer, from 1 to that of voxels.

    $P(n) = \sum_k w_k\,[\sigma((g(n + \tfrac12) - m_k) / s_k) -
    \sigma((g(n - \tfrac12) - m_k) / s_k)]$ with $g(n) = 2 \sqrt n$, on which scale Poisson
    numbers have width one; both ends take what lies beyond them.

    Arguments:
        n_in: numbers that describe the layer.
        most: number of voxels of a layer.
    """

    def __init__(self, n_in: int, most: int) -> None:
        super().__init__()
        self.most = most
        self.outputs = nn.Linear(n_in, 5)

    def forward(self, layer_context: Float[Tensor, "... layer_context"]) -> Outputs:
        """Compute the parameters of the distribution."""
        return self.outputs(layer_context)

    def loss(self, outputs: Outputs, n_hits: Numbers) -> Numbers:
        """Compute the negative log-likelihood of numbers of hits [nats], 0 for none."""
        logit, mean, width = self._split(outputs.float())
        n = n_hits[..., None].clamp(min=1)
        low = torch.where(n <= 1, -_FAR, (_scale(n - 0.5) - mean) / width)
        high = torch.where(n >= self.most, _FAR, (_scale(n + 0.5) - mean) / width)
        inside = high + torch.log(-torch.expm1((low - high).clamp(max=-1e-6)))
        log_p = inside - softplus(low) - softplus(high)
        weights = torch.cat([logsigmoid(logit), logsigmoid(-logit)], dim=-1)
        nll = -torch.logsumexp(weights + log_p, dim=-1)
        return torch.where(n_hits > 0, nll, 0.0)

    def draw(self, outputs: Outputs, uniform: Float[Tensor, "*batch 2"]) -> Numbers:
        """Draw numbers of hits, at least one."""
        logit, mean, width = self._split(outputs)
        first = uniform[..., 0] < torch.sigmoid(logit[..., 0])
        m, s = (torch.where(first, x[..., 0], x[..., 1]) for x in (mean, width))
        place = (m + s * torch.logit(uniform[..., 1])).clamp(min=0)
        return torch.ceil(place**2 / 4 - 0.5).clamp(1, self.most)

    def _split(self, outputs: Outputs) -> tuple[Tensor, Tensor, Tensor]:
        logit, mean, width = outputs.split([1, 2, 2], dim=-1)
        return logit, 2 + 4 * mean, LEAST_COUNT_WIDTH + softplus(width)


def _scale(n: Tensor) -> Tensor:
    return 2 * n.sqrt()
