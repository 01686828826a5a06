"""Separation power and chi-square in the official bins, with errors and floors.

Separation power: S = 1/2 sum_b (p_b - q_b)^2 / (p_b + q_b + 1e-16), where p and q are density
times bin width, so both sum to one over the official range. What lies outside the range is
dropped from S, as the CaloChallenge does, and its share is reported beside. Chi-square takes
the same bins and one more for what is outside.

An observable with one histogram for each layer is averaged over layers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calo4pqvae.errors import ConfigError, GeometryError
from calo4pqvae.evaluation.features.high_level import Features
from calo4pqvae.evaluation.score import Score
from calo4pqvae.evaluation.separation.bins import (
    BINNED,
    VoxelSpectrum,
    edges_of,
    marked,
    observable,
)
from calo4pqvae.evaluation.separation.histograms import Draws, Pair, mean_defined, redraw, split

__all__ = [
    "BinnedComparison",
    "binned_comparisons",
    "binned_draws",
    "binned_floors",
    "separation_powers",
]

Spectra = tuple[VoxelSpectrum, VoxelSpectrum]


@dataclass(frozen=True)
class BinnedComparison:
    """One observable of two samples, compared in bins.

    Arguments:
        separation: separation power, averaged over layers.
        chi_square: chi-square over degrees of freedom, averaged over layers.
        separations: the separation power in each layer; NaN where both sides have nothing
            in range.
        chi_squares: chi-square over degrees of freedom in each layer; NaN where all entries
            share one bin.
        outside: shares of the reference's and of the generated entries out of range.
        expected_floor: mean of ``separation`` for two samples of one law, with the occupied
            bins and the numbers of entries met here; too low for voxels, which come many
            to a shower.
    """

    separation: Score
    chi_square: Score
    separations: tuple[float, ...]
    chi_squares: tuple[float, ...]
    outside: tuple[float, float]
    expected_floor: float


def separation_powers(
    reference: Features, generated: Features, spectra: Spectra | None = None
) -> dict[str, float]:
    """Compute the official separation powers, averaged over layers.

    Arguments:
        reference: showers of Geant4; they fix the bins.
        generated: showers of a model.
        spectra: voxel spectra of both, for the key ``voxel``.

    Returns:
        Values by name: those of `BINNED` that the feature set holds, and ``voxel``.
    """
    made = binned_comparisons(reference, generated, spectra, redraws=0)
    return {name: comparison.separation.value for name, comparison in made.items()}


def binned_comparisons(
    reference: Features,
    generated: Features,
    spectra: Spectra | None = None,
    *,
    redraws: int = 50,
    seed: int = 42,
) -> dict[str, BinnedComparison]:
    """Compare two samples in the official bins.

    Errors are standard deviations over `redraws` bootstrap samples: showers of both sides are
    drawn with replacement, the bins stay. Redraws scatter around a sample that is itself off
    by chance, so errors are up to sqrt(3) too large close to the floor; the error of the floor
    is not.

    Arguments:
        reference: showers of Geant4; they fix the bins.
        generated: showers of a model.
        spectra: voxel spectra of both, for the key ``voxel``.
        redraws: number of bootstrap samples; with 0 the errors are NaN.
        seed: of the random draws.

    Raises:
        GeometryError: the geometries or the bins of the spectra differ.
        ConfigError: the feature sets differ, a side has no shower, the spectra are of other
            showers, or the reference holds no energy.
    """
    _check(reference, generated, spectra)
    rng = np.random.default_rng(seed)
    sides = [
        np.hstack([np.ones((len(side), 1)), redraw(rng, len(side), redraws)])
        for side in (reference, generated)
    ]
    n = min(len(reference), len(generated))
    return {
        name: _summary(Draws.of(pair, *sides), slice(0, 1), slice(1, None), n)
        for name, pair in _pairs(reference, generated, spectra)
    }


def binned_floors(
    reference: Features,
    spectrum: VoxelSpectrum | None = None,
    *,
    splits: int = 50,
    seed: int = 42,
    sizes: tuple[int, int] | None = None,
) -> dict[str, BinnedComparison]:
    """Compare two halves of the reference in the same way: what Geant4 itself would score.

    The value is the mean over random splits and the error their standard deviation, that of
    a single comparison.

    Arguments:
        reference: showers of Geant4.
        spectrum: its voxel spectrum, for the key ``voxel``.
        splits: number of random splits.
        seed: of the splits.
        sizes: scale the separation powers of two halves of h showers to samples of n and m
            showers by (1 / n + 1 / m) / (2 / h); chi-square needs no scaling. With so few
            showers that many bins stay empty the scaled floor is too low.

    Raises:
        ConfigError: fewer than two showers, or no energy.
    """
    half = len(reference) // 2
    if half == 0:
        raise ConfigError("a floor needs at least two reference showers")
    spectra = None if spectrum is None else (spectrum, spectrum)
    _check(reference, reference, spectra)
    sides = split(np.random.default_rng(seed), len(reference), splits)
    scale = 1.0 if sizes is None else (1 / sizes[0] + 1 / sizes[1]) * half / 2
    every = slice(None)
    return {
        name: _summary(Draws.of(pair, *sides), every, every, half, scale)
        for name, pair in _pairs(reference, reference, spectra)
    }


def binned_draws(
    reference: Features,
    generated: Features,
    spectra: Spectra,
    draws: tuple[np.ndarray, np.ndarray],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Compare chosen showers of two samples, many choices at once.

    Arguments:
        reference: showers of Geant4; they fix the bins.
        generated: showers of a model.
        spectra: voxel spectra of both.
        draws: how often each shower of either side counts, (showers, draws).

    Returns:
        Separation power and chi-square over degrees of freedom of each draw, averaged over
        layers, by observable.

    Raises:
        GeometryError: the geometries or the bins of the spectra differ.
        ConfigError: the feature sets differ, or the reference holds no energy.
    """
    _check(reference, generated, spectra)
    found = {
        name: Draws.of(pair, *draws) for name, pair in _pairs(reference, generated, spectra)
    }
    return {
        name: (mean_defined(one.separation.T), mean_defined(one.chi_square.T))
        for name, one in found.items()
    }


