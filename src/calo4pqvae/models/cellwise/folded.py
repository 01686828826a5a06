"""The weights of a decoder, lined up for draws on a CPU.

Most cells of a layer are empty. What a sector is told of single layers is therefore not lined
up and multiplied, but added up: a row of weights for each hit. What it remembers of all layers
before, moving averages and centres, is dense, and multiplied.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae.models.autoregressive.constants import DECAY
from calo4pqvae.models.cellwise.decoder import CellDecoder

__all__ = ["FoldedWeights", "Stage", "Told"]


class Told(NamedTuple):
    """Weights of what a stage's sectors are told of their own layer.

    Attributes:
        left: of what is left.
        beside: of hits, and energies, in the sectors beside.
        bias: of the stage.
    """

    left: np.ndarray
    beside: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Stage:
    """A stage of the order.

    Attributes:
        first, end: places of its sectors.
        beside: places of the known sectors near each of them.
        sides: places of the sectors before and after each, -1 if of no earlier stage.
        hits, values: what its sectors are told.
    """

    first: int
    end: int
    beside: np.ndarray
    sides: np.ndarray
    hits: Told
    values: Told


class FoldedWeights:
    """Weights of hidden units, and of what goes past them.

    Arguments:
        decoder: what the cells of a layer depend on.

    Attributes:
        stages: of the order.
        circle: places of each sector, of the one before it and the one after it.
        hits: of what is remembered, for hidden units and logits of hits.
        hits_last: of hits and energies of the layer before, in a sector and on both sides.
        logits_last: the same, for the logits.
        values: of what is remembered, for hidden units of energies, expected energies, and
            outputs.
        values_last: of hits and energies of the layer before.
        around: of hits in the layer itself, for hidden units and expected energies.
    """

    def __init__(self, decoder: CellDecoder) -> None:
        net, place = decoder.sectors, decoder.order.place
        self.n_r, self.stages = decoder.shape[2], _stages(decoder)
        sectors = decoder.order.sectors
        self.circle = torch.stack([place.roll(k)[sectors] for k in (0, 1, -1)], dim=1).numpy()
        hits = [net.hits_history.weight, net.hits_direct.weight]
        self.hits, last = self._split(torch.cat(hits).T)
        hidden, logits = np.split(last, [net.first], axis=-1)
        self.hits_last, self.logits_last = (np.ascontiguousarray(x) for x in (hidden, logits))
        n_history = net.hits_history.in_features
        past, here = net.expected.weight.T.split([n_history, 3 * self.n_r])
        values = [net.values_history.weight.T, past, net.values_direct.weight.T]
        self.values, self.values_last = self._split(torch.cat(values, dim=1))
        around = torch.cat([net.around.weight.T, here], dim=1)
        self.around = _numpy(around.unflatten(0, (3, self.n_r)))

    def _split(self, weight: Float[Tensor, "history outputs"]) -> tuple[Tensor, np.ndarray]:
        """Split weights of a sector's past: what is remembered, and the layer before."""
        both = 2 * self.n_r
        own, averages, beside, rest = weight.split(
            [both, len(DECAY) * both, 2 * both, len(weight) - (3 + len(DECAY)) * both]
        )
        last = torch.cat([own, beside]).unflatten(0, (3, 2, self.n_r))
        return torch.cat([averages, rest]).detach().contiguous(), _numpy(last)


def _stages(decoder: CellDecoder) -> list[Stage]:
    net, order = decoder.sectors, decoder.order
    known, place, stages = order.known_beside(), order.place, []
    for number, stage in enumerate(order.stages):
        sectors = order.sectors[stage.places]
        around = torch.stack([place.roll(k)[sectors] for k in (1, -1)], dim=-1)
        n_near, n_r = stage.beside.shape[1], net.n_r
        stages.append(
            Stage(
                stage.first,
                stage.end,
                stage.beside.numpy(),
                torch.where(known[sectors], around, -1).numpy(),
                _told(net.hits_left, net.hits_beside, number, (n_near, n_r)),
                _told(net.energy_left, net.values_beside, number, (n_near, 2, n_r)),
            )
        )
    return stages


def _told(
    left: nn.ModuleList, beside: nn.ModuleList, number: int, shape: tuple[int, ...]
) -> Told:
    weight, bias = (left[number].get_parameter(name) for name in ("weight", "bias"))
    if number:
        near = beside[number - 1].get_parameter("weight").T.unflatten(0, shape)
    else:
        near = torch.zeros(*shape, len(bias))
    return Told(_numpy(weight.T), _numpy(near), _numpy(bias))


def _numpy(weight: Tensor) -> np.ndarray:
    return weight.detach().contiguous().numpy()
