"""A decoder that goes through the layers in the order in which a shower crosses them."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import silu

from calo4pqvae.nn.depth import energy_features
from calo4pqvae.shapes import Showers

__all__ = ["CausalDecoder", "Passage"]

_Y_SCALE = 8.0
_USUAL_Y = 7.0
_N_LAYER_FEATURES = 3

Layer = Float[Tensor, "batch alpha r"]
LayerEnergies = Float[Tensor, "batch layer"]
Parameters = Float[Tensor, "batch 3 layer alpha r"]


@dataclass(eq=False)
class Passage:
    """Where a drawing stands between two layers.

    Attributes:
        context: what is known beforehand of every layer.
        state: memory of the layers already drawn.
        before: logarithmic energies and hits of the layer drawn last.
        t: scaled incident energy.
    """

    context: Float[Tensor, "batch layer channels"]
    state: Float[Tensor, "1 batch memory"]
    before: Float[Tensor, "batch seen"]
    t: Float[Tensor, "batch 1"]


class CausalDecoder(nn.Module):
    """Parameters of each layer's voxels, given the layers before and the energies of all.

    Energies of all layers enter through convolutions along the depth, voxels of earlier layers
    through a recurrent memory and, for the last one, directly. A layer's hits are given first;
    its energies are then conditional on them. In training all layers are computed at once.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        threshold: readout threshold [MeV].
        widths: channels of the layer energies, units per layer of voxels, memory, units of
            the heads.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        threshold: float,
        widths: tuple[int, int, int, int] = (64, 160, 192, 256),
    ) -> None:
        super().__init__()
        known, seen, memory, head = widths
        n_layers, n_alpha, n_r = shape
        voxels = n_alpha * n_r
        self.shape, self.threshold = shape, threshold
        self.known = nn.ModuleList(
            [
                nn.Conv1d(_N_LAYER_FEATURES + 4, known, 9, padding=4),
                nn.Conv1d(known, known, 9, padding=4),
            ]
        )
        self.seen = nn.Linear(2 * voxels, seen)
        self.memory = nn.GRU(seen + known, memory, batch_first=True)
        self.head = nn.Linear(memory + seen + known, head)
        self.hits = nn.Linear(head, voxels)
        self.hits_before = nn.Linear(2 * voxels, voxels, bias=False)
        self.given_hits = nn.Linear(head + voxels, head)
        self.values = nn.Linear(head, 2 * voxels)
        self.values_before = nn.Linear(2 * voxels, 2 * voxels, bias=False)
        self.mean = nn.Parameter(torch.zeros(2, 3, n_layers, 1, n_r))
        nn.init.constant_(self.mean[0, 1], _USUAL_Y)
        for direct in (self.hits_before, self.values_before):
            nn.init.zeros_(direct.weight)

    def forward(self, showers: Showers, t: Float[Tensor, "batch 1"]) -> Parameters:
        """Compute logit of a hit, mean and width of every voxel given the layers before it.

        Arguments:
            showers: voxel energies [MeV], readout threshold applied.
            t: scaled incident energy.
        """
        voxels = self._transform(showers.flatten(start_dim=2))
        context = self._context(showers.sum(dim=(2, 3)), t)
        before = torch.cat([torch.zeros_like(voxels[:, :1]), voxels[:, :-1]], dim=1)
        known = torch.cat([silu(self.seen(before)), context], dim=2)
        memory, _ = self.memory(known)
        shared = silu(self.head(torch.cat([memory, known], dim=2)))
        hits = voxels[:, :, voxels.shape[2] // 2 :]
        logit = self.hits(shared) + self.hits_before(before)
        values = self._values(shared, before, hits)
        outputs = torch.cat([logit, values], dim=2).float()
        outputs = outputs.view(*showers.shape[:2], 3, *self.shape[1:]).transpose(1, 2)
        return outputs + self.mean[0] + self.mean[1] * t.view(-1, 1, 1, 1, 1)

    def start(self, layers: LayerEnergies, t: Float[Tensor, "batch 1"]) -> Passage:
        """Begin a drawing before the first layer."""
        state = layers.new_zeros(1, len(layers), self.memory.hidden_size)
        before = layers.new_zeros(len(layers), self.seen.in_features)
        return Passage(self._context(layers, t), state, before, t)

    def hit_logits(self, passage: Passage, layer: int) -> tuple[Layer, Tensor]:
        """Give a layer's hit logits, and what `value_parameters` needs."""
        context = passage.context[:, layer]
        known = torch.cat([silu(self.seen(passage.before)), context], dim=1)
        memory, passage.state = self.memory(known[:, None], passage.state)
        shared = silu(self.head(torch.cat([memory[:, 0], known], dim=1)))
        logit = self.hits(shared) + self.hits_before(passage.before)
        return self._on_layer(logit) + self._mean(passage.t, 0, layer), shared

    def value_parameters(
        self, passage: Passage, layer: int, hits: Bool[Tensor, "batch alpha r"], shared: Tensor
    ) -> tuple[Layer, Layer]:
        """Give mean and width parameter of a layer's voxels, given its hits."""
        flat = hits.flatten(start_dim=1).to(shared.dtype)
        mu, width = self._values(shared, passage.before, flat).chunk(2, dim=1)
        mean = [self._mean(passage.t, number, layer) for number in (1, 2)]
        return self._on_layer(mu) + mean[0], self._on_layer(width) + mean[1]

    def advance(self, passage: Passage, layer: Layer) -> None:
        """Take note of the voxel energies [MeV] that a layer received."""
        passage.before = self._transform(layer.flatten(start_dim=1))

    def _values(self, shared: Tensor, before: Tensor, hits: Tensor) -> Tensor:
        inner = silu(self.given_hits(torch.cat([shared, hits.to(shared.dtype)], dim=-1)))
        return self.values(inner) + self.values_before(before)

    def _mean(self, t: Tensor, output: int, layer: int) -> Layer:
        return self.mean[0, output, layer] + self.mean[1, output, layer] * t.view(-1, 1, 1)

    def _on_layer(self, flat: Tensor) -> Layer:
        return flat.reshape(-1, *self.shape[1:]).float()

    def _transform(self, voxels: Tensor) -> Tensor:
        """Logarithmic energies, then hits, along the last axis."""
        hits = voxels > 0
        y = torch.log(torch.where(hits, voxels / self.threshold, 1.0)) / _Y_SCALE
        return torch.cat([y, hits.to(y.dtype)], dim=-1)

    def _context(self, layers: LayerEnergies, t: Tensor) -> Tensor:
        lit = layers > 0
        y = torch.log(torch.where(lit, layers / self.threshold, 1.0))
        share = y - torch.log(layers.sum(dim=1, keepdim=True) / self.threshold + 1)
        features = torch.stack([y / _Y_SCALE, lit.to(y.dtype), lit * share / _Y_SCALE], dim=1)
        energy = energy_features(t)[:, :, None].expand(-1, -1, layers.shape[1])
        context = torch.cat([features, energy], dim=1)
        for convolution in self.known:
            context = silu(convolution(context))
        return context.transpose(1, 2)