def _pairs(
    reference: Features, generated: Features, spectra: Spectra | None
) -> Iterator[tuple[str, Pair]]:
    """Name the observables, each with its tables of both samples."""
    held = {column.split(".")[0] for column in reference.columns}
    for name in BINNED:
        if name in held or name == "e_tot":
            edges = edges_of(reference, name)
            one, other = (
                marked(observable(side, name), edges) for side in (reference, generated)
            )
            yield name, Pair(one, other, len(edges))
    if spectra is not None:
        yield "voxel", Pair(spectra[0].counts, spectra[1].counts, 1)


def _summary(
    draws: Draws, centre: slice, spread: slice, n: int, scale: float = 1.0
) -> BinnedComparison:
    """Average over the draws of `centre` and over members; errors from those of `spread`."""
    separations = draws.separation * scale
    outside = mean_defined(mean_defined(draws.outside[centre]))
    return BinnedComparison(
        _score(separations, centre, spread, n),
        _score(draws.chi_square, centre, spread, n),
        separations=tuple(map(float, mean_defined(separations[centre]))),
        chi_squares=tuple(map(float, mean_defined(draws.chi_square[centre]))),
        outside=(float(outside[0]), float(outside[1])),
        expected_floor=float(mean_defined(mean_defined(draws.expected[centre]))) * scale,
    )


def _score(values: np.ndarray, centre: slice, spread: slice, n: int) -> Score:
    """Average (draws, members) over members, then value and spread over draws."""
    means = mean_defined(values.T)
    return Score(float(mean_defined(means[centre])), _deviation(means[spread]), n)


def _deviation(values: np.ndarray) -> float:
    return float(values.std()) if len(values) else float("nan")


def _check(reference: Features, generated: Features, spectra: Spectra | None) -> None:
    if reference.geometry != generated.geometry:
        raise GeometryError(
            f"the generated and the reference showers have different geometries "
            f"({generated.geometry.n_voxels} and {reference.geometry.n_voxels} voxels); "
            "compare showers of one calorimeter"
        )
    if reference.columns != generated.columns:
        raise ConfigError(
            f"the generated showers have the features {generated.feature_set} and the "
            f"reference showers {reference.feature_set}; make the same set of both"
        )
    if min(len(reference), len(generated)) == 0:
        raise ConfigError("a side has no shower; give at least one on each")
    if spectra is not None:
        _check_spectra((reference, generated), spectra)


def _check_spectra(sides: tuple[Features, Features], spectra: Spectra) -> None:
    if not np.array_equal(spectra[0].edges, spectra[1].edges):
        raise GeometryError(
            "the two voxel spectra have different bins; fill both with the edges of the "
            "reference"
        )
    if any(len(side) != len(spectrum) for side, spectrum in zip(sides, spectra, strict=True)):
        raise ConfigError(
            f"the voxel spectra hold {len(spectra[0])} and {len(spectra[1])} showers, the "
            f"features {len(sides[0])} and {len(sides[1])}; make both of the same showers"
        )
