"""A decoder that goes through the layers in the order in which a shower crosses them."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.constants import (
    COUNT_SCALE,
    DECAY,
    ROOT_SCALE,
    Y_SCALE,
)
from calo4pqvae.models.autoregressive.counts import HitCounts
from calo4pqvae.models.autoregressive.sectors import LayerEmbedding, SectorNetwork
from calo4pqvae.models.vae.depth import energy_features

__all__ = ["N_COUNTS", "CausalDecoder", "DecodingState", "LayerMemory"]

_USUAL_Y = 5.0
_N_LAYER_FEATURES = 3
N_COUNTS = 3
"""Numbers that tell a layer's number of hits."""

LayerEnergies = Float[Tensor, "batch layer"]
LayerContext = Float[Tensor, "... layer_context"]


@dataclass(eq=False)
class DecodingState:
    """What decoding carries from one layer to the next.

    Attributes:
        context: what is known beforehand of every layer.
        state: memory of the layers already drawn.
        before: features of the layer drawn last.
        averages: moving averages over all layers already drawn, one for each rate.
    """

    context: Float[Tensor, "batch layer channels"]
    state: Float[Tensor, "1 batch memory"]
    before: Float[Tensor, "batch features"]
    averages: list[Float[Tensor, "batch features"]]


class LayerMemory(nn.Module):
    r"""What is known of a layer before its first voxel, from earlier layers and all energies.

    Energies of all layers enter through convolutions along the depth. Rings of earlier layers
    are remembered by a recurrent network, single voxels by moving averages
    $m_l = \lambda m_{l-1} + (1 - \lambda) f_{l-1}$ of their features f, which keep the
    azimuth: each sector sees its own past, that of the sectors beside it, and the centre of the
    shower as seen from there. In training all layers are computed at once.

    Layers are meant as `shear_odd_rings` leaves them.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        threshold: readout threshold [MeV].
        known: channels of the layer energies.
        memory: units of the recurrent network.
    """

    moments: Float[Tensor, "voxels 4"]
    directions: Float[Tensor, "alpha 2 2"]

    def __init__(
        self, shape: tuple[int, int, int], threshold: float, known: int, memory: int
    ) -> None:
        super().__init__()
        _, n_alpha, n_r = shape
        self.shape, self.threshold = shape, threshold
        self.known = nn.ModuleList(
            [
                nn.Conv1d(_N_LAYER_FEATURES + 4, known, 9, padding=4),
                nn.Conv1d(known, known, 9, padding=4),
            ]
        )
        self.rings = nn.Linear(2 * n_r, known // 2)
        self.memory = nn.GRU(known + known // 2, memory, batch_first=True)
        self.register_buffer("moments", _moments(n_alpha, n_r), persistent=False)
        self.register_buffer("directions", _directions(n_alpha), persistent=False)

    @property
    def n_history(self) -> int:
        """Numbers known of each sector from earlier layers."""
        return 2 * self.shape[2] * (3 + len(DECAY)) + 2 * (1 + len(DECAY))

    @property
    def n_layer_context(self) -> int:
        """Numbers known of a layer, without its number of hits."""
        return self.memory.hidden_size + self.known[-1].get_parameter("bias").numel()

    def init_state(self, layers: LayerEnergies, t: Float[Tensor, "batch 1"]) -> DecodingState:
        """Begin a drawing before the first layer."""
        nothing = layers.new_zeros(len(layers), self._n_features)
        return DecodingState(
            self.context(layers, t),
            layers.new_zeros(1, len(layers), self.memory.hidden_size),
            nothing,
            [nothing for _ in DECAY],
        )

    def step(
        self, decoding: DecodingState, layer: int
    ) -> tuple[LayerContext, Float[Tensor, "batch alpha history"]]:
        """Compute what is known of one layer, and of its past."""
        rings = self._ring_sums(decoding.before)
        layer_context, decoding.state = self.step_memory(
            rings, decoding.context[:, layer], decoding.state
        )
        return layer_context, self._history(decoding.before, decoding.averages)

    def step_memory(
        self, rings: Tensor, context: Tensor, state: Tensor
    ) -> tuple[LayerContext, Tensor]:
        """Give what is known of a layer, and the memory after it, from the layer before."""
        seen = torch.cat([silu(self.rings(rings)), context], dim=1)
        memory, state = self.memory(seen[:, None], state)
        return torch.cat([memory[:, 0], context], dim=1), state

    def with_counts(
        self, layer_context: LayerContext, n_hits: Tensor
    ) -> Float[Tensor, "... described"]:
        """Add the numbers of hits to what is known of layers."""
        share = n_hits / (self.shape[1] * self.shape[2])
        counts = torch.stack(
            [torch.log1p(n_hits) / COUNT_SCALE, n_hits.sqrt() / ROOT_SCALE, share], dim=-1
        )
        return torch.cat([layer_context, counts], dim=-1)

    def update(self, decoding: DecodingState, layer: Float[Tensor, "batch alpha r"]) -> None:
        """Take note of the voxel energies [MeV] that a layer received."""
        features = self._features(layer)
        decoding.before = features
        decoding.averages = [
            rate * averages + (1 - rate) * features
            for rate, averages in zip(DECAY, decoding.averages, strict=True)
        ]

    def scaled(self, voxels: Tensor) -> Tensor:
        """Logarithmic energies, scaled; 0 without a hit."""
        hits = voxels > 0
        return torch.log(torch.where(hits, voxels / self.threshold, 1.0)) / Y_SCALE

    @property
    def _n_features(self) -> int:
        return 2 * self.shape[1] * self.shape[2] + 4 + 2 * self.shape[2]

    def _features(self, voxels: Tensor) -> Tensor:
        """Features of layers: of each sector, moments around the axis, sums of rings."""
        hits = (voxels > 0).to(voxels.dtype)
        sectors = torch.cat([self.scaled(voxels), hits], dim=-1).flatten(start_dim=-2)
        total = voxels.sum(dim=(-2, -1))[..., None].clamp(min=self.threshold)
        moments = voxels.flatten(start_dim=-2) @ self.moments / total
        rings = torch.log1p(voxels.sum(dim=-2) / self.threshold) / Y_SCALE
        filled = hits.mean(dim=-2)
        return torch.cat([sectors, moments, rings, filled], dim=-1)

    def _ring_sums(self, features: Tensor) -> Tensor:
        return features[..., -2 * self.shape[2] :]

    def _moving_average(self, features: Tensor, rate: float) -> Tensor:
        n = features.shape[1]
        age = torch.arange(n)[:, None] - torch.arange(n) - 1
        weight = torch.where(age >= 0, (1 - rate) * rate ** age.clamp(min=0), 0.0)
        return weight.to(features) @ features

    def _history(self, before: Tensor, averages: list[Tensor]) -> Tensor:
        """Line up what each sector knows of earlier layers."""
        n_alpha, n_r = self.shape[1:]
        sizes = [2 * n_alpha * n_r, 4, 2 * n_r]
        parts = [features.split(sizes, dim=-1) for features in (before, *averages)]
        voxels = [own.unflatten(-1, (n_alpha, 2 * n_r)) for own, _, _ in parts]
        beside = [voxels[0].roll(step, dims=-2) for step in (1, -1)]
        moments = torch.stack([centre for _, centre, _ in parts], dim=-2).unflatten(-1, (2, 2))
        seen = (moments[..., None, :, :, :] * self.directions[:, None]).sum(dim=-1)
        return torch.cat([*voxels, *beside, seen.flatten(start_dim=-2)], dim=-1)

    def context(
        self, layers: LayerEnergies, t: Float[Tensor, "batch 1"]
    ) -> Float[Tensor, "batch layer channels"]:
        """Compute what is known of every layer before the first voxel."""
        non_empty = layers > 0
        y = torch.log(torch.where(non_empty, layers / self.threshold, 1.0))
        share = y - torch.log(layers.sum(dim=1, keepdim=True) / self.threshold + 1)
        features = torch.stack(
            [y / Y_SCALE, non_empty.to(y.dtype), non_empty * share / Y_SCALE], dim=1
        )
        energy = energy_features(t)[:, :, None].expand(-1, -1, layers.shape[1])
        context = torch.cat([features, energy], dim=1)
        for convolution in self.known:
            context = silu(convolution(context))
        return context.transpose(1, 2)


class CausalDecoder(LayerMemory):
    """What is needed to draw each layer's voxels, given earlier layers and all energies.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        threshold: readout threshold [MeV].
        widths: channels of the layer energies, memory, hidden units of a sector, first and
            second.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        threshold: float,
        widths: tuple[int, int, int, int] = (64, 128, 96, 96),
    ) -> None:
        super().__init__(shape, threshold, *widths[:2])
        n_layers, n_alpha, n_r = shape
        self.counts = HitCounts(self.n_layer_context, n_alpha * n_r)
        self.sectors = SectorNetwork(
            n_alpha, n_r, self.n_history, self.n_layer_context + N_COUNTS, widths[2:]
        )
        self.mean = nn.Parameter(torch.zeros(2, 3, n_layers, 1, n_r))
        nn.init.constant_(self.mean[0, 1], _USUAL_Y)

    def forward(
        self, showers: Showers, t: Float[Tensor, "batch 1"]
    ) -> tuple[LayerContext, Float[Tensor, "batch layer alpha history"]]:
        """Compute what is known of each layer, and of its past, for whole showers [MeV]."""
        features = self._features(showers)
        context = self.context(showers.sum(dim=(2, 3)), t)
        before = torch.cat([torch.zeros_like(features[:, :1]), features[:, :-1]], dim=1)
        averages = [self._moving_average(features, rate) for rate in DECAY]
        seen = torch.cat([silu(self.rings(self._ring_sums(before))), context], dim=2)
        memory, _ = self.memory(seen)
        return torch.cat([memory, context], dim=2), self._history(before, averages)

    def embed(
        self, layer_context: LayerContext, history: Tensor, n_hits: Tensor
    ) -> LayerEmbedding:
        """Begin layers whose numbers of hits are known."""
        return self.sectors.embed(history, self.with_counts(layer_context, n_hits))

    def mean_of(self, t: Float[Tensor, "batch 1"], layers: slice | int) -> tuple[Tensor, ...]:
        """Give what every voxel of a ring starts from: logit, mean and width."""
        mean = self.mean[:, :, layers]
        shape = (-1, *[1] * (mean.ndim - 2))
        return tuple(mean[0, k] + mean[1, k] * t.view(shape) for k in range(3))


def _directions(n_alpha: int) -> Float[Tensor, "alpha 2 2"]:
    """Cosine and sine of sectors whose odd rings are sheared, for first and second moments.

    The sectors' directions lie in the middle between even and odd rings.
    """
    angle = 2 * math.pi * (torch.arange(n_alpha) + 0.5) / n_alpha
    both = torch.stack([angle, 2 * angle], dim=-1)
    return torch.stack([both.cos(), both.sin()], dim=-1)


def _moments(n_alpha: int, n_r: int) -> Float[Tensor, "voxels 4"]:
    """Weights of the first and second moments in azimuth, with the radius as the unit."""
    odd = torch.arange(n_r) % 2
    angle = 2 * math.pi * (torch.arange(n_alpha)[:, None] + odd) / n_alpha
    radius = (torch.arange(n_r) + 0.5) / n_r
    parts = [f(k * angle) * radius for k in (1, 2) for f in (torch.cos, torch.sin)]
    return torch.stack(parts, dim=-1).flatten(end_dim=1)
