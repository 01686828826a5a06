"""What is left for the last hit of a layer, shared with all others.

Each hit is drawn for what is left, and the last one takes the rest. In layers of five hits and
more the small misses of all others end there: logarithms of the last hit's energy varied up to
1.4 times as much as Geant4's. It now has what Geant4 leaves it at the same quantile
(`DrawCorrections.last`), and the other hits share the difference.
"""

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

__all__ = ["LEAST_OTHERS", "last_hits", "left_for", "moved", "share_remainder"]

Layer = Float[Tensor, "batch alpha r"]
Numbers = Float[Tensor, " batch"]

LEAST_OTHERS = 1e-3
"""Share of the spare energy that other hits need to be scaled."""


def last_hits(
    hits: Num[Tensor, "batch alpha r"] | Bool[Tensor, "batch alpha r"],
) -> Int[Tensor, " batch"]:
    """Find the last hit of each layer in the order of drawing: sectors, rings inwards.

    Arguments:
        hits: of cells, sectors in the order of drawing; layers without any give cell 0.

    Returns:
        number of the cell in an axis of sectors, then rings.
    """
    rings = hits.shape[-1]
    inwards = hits.flip(-1).flatten(start_dim=-2)
    number = torch.arange(1, inwards.shape[-1] + 1, device=hits.device)
    last = ((inwards > 0) * number).amax(dim=-1) - 1
    last = last.clamp(min=0)
    return last // rings * rings + rings - 1 - last % rings


def left_for(layer: Layer, last: Int[Tensor, " batch"], energy: Numbers) -> Numbers:
    """Give the logarithm of a hit's energy over the mean of its layer's hits."""
    own = layer.flatten(start_dim=1).gather(1, last[:, None])[:, 0]
    return torch.log(own * (layer > 0).sum(dim=(1, 2)) / energy)


def share_remainder(
    layer: Layer,
    energy: Numbers,
    threshold: float,
    quantiles: Float[Tensor, "batch groups 2 knots"],
) -> Layer:
    r"""Move the last hit to its quantile of Geant4, and scale all others.

    Energies above the threshold, $v - v_0$, are scaled, so that no hit falls below it. Layers
    of one hit stay as they are, and those whose other hits all stand at the threshold.

    Arguments:
        layer: energies of drawn cells [MeV], sectors in the order of drawing.
        energy: of each layer [MeV].
        threshold: of the readout, v_0 [MeV].
        quantiles: of `DrawCorrections.last`.
    """
    hits = layer > 0
    number, last = hits.sum(dim=(1, 2)).to(layer), last_hits(hits)
    group = (last % layer.shape[2]).clamp(max=quantiles.shape[1] - 1)
    old, new = quantiles[torch.arange(len(layer), device=layer.device), group].unbind(dim=1)
    spare = energy - number * threshold
    wanted = moved(left_for(layer, last, energy), old, new).exp() * energy / number
    wanted = torch.minimum((wanted - threshold).clamp(min=0), spare.clamp(min=0))
    is_last = torch.zeros_like(layer).flatten(start_dim=1)
    is_last = is_last.scatter(1, last[:, None], 1.0).view_as(layer) > 0
    free = (layer - threshold) * hits
    others = (free * ~is_last).sum(dim=(1, 2))
    free = free * ((spare - wanted) / others)[:, None, None]
    free = torch.where(is_last, wanted[:, None, None], free)
    some = (number > 1.5) & (spare > 0) & (others > LEAST_OTHERS * spare)
    return torch.where(some[:, None, None] & hits, threshold + free, layer)


def moved(
    x: Numbers, old: Float[Tensor, "batch knots"], new: Float[Tensor, "batch knots"]
) -> Numbers:
    """Move numbers from quantiles to others; beyond the last ones as far as these."""
    at = torch.searchsorted(old.contiguous(), x[:, None], right=True).clamp(1, old.shape[1] - 1)
    low, high, start, end = (y.gather(1, k)[:, 0] for y in (old, new) for k in (at - 1, at))
    inside = start + (x - low) / (high - low) * (end - start)
    below, above = x + (new - old)[:, 0], x + (new - old)[:, -1]
    return torch.where(x <= old[:, 0], below, torch.where(x >= old[:, -1], above, inside))
