"""Hits come in clusters: what independent hits leave open in the number of hits of a layer."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Showers

__all__ = ["Clusters", "LayerCounts"]

Layers = Float[Tensor, "batch layer"]


class LayerCounts(NamedTuple):
    """What a fit needs of each layer: its rate, and moments of independent hits.

    Attributes:
        rate: S, the sum of the voxels' rates.
        expected: expected number of hits.
        variance: its variance.
        slope: how the expected number grows with a common factor on the rates.
        hits: true number of hits.
    """

    rate: Layers
    expected: Layers
    variance: Layers
    slope: Layers
    hits: Layers

    @classmethod
    def of(cls, logit: Showers, hits: Bool[Tensor, "batch layer alpha r"]) -> "LayerCounts":
        """Sum over the voxels of each layer."""
        p, rate = torch.sigmoid(logit), softplus(logit)
        voxels = (rate, p, p * (1 - p), rate * (1 - p), hits.to(p.dtype))
        return cls(*(number.sum(dim=(2, 3)) for number in voxels))


class Clusters(nn.Module):
    r"""A random factor on the hit rates of each layer, measured after training.

    Given the bits, a decoder draws hits one by one. Real hits come in clusters: with the rate
    $S_l = \sum_i \ln(1 + e^{l_i})$ of a layer, the number of its hits varies by
    $1 + \theta$ times more, $\theta \approx 0.4$, and the layer is empty more often than
    $e^{-S_l}$. Here each rate is multiplied by
    $c_l = k(S_l)\, e^{\sigma_l g_l - \sigma_l^2 / 2}$ with normal $g_l$, which neighbouring
    layers share with correlation $\rho$, and $\sigma_l^2 = \ln(1 + \theta(S_l) / S_l)$. A hit
    has the probability $1 - e^{-c_l \ln(1 + e^{l_i})}$. The factor k, 1.00 to 1.02, keeps the
    mean number of hits.

    $\theta$ is measured in bins of S, $\rho$ over all pairs of neighbours. Before `fit` hits
    are independent.
    """

    BINS = 16
    FEWEST_HITS = 0.3
    """Layers of smaller rates are as good as always empty and say nothing about clusters."""

    edges: Tensor
    excess: Tensor
    lift: Tensor
    neighbour: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("edges", torch.zeros(self.BINS - 1))
        self.register_buffer("excess", torch.zeros(self.BINS))
        self.register_buffer("lift", torch.zeros(self.BINS))
        self.register_buffer("neighbour", torch.zeros(()))

    def draw(self, logit: Showers, noise: RandomSource) -> Bool[Tensor, "batch layer alpha r"]:
        """Draw hits."""
        rate = softplus(logit)
        factor = self._factor(rate.sum(dim=(2, 3)), noise)
        arrival = -torch.log(noise.uniform(*logit.shape))
        return arrival < factor[:, :, None, None] * rate

    def fit(self, seen: LayerCounts) -> None:
        """Measure clusters in showers that were encoded and decoded."""
        enough = seen.rate > self.FEWEST_HITS
        if int(enough.sum()) < 100 * self.BINS:
            return
        rates = seen.rate[enough].sort().values
        places = (torch.arange(1, self.BINS) * len(rates)) // self.BINS
        self.edges.copy_(rates[places])
        bins, excess = torch.bucketize(seen.rate, self.edges), seen.hits - seen.expected
        for b in range(self.BINS):
            mine = enough & (bins == b)
            spread = (excess[mine] ** 2 - seen.variance[mine]).sum()
            square = float((spread / (seen.slope[mine] ** 2).sum()).clamp(min=0))
            self.excess[b] = square * float(seen.rate[mine].mean())
            raised = float((seen.expected - seen.slope)[mine].sum() / seen.slope[mine].sum())
            self.lift[b] = square * raised
        pair = enough[:, :-1] & enough[:, 1:]
        size = (self.excess[bins] / seen.rate.clamp(min=1e-9)).sqrt() * seen.slope
        shared = [(x[:, :-1] * x[:, 1:])[pair].sum() for x in (excess, size)]
        self.neighbour.copy_((shared[0] / shared[1].clamp(min=1e-9)).clamp(0.0, 0.95))

    def _factor(self, rate: Layers, noise: RandomSource) -> Layers:
        """Draw the factors of all layers, one after the other in depth."""
        normal = torch.special.ndtri(noise.uniform(*rate.shape))
        share = self.neighbour
        chain = [normal[:, 0]]
        for layer in range(1, rate.shape[1]):
            fresh = (1 - share**2).sqrt() * normal[:, layer]
            chain.append(share * chain[-1] + fresh)
        bins = torch.bucketize(rate, self.edges)
        square = torch.log1p(self.excess[bins] / rate.clamp(min=self.FEWEST_HITS))
        scattered = torch.exp(square.sqrt() * torch.stack(chain, dim=1) - square / 2)
        return (1 + self.lift[bins]) * scattered
