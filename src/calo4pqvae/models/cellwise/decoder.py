"""What each layer's cells are told of the layers before and of the whole shower."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.causal import N_COUNTS, DecodingState, LayerMemory
from calo4pqvae.models.autoregressive.constants import DECAY
from calo4pqvae.models.autoregressive.counts import HitCounts
from calo4pqvae.models.cellwise.deposits import Deposits
from calo4pqvae.models.cellwise.lateral import (
    DRAWN,
    LEARNT,
    N_AIMS,
    N_SCALARS,
    Aims,
    Lateral,
    Steering,
)
from calo4pqvae.models.cellwise.network import CellNetwork
from calo4pqvae.models.cellwise.order import SectorOrder

__all__ = ["N_PAST", "CellDecoder", "CellDecodingState", "neighbours"]

N_PAST = 7
"""Numbers that each cell is told of the layers before; two more are of its own layer."""
_USUAL_Y = 6.0


@dataclass(eq=False)
class CellDecodingState(DecodingState):
    """What decoding carries from one layer to the next.

    Attributes:
        aims: what the shower has in common over its depth.
        earlier: hits of the layer drawn last, and of the one before it.
        spent: sums of E, E eta, E phi and E r over all layers already drawn.
        spent_in_block: sums of E eta and E phi over those of the present block.
    """

    aims: Aims
    earlier: tuple[Tensor, Tensor]
    spent: Float[Tensor, "batch 4"]
    spent_in_block: Float[Tensor, "batch 2"]


class CellDecoder(LayerMemory):
    r"""What is needed to draw each layer's cells, given earlier layers and all energies.

    To what a `LayerMemory` knows are added, as seen from each sector, where the energy of the
    block's rest, of all layers before, and of all layers to come must lie (`Aims`), and for
    each cell its neighbours, with weights that the layer as a whole sets: the number of hits in
    a layer decides how much two hits side by side have to do with each other.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        threshold: readout threshold [MeV].
        widths: channels of the layer energies, memory, hidden units of a sector, first and
            second.
    """

    weights: Float[Tensor, "voxels 3"]

    def __init__(
        self,
        shape: tuple[int, int, int],
        threshold: float,
        widths: tuple[int, int, int, int] = (64, 128, 96, 96),
    ) -> None:
        super().__init__(shape, threshold, *widths[:2])
        n_layers, n_alpha, n_r = shape
        self.order = SectorOrder(n_alpha)
        self.deposits = Deposits(threshold)
        n_layer_context, n_outputs = self.n_layer_context + N_SCALARS, Deposits.N_OUTPUTS
        self.counts = HitCounts(n_layer_context, n_alpha * n_r)
        self.sectors = CellNetwork(
            self.order,
            n_r,
            self.n_history + N_AIMS,
            n_layer_context + N_COUNTS,
            N_PAST + 2,
            n_outputs,
            widths[2:],
        )
        self.mean = nn.Parameter(torch.zeros(2, 2 + n_outputs, n_layers, 1, n_r))
        nn.init.constant_(self.mean[0, 1], _USUAL_Y)
        nn.init.constant_(self.sectors.share[Deposits.N_SPECTRA], 1.0)
        radius = ((torch.arange(n_r) + 0.5) / n_r).repeat(n_alpha)
        weights = torch.cat([self.moments[:, :2], radius[:, None]], dim=1)
        self.register_buffer("weights", weights, persistent=False)

    def measure(self, showers: Showers) -> Lateral:
        """Measure what sheared showers [MeV] have in common over their depth."""
        return Lateral.measure(self._sums(showers), showers.sum(dim=(2, 3)))

    def forward(
        self, showers: Showers, t: Float[Tensor, "batch 1"], lateral: Lateral
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute what is known of each layer, of its past, and of each cell's past.

        Arguments:
            showers: whole sheared showers [MeV].
            t: scaled incident energies.
            lateral: what they have in common over their depth.
        """
        features, layers = self._features(showers), showers.sum(dim=(2, 3))
        context = self.context(layers, t)
        before = _later(features, 1)
        averages = [self._moving_average(features, rate) for rate in DECAY]
        seen = torch.cat([silu(self.rings(self._ring_sums(before))), context], dim=2)
        memory, _ = self.memory(seen)
        aims = Aims.set(lateral, layers, LEARNT)
        sums = torch.cat([layers[..., None], self._sums(showers)], dim=2)
        spent = sums.cumsum(dim=1) - sums
        starts = (aims.block[:, None] > aims.block).sum(dim=1)
        in_block = (spent - spent[:, starts])[..., 1:3]
        directions, scalars = aims.at(slice(None), spent, in_block)
        history = self._with_aims(self._history(before, averages), directions)
        hits = (showers > 0).to(showers)
        past = self.past_of_cells(
            *self._own(before, averages), _later(hits, 1), _later(hits, 2)
        )
        return torch.cat([memory, context, scalars], dim=2), history, past

    def init_cells(
        self,
        layers: Float[Tensor, "batch layer"],
        t: Tensor,
        lateral: Lateral,
        steering: Steering = DRAWN,
    ) -> CellDecodingState:
        """Begin a drawing before the first layer."""
        begun, n = self.init_state(layers, t), len(layers)
        cells = layers.new_zeros(n, *self.shape[1:])
        return CellDecodingState(
            begun.context,
            begun.state,
            begun.before,
            begun.averages,
            aims=Aims.set(lateral, layers, steering),
            earlier=(cells, cells),
            spent=layers.new_zeros(n, 4),
            spent_in_block=layers.new_zeros(n, 2),
        )

    def step_cells(
        self, decoding: CellDecodingState, layer: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute what is known of one layer, of its past, and of each cell's past."""
        rings = self._ring_sums(decoding.before)
        memory, decoding.state = self.step_memory(
            rings, decoding.context[:, layer], decoding.state
        )
        if layer and decoding.aims.block[layer] != decoding.aims.block[layer - 1]:
            decoding.spent_in_block = torch.zeros_like(decoding.spent_in_block)
        spent = decoding.spent[:, None], decoding.spent_in_block[:, None]
        directions, scalars = decoding.aims.at(slice(layer, layer + 1), *spent)
        history = self._with_aims(
            self._history(decoding.before, decoding.averages), directions[:, 0]
        )
        own = self._own(decoding.before, decoding.averages)
        past = self.past_of_cells(*own, *decoding.earlier)
        return torch.cat([memory, scalars[:, 0]], dim=1), history, past

    def update_cells(
        self, decoding: CellDecodingState, layer: Float[Tensor, "batch alpha r"]
    ) -> None:
        """Take note of the energies [MeV] of a sheared layer."""
        self.update(decoding, layer)
        decoding.earlier = (layer > 0).to(layer), decoding.earlier[0]
        sums = self._sums(layer)
        decoding.spent = decoding.spent + torch.cat(
            [layer.sum(dim=(1, 2))[:, None], sums], dim=1
        )
        decoding.spent_in_block = decoding.spent_in_block + sums[:, :2]

    def past_of_cells(
        self, own: Tensor, averages: Tensor, last: Tensor, before: Tensor
    ) -> Tensor:
        """Line up each cell's past: energy, hits there and beside, and one layer further."""
        beside = neighbours(last.roll(1, dims=-2), last.roll(-1, dims=-2))
        alone = torch.stack([own, *averages.unbind(-1), last], dim=-1)
        return torch.cat([alone, beside, before[..., None]], dim=-1)

    def beside(self, hits: Float[Tensor, "... alpha r"]) -> Float[Tensor, "... alpha r 2"]:
        """Count for each cell the hits beside it in azimuth, and in radius, drawn before it."""
        known = self.order.known_beside().to(hits)
        sides = [hits.roll(k, dims=-2) * known[:, n, None] for n, k in enumerate((1, -1))]
        return neighbours(*sides)

    def gates(self, layer_context: Tensor) -> Float[Tensor, "... r local"]:
        """Give the weights of what each cell of a layer is told, ring by ring."""
        return self.sectors.local(layer_context).unflatten(-1, (self.shape[2], (N_PAST + 2)))

    def mean_of(self, t: Float[Tensor, "batch 1"], layers: slice | int) -> tuple[Tensor, ...]:
        """Give what every cell of a ring starts from.

        Returns:
            logit of a hit, logarithm of the expected energy, and outputs of the deposits.
        """
        mean = self.mean[:, :, layers]
        shape = (-1, *[1] * (mean.ndim - 1))
        both = mean[0] + mean[1] * t.view(shape)
        outputs = both[:, 2:].movedim(1, -2)
        return both[:, 0], both[:, 1], outputs.flatten(start_dim=-2)

    def _own(self, before: Tensor, averages: list[Tensor]) -> tuple[Tensor, Tensor]:
        n_alpha, n_r = self.shape[1:]
        parts = [
            f[..., : 2 * n_alpha * n_r].unflatten(-1, (n_alpha, 2, n_r))
            for f in (before, *averages)
        ]
        of_hits = torch.stack([part[..., 1, :] for part in parts[1:]], dim=-1)
        return parts[0][..., 0, :], of_hits

    def _sums(self, voxels: Tensor) -> Float[Tensor, "... 3"]:
        return voxels.flatten(start_dim=-2) @ self.weights

    def _with_aims(self, history: Tensor, aims: Float[Tensor, "... aims 2"]) -> Tensor:
        seen = aims @ self.directions[:, 0].T
        return torch.cat([history, seen.transpose(-1, -2)], dim=-1)


def neighbours(before: Tensor, after: Tensor) -> Float[Tensor, "... r 2"]:
    """Count hits beside cells in azimuth and in radius, from those of both sectors beside.

    With odd rings sheared, the radial neighbours of even rings lie one sector before, of odd
    ones after.
    """
    pad = torch.nn.functional.pad
    even = torch.arange(before.shape[-1], device=before.device) % 2 == 0
    in_out = [pad(x, (1, 1))[..., 2:] + pad(x, (1, 1))[..., :-2] for x in (before, after)]
    return torch.stack([before + after, torch.where(even, *in_out)], dim=-1)


def _later(x: Tensor, layers: int) -> Tensor:
    """Give every layer what one some layers before has; zeros at the start."""
    return torch.cat([torch.zeros_like(x[:, :layers]), x[:, :-layers]], dim=1)
