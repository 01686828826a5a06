"""Separation power and chi-square in the official bins, with errors and floors.

Separation power: S = 1/2 sum_b (p_b - q_b)^2 / (p_b + q_b + 1e-16), where p and q are density
times bin width, so both sum to one over the official range. What lies outside the range is
dropped from S, as the CaloChallenge does, and its share is reported beside. Chi-square takes
the same bins and one more for what is outside.

An observable with one histogram for each layer is averaged over layers.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from calo4pqvae.errors import ConfigError, GeometryError
from calo4pqvae.evaluation.distances.comparable import check_alike
from calo4pqvae.evaluation.distances.official_bins import BINNED, edges_of, marked, observable
from calo4pqvae.evaluation.distances.one_dimensional import separation
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Metric, Options
from calo4pqvae.evaluation.result import Result, Score, Shown
from calo4pqvae.evaluation.splits import (
    averaged,
    averaged_floor,
    draw_splits,
    marks,
    redrawn_rows,
)

__all__ = ["Figures", "Separations", "chi_square", "figures", "separation_powers"]

_KINDS = {
    "separation": Shown("Separation power", "Separation power", 1e3, "× 10⁻³"),
    "chi_square": Shown("χ² per degree of freedom", "χ² per degree of freedom", best=1.0),
}
_OBSERVABLES = {
    "e_tot": "total energy",
    "e_layer": "energy per layer (mean)",
    "ec_eta": "centre in η",
    "ec_phi": "centre in φ",
    "ec_r": "centre in r",
    "width_eta": "width in η",
    "width_phi": "width in φ",
    "width_r": "width in r",
    "sparsity": "sparsity",
    "voxel": "voxel energy",
}

_REDRAWS, _SEED = 50, 42

Counts = Float[np.ndarray, "*draws bins"]


class Figures(NamedTuple):
    """One observable compared for each of many draws of showers, averaged over layers.

    Arguments:
        separation: separation power of each draw.
        chi_square: chi-square over degrees of freedom of each draw.
        outside: shares of the reference's and of the generated entries out of range.
    """

    separation: Float[np.ndarray, " draws"]
    chi_square: Float[np.ndarray, " draws"]
    outside: Float[np.ndarray, "draws 2"]


class Separations(Metric):
    """Separation power and chi-square of each observable, on all showers and on parts.

    The error of a value is the standard deviation over 50 bootstrap samples: showers of both
    sides are drawn with replacement, the bins stay. Redraws scatter around a sample that is
    itself off by chance, so errors are up to sqrt(3) too large close to the floor; the error of
    the floor is not.
    """

    @classmethod
    def names(cls, options: Options) -> dict[str, Shown]:
        """Name both figures of each observable."""
        del options
        return {
            f"{kind}.{name}": shown._replace(label=f"{shown.label}, {words}")
            for kind, shown in _KINDS.items()
            for name, words in _OBSERVABLES.items()
        }

    def of(self, sample: Measured) -> dict[str, Result]:
        """Compare all observables."""
        n, size = len(self.reference), len(sample)
        rng = np.random.default_rng(_SEED)
        redrawn = [_once_and_redrawn(rng, len(side)) for side in (self.reference, sample)]
        whole = figures(self.reference, sample, *redrawn)
        splits = draw_splits(n, size, self.options.splits, self.options.seed)
        m = len(splits[0].one)
        one, other = (marks([getattr(s, side) for s in splits], n) for side in ("one", "other"))
        key = m, len(splits)
        if key not in self.kept:
            self.kept[key] = figures(self.reference, self.reference, one, other)
        matched = figures(self.reference, sample, one, marks([s.sample for s in splits], size))
        made = {}
        for name, found in whole.items():
            outside = dict(zip(("reference", "generated"), found.outside[0], strict=True))
            for i, kind in enumerate(_KINDS):
                floors, sizes = self.kept[key][name][i], (n, size, m)
                floor = averaged_floor(floors, sizes, floors)
                value, *redraws = found[i]
                score = Score(float(value), float(np.std(redraws)), min(n, size))
                undefined = not np.isfinite(value)
                made[f"{kind}.{name}"] = Result(
                    score,
                    floor,
                    averaged(matched[name][i], sizes, floor),
                    reason="undefined: a side has nothing to count" if undefined else "",
                    more={"outside": outside},
                )
        return {f"{kind}.{name}": made[f"{kind}.{name}"] for kind in _KINDS for name in whole}

    def redraws(self, name: str, sample: Measured) -> np.ndarray:
        """Redraw both sides; see `Metric.redraws`."""
        sizes = len(self.reference), len(sample)
        rows = redrawn_rows(sizes, self.options.seed)
        weights = [marks(drawn, n) for drawn, n in zip(rows, sizes, strict=True)]
        return figures(self.reference, sample, *weights)[name.partition(".")[2]].separation


def separation_powers(reference: Measured, generated: Measured) -> dict[str, float]:
    """Compute the official separation powers, averaged over layers, by observable."""
    once = [np.ones((len(side), 1)) for side in (reference, generated)]
    found = figures(reference, generated, *once)
    return {name: float(one.separation[0]) for name, one in found.items()}


def figures(
    reference: Measured,
    generated: Measured,
    first: Float[np.ndarray, "n draws"],
    second: Float[np.ndarray, "m draws"],
) -> dict[str, Figures]:
    """Compare chosen showers of two samples, many choices at once.

    Arguments:
        reference: showers of Geant4; they fix the bins.
        generated: showers of a model.
        first: how often each shower of the reference counts in each draw.
        second: the same of the generated showers.

    Returns:
        Figures by observable: those of `BINNED`, and ``voxel``.

    Raises:
        GeometryError: the geometries or the bins of the voxel spectra differ.
        ConfigError: a side has no shower, or the reference holds no energy.
    """
    _check(reference, generated)
    return {
        name: _figures((pair[0] @ first).T, (pair[1] @ second).T, members)
        for name, pair, members in _tables(reference, generated)
    }


def _tables(
    reference: Measured, generated: Measured
) -> Iterator[tuple[str, tuple[Any, Any], int]]:
    """Name the observables, with tables (members (bins + 1), showers) of both samples.

    The last row of each member is outside the range.
    """
    for name in BINNED:
        edges = edges_of(reference.features, name)
        one, other = (
            marked(observable(side.features, name), edges) for side in (reference, generated)
        )
        yield name, (one, other), len(edges)
    spectra = reference.observables.spectrum.T, generated.observables.spectrum.T
    yield "voxel", spectra, 1


def _figures(p: np.ndarray, q: np.ndarray, members: int) -> Figures:
    """Compare histograms (draws, members (bins + 1)) whose last bin counts what is outside."""
    p, q = (np.ascontiguousarray(side).reshape(len(side), members, -1) for side in (p, q))
    inside = p[..., :-1], q[..., :-1]
    n, m = (side.sum(axis=-1) for side in inside)
    separated = np.where((n > 0) != (m > 0), 1.0, separation(*inside))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([side[..., -1] / side.sum(axis=-1) for side in (p, q)], axis=-1)
    return Figures(*(_mean_defined(one) for one in (separated, chi_square(p, q), shares)))


def chi_square(p: Counts, q: Counts) -> Float[np.ndarray, "*draws"]:
    """Compute chi-square over degrees of freedom of two histograms of counts.

    sum_b (sqrt(M / N) p_b - sqrt(N / M) q_b)^2 / (p_b + q_b), where N and M are the sums, over
    the number of occupied bins less one. Its mean is 1 for independent entries of one
    distribution, however few there are in a bin. NaN when a side is empty or one bin holds
    everything.
    """
    n, m = p.sum(axis=-1, keepdims=True), q.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.sqrt(m / n) * p - np.sqrt(n / m) * q
        terms = np.divide(difference**2, p + q, out=np.zeros_like(p), where=p + q > 0)
        return terms.sum(axis=-1) / ((p + q > 0).sum(axis=-1) - 1)


def _mean_defined(values: np.ndarray) -> np.ndarray:
    """Average over members, the second axis, what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    total = np.where(defined, values, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / defined.sum(axis=1))


def _once_and_redrawn(rng: np.random.Generator, n: int) -> Float[np.ndarray, "n draws"]:
    """Count every shower once in the first column, then how often n drawings bring it up."""
    made = np.ones((n, 1 + _REDRAWS))
    for column in range(1, 1 + _REDRAWS):
        made[:, column] = np.bincount(rng.integers(n, size=n), minlength=n)
    return made


def _check(reference: Measured, generated: Measured) -> None:
    check_alike(reference.features, generated.features)
    if min(len(reference), len(generated)) == 0:
        raise ConfigError("a side has no shower; give at least one on each")
    if not np.array_equal(reference.observables.edges, generated.observables.edges):
        raise GeometryError(
            "the two voxel spectra have different bins; measure both in those of the reference"
        )
