"""How single defects are made; see `twins`."""

import numpy as np
from jaxtyping import Float

from calo4pqvae.evaluation.structure.names import SOFT

__all__ = [
    "axis_removed",
    "depth_shuffled",
    "largest_raised",
    "late_part_turned",
    "layers_smeared",
    "lone_hits_lost",
    "narrower",
    "neighbours_shuffled",
    "soft_added",
    "twisted",
    "values_exchanged",
]

Volume = Float[np.ndarray, "showers layers sectors rings"]
Rng = np.random.Generator


def narrower(showers: Volume, size: float, _: Rng) -> Volume:
    """Shift energy inwards, in each layer alone, until the mean radius is `size` smaller.

    The weight falls as exp(-k ring).
    """
    ring = np.arange(showers.shape[3]) + 0.5
    profiles = showers.sum(axis=2, dtype=np.float64)
    energy = profiles.sum(axis=2)
    target = (1 - size) * float((profiles @ ring).sum() / energy.sum())
    low, high = 0.0, 1.0
    for _step in range(30):
        k = 0.5 * (low + high)
        weight = np.exp(-k * ring)
        weighted = profiles @ weight
        radius = np.divide(
            profiles @ (weight * ring),
            weighted,
            out=np.zeros_like(weighted),
            where=weighted > 0,
        )
        above = (energy * radius).sum() / energy.sum() > target
        low, high = (k, high) if above else (low, k)
    return _with_layers_of(showers, showers * np.exp(-low * ring).astype(showers.dtype))


def axis_removed(showers: Volume, size: float, rng: Rng) -> Volume:
    """Turn every layer by its own random number of sectors: no axis and no track is left."""
    turns = rng.integers(showers.shape[2], size=showers.shape[:2])
    return _turned(showers, turns * _some(showers, size, rng))


def twisted(showers: Volume, size: float, rng: Rng) -> Volume:
    """Turn layers more the deeper they lie, by up to half a turn either way over ten layers."""
    half = showers.shape[2] // 2
    reach = rng.integers(-half, half + 1, size=(len(showers), 1))
    turns = np.rint(reach * np.arange(showers.shape[1]) / 10).astype(int)
    return _turned(showers, turns * _some(showers, size, rng))


def late_part_turned(showers: Volume, size: float, rng: Rng) -> Volume:
    """Turn all layers behind the mean depth by one random number of sectors."""
    energy, number = showers.sum(axis=(2, 3), dtype=np.float64), np.arange(showers.shape[1])
    total = energy.sum(axis=1)
    depth = np.divide(energy @ number, total, out=np.zeros_like(total), where=total > 0)
    turn = rng.integers(showers.shape[2], size=(len(showers), 1))
    return _turned(showers, turn * (number > depth[:, None]) * _some(showers, size, rng))


def neighbours_shuffled(showers: Volume, size: float, rng: Rng) -> Volume:
    """Put the cells of rings beyond the innermost third in random order of azimuth."""
    first = -(-showers.shape[3] // 3)
    made = showers.copy()
    outer = made[..., first:].swapaxes(2, 3)
    chosen = rng.random(outer.shape[:3]) < size
    outer[chosen] = rng.permuted(outer[chosen], axis=1)
    return made


def depth_shuffled(showers: Volume, size: float, rng: Rng) -> Volume:
    """Turn the rings beyond the innermost third of each layer by random numbers of sectors.

    Neighbours in azimuth and in r stay, those in depth go; the axis, made by the core, stays.
    """
    first, made = -(-showers.shape[3] // 3), showers.copy()
    turns = rng.integers(showers.shape[2], size=showers.shape[:2])
    turns = turns * (rng.random(showers.shape[:2]) < size)
    made[..., first:] = _turned(showers[..., first:], turns)
    return made


def soft_added(showers: Volume, size: float, rng: Rng) -> Volume:
    """Add `size` times as many deposits below 2 MeV as there are.

    Energies are those of such deposits of the sample; each falls into a random sector of the
    layer and ring of some hit of its shower, and is lost where that cell is taken.
    """
    made = showers.copy()
    hit = np.argwhere(showers > 0)
    if not len(hit):
        return made
    energies = showers[tuple(hit.T)]
    soft = energies[energies < SOFT]
    chosen = hit[rng.random(len(hit)) < size * len(soft) / len(hit)]
    chosen[:, 2] = rng.integers(showers.shape[2], size=len(chosen))
    place = tuple(chosen.T)
    if len(soft):
        drawn = rng.choice(soft, len(chosen))
        made[place] = np.where(made[place] > 0, made[place], drawn)
    return made


def largest_raised(showers: Volume, size: float, _: Rng) -> Volume:
    """Raise the largest voxel of each shower by the share `size`, at the cost of its layer."""
    made = showers.copy()
    flat = made.reshape(len(made), -1)
    flat[np.arange(len(flat)), flat.argmax(axis=1)] *= 1 + size
    return _with_layers_of(showers, made)


def values_exchanged(showers: Volume, size: float, rng: Rng) -> Volume:
    """Exchange energies among the hits of each layer; hits and layer energies stay."""
    n, layers = showers.shape[:2]
    made = showers.reshape(n * layers, -1).copy()
    hits = (made > 0) & (rng.random(made.shape) < size)
    row = np.nonzero(hits)[0]
    energies = made[hits]
    made[hits] = energies[np.lexsort((rng.random(len(row)), row))]
    return made.reshape(showers.shape)


def layers_smeared(showers: Volume, size: float, rng: Rng) -> Volume:
    """Multiply each layer by 1 + `size` x a normal number, and keep the total."""
    factors = np.maximum(1 + size * rng.standard_normal(showers.shape[:2]), 0.0)
    made = showers * factors[..., None, None].astype(showers.dtype)
    before, after = (side.sum(axis=(1, 2, 3), keepdims=True) for side in (showers, made))
    return made * np.divide(before, after, out=np.ones_like(after), where=after > 0)


def lone_hits_lost(showers: Volume, size: float, rng: Rng) -> Volume:
    """Drop the share `size` of the hits that have no neighbour on any of six sides."""
    hits = np.pad(showers > 0, ((0, 0), (1, 1), (0, 0), (1, 1)))
    inner = hits[:, 1:-1, :, 1:-1]
    beside = (
        hits[:, :-2, :, 1:-1]
        | hits[:, 2:, :, 1:-1]
        | hits[:, 1:-1, :, :-2]
        | hits[:, 1:-1, :, 2:]
    )
    beside |= np.roll(inner, 1, axis=2) | np.roll(inner, -1, axis=2)
    lost = inner & ~beside & (rng.random(showers.shape) < size)
    return np.where(lost, 0, showers)


def _some(showers: Volume, size: float, rng: Rng) -> np.ndarray:
    """Choose the share `size` of the showers."""
    return rng.random((len(showers), 1)) < size


def _turned(showers: Volume, turns: np.ndarray) -> Volume:
    """Turn layers by whole sectors, (showers, layers)."""
    n_alpha = showers.shape[2]
    source = (np.arange(n_alpha) - turns[..., None]) % n_alpha
    return np.take_along_axis(showers, source[..., None], axis=2)


def _with_layers_of(showers: Volume, changed: Volume) -> Volume:
    """Scale each layer back to its energy."""
    before, after = (side.sum(axis=(2, 3), keepdims=True) for side in (showers, changed))
    return changed * np.divide(before, after, out=np.ones_like(after), where=after > 0)
