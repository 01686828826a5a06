"""From sums over deposits to the columns of `names.OBSERVABLES`."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num

from calo4pqvae.evaluation.structure.kernel import count_pairs, measure_deposits, measure_hits
from calo4pqvae.evaluation.structure.names import LAGS_DEPTH, MEMORY_LAGS, NAMES
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.units import GeV

__all__ = ["Measurement", "Region", "measure"]


class Region(NamedTuple):
    """Parts of a regular cylinder where structure is measured.

    Arguments:
        core: first and last + 1 layer of the memory of the centre: 2 to 19 of 45.
        pairs: the same for correlation functions of hits: 5 to 20 of 45.
        outer: first ring beyond the innermost third.
        halo: first ring of the outer third.
    """

    core: tuple[int, int]
    pairs: tuple[int, int]
    outer: int
    halo: int

    @classmethod
    def of(cls, geometry: CylindricalGeometry) -> "Region":
        """Scale the parts chosen on 45 layers and 9 rings to a cylinder."""
        n_layers, _, n_r = geometry.shape

        def layers(first: int, end: int) -> tuple[int, int]:
            low = first * n_layers // 45
            return low, max(end * n_layers // 45, min(low + 2, n_layers))

        return cls(layers(2, 20), layers(5, 21), -(-n_r // 3) if n_r > 1 else 0, 2 * n_r // 3)


class Measurement(NamedTuple):
    """What is kept of each shower.

    Arguments:
        values: one column for each of `names.NAMES`.
        centres: (eta, phi) of the energy in each layer [mm], 0 where it is empty.
        pairs_alpha: pairs of hits 1, 2, .. sectors apart, in the rings and layers of a
            `Region`.
        pairs_depth: pairs of hits in one cell 1, 2, .. layers apart, likewise.
        ring_hits: hits in each layer and ring.
    """

    values: Float[np.ndarray, "showers columns"]
    centres: Float[np.ndarray, "showers layers 2"]
    pairs_alpha: Num[np.ndarray, "showers lags"]
    pairs_depth: Num[np.ndarray, "showers depths"]
    ring_hits: Num[np.ndarray, "showers layers rings"]


def measure(
    e_inc: Float[np.ndarray, " showers"],
    energy: Float[np.ndarray, "showers voxels"],
    geometry: CylindricalGeometry,
) -> Measurement:
    """Measure showers [MeV] to which the readout threshold was applied.

    Raises:
        GeometryError: the layers of the cylinder differ.
    """
    n_layers, n_alpha, n_r = geometry.shape
    n, region = len(energy), Region.of(geometry)
    volume = energy.reshape(n, n_layers, n_alpha, n_r).astype(np.float32)
    alpha = geometry.alpha_of_voxel.reshape(geometry.shape)[0]
    r = geometry.r_of_voxel.reshape(geometry.shape)[0]
    sums, layers = np.zeros((n, 18)), np.zeros((n, n_layers, 6))
    centres = np.zeros((n, n_layers, 2), np.float32)
    cosine, sine = np.cos(alpha), np.sin(alpha)
    measure_deposits(
        volume, r * cosine, r * sine, region.outer, region.halo, sums, layers, centres
    )
    ring_hits, shares = np.zeros((n, n_layers, n_r), np.int32), np.zeros((n, 7))
    measure_hits(volume, cosine[:, 0], sine[:, 0], region.outer, ring_hits, shares)
    pairs = [np.zeros((n, lags), np.int32) for lags in (n_alpha // 2, LAGS_DEPTH)]
    everywhere = np.zeros((n, 6))
    low, high = region.pairs
    count_pairs(volume, low, high, region.outer, pairs[0], pairs[1], everywhere)
    found = {
        **_scalars(e_inc, sums),
        **_axis(sums, layers, centres.astype(np.float64), region),
        **_clustering(sums[:, 11], shares, everywhere - _by_chance(ring_hits, n_alpha)),
        **_spectrum(sums, layers),
        **_profile(layers),
    }
    values = np.stack([found[name] for name in NAMES], axis=1)
    smallest = np.min_scalar_type(n_alpha)
    return Measurement(values, centres, pairs[0], pairs[1], ring_hits.astype(smallest))


def _scalars(e_inc: np.ndarray, sums: np.ndarray) -> dict[str, np.ndarray]:
    total, a_b = sums[:, 0], _over(sums[:, 3:6], sums[:, :1])
    x, y = _over(sums[:, 1], total), _over(sums[:, 2], total)
    xx, yy, xy = a_b[:, 0] - x**2, a_b[:, 1] - y**2, a_b[:, 2] - x * y
    trace = np.maximum(xx + yy, 0.0)
    return {
        "response": total / e_inc,
        "hits": sums[:, 11] / (e_inc / GeV),
        "axis_distance": np.hypot(x, y),
        "hit_distance": _over(np.hypot(sums[:, 12], sums[:, 13]), sums[:, 11]),
        "ellipticity": _over(np.sqrt((xx - yy) ** 2 + 4 * xy**2), trace),
        "width": np.sqrt(trace / 2),
        "core": _over(sums[:, 7], total),
        "halo": _over(sums[:, 8], total),
        "largest": _over(sums[:, 16], total),
        "concentration": _over(np.sqrt(sums[:, 6]), total),
        "largest_outside": _over(sums[:, 17], total),
    }


def _axis(
    sums: np.ndarray, layers: np.ndarray, centres: np.ndarray, region: Region
) -> dict[str, np.ndarray]:
    """Tilt, alignment of the two parts, and memory of the centre."""
    energy, number = layers[..., 0], np.arange(layers.shape[1])
    mean = _over(energy @ number, sums[:, 0])
    away = number - mean[:, None]
    slope = _over(
        np.einsum("nl,nlx->nx", energy * away, centres), (energy * away**2).sum(1)[:, None]
    )
    early = np.einsum("nl,nlx->nx", energy * (away < 0), centres)
    late = np.einsum("nl,nlx->nx", energy * (away >= 0), centres)
    lengths = np.linalg.norm(early, axis=1) * np.linalg.norm(late, axis=1)
    found = {
        "tilt": np.linalg.norm(slope, axis=1),
        "alignment": _over((early * late).sum(axis=1), lengths),
    }
    inside = centres[:, slice(*region.core)]
    length = np.linalg.norm(inside, axis=2)
    for lag in MEMORY_LAGS:
        products = (inside[:, :-lag] * inside[:, lag:]).sum(axis=(1, 2))
        found[f"memory_{lag}"] = _over(
            products, (length[:, :-lag] * length[:, lag:]).sum(axis=1)
        )
    return found


def _by_chance(ring_hits: np.ndarray, n_alpha: int) -> np.ndarray:
    """Count pairs as they would be if the hits of each ring had random azimuths."""
    made = np.zeros((len(ring_hits), 6))
    hits = ring_hits.astype(np.float64)
    made[:, :3] = ((hits * (hits - 1)).sum(axis=(1, 2)) / max(n_alpha - 1, 1))[:, None]
    for column, lag in ((3, 1), (4, 2), (5, 4)):
        made[:, column] = (hits[:, :-lag] * hits[:, lag:]).sum(axis=(1, 2)) / n_alpha
    return made


def _clustering(
    hits: np.ndarray, shares: np.ndarray, excess: np.ndarray
) -> dict[str, np.ndarray]:
    names = ("neighbour_alpha", "neighbour_r", "neighbour_depth", "isolated")
    found = {name: _over(shares[:, i], hits) for i, name in enumerate(names)}
    steps = ("alpha_1", "alpha_2", "alpha_opposite", "depth_1", "depth_2", "depth_4")
    found |= {f"pairs_{step}": _over(excess[:, i], hits) for i, step in enumerate(steps)}
    found["dipole"] = _over(shares[:, 5], shares[:, 4])
    found["quadrupole"] = _over(shares[:, 6], shares[:, 4])
    return found


def _spectrum(sums: np.ndarray, layers: np.ndarray) -> dict[str, np.ndarray]:
    total, hits = sums[:, 0], sums[:, 11]
    log = _over(sums[:, 14], hits)
    square = _over(sums[:, 15], hits) - log**2
    return {
        "largest_in_layers": _over(layers[..., 2].sum(axis=1), total),
        "largest_layer": _over(layers[..., 0].max(axis=1), total),
        "soft_energy": _over(sums[:, 9], total),
        "soft_hits": _over(layers[..., 3].sum(axis=1), hits),
        "faint_hits": _over(layers[..., 4].sum(axis=1), hits),
        "single_hits": _over(layers[..., 5].sum(axis=1), hits),
        "hard_energy": _over(sums[:, 10], total),
        "log_mean": log,
        "log_spread": np.sqrt(np.maximum(square, 0.0)),
    }


def _profile(layers: np.ndarray) -> dict[str, np.ndarray]:
    """Moments in depth, runs of empty layers, and roughness."""
    energy, n_layers = layers[..., 0], layers.shape[1]
    total, number = energy.sum(axis=1), np.arange(n_layers)
    mean = _over(energy @ number, total)
    away = number - mean[:, None]
    spread = np.sqrt(_over((energy * away**2).sum(axis=1), total))
    non_empty = energy > 0
    some = non_empty.any(axis=1)
    first = np.where(some, non_empty.argmax(axis=1), 0)
    last = np.where(some, n_layers - 1 - non_empty[:, ::-1].argmax(axis=1), 0)
    within = ~non_empty & (number > first[:, None]) & (number < last[:, None])
    starts = within & np.pad(~within, ((0, 0), (1, 0)), constant_values=True)[:, :-1]
    run, longest = np.zeros(len(energy)), np.zeros(len(energy))
    for layer in range(n_layers):
        run = np.where(within[:, layer], run + 1, 0)
        longest = np.maximum(longest, run)
    return {
        "depth": mean,
        "depth_spread": spread,
        "depth_skew": _over(_over((energy * away**3).sum(axis=1), total), spread**3),
        "first": first.astype(float),
        "last": last.astype(float),
        "empty_runs": starts.sum(axis=1).astype(float),
        "longest_run": longest,
        "roughness": _roughness(energy),
        "hit_roughness": _roughness(layers[..., 1]),
    }


def _roughness(profile: np.ndarray) -> np.ndarray:
    bends = np.abs(np.diff(profile, n=2, axis=1)).sum(axis=1)
    return _over(bends, profile.sum(axis=1))


def _over(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; 0 where the denominator is not positive."""
    wide = np.broadcast_to(denominator, np.shape(numerator))
    return np.divide(numerator, wide, out=np.zeros(np.shape(numerator)), where=wide > 0)
