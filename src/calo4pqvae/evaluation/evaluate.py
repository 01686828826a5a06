"""Compare files of showers with Geant4: the content of metrics.json and of comparison.json."""

import platform
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae import __version__
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError, GeometryError, PhysicsWarning
from calo4pqvae.evaluation.decomposition import parts
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.registry import metric_classes
from calo4pqvae.evaluation.metrics_file import SCHEMA
from calo4pqvae.evaluation.plain_json import without_nan
from calo4pqvae.evaluation.ranking import RANKED_BY, Standing, rank, ranked_by
from calo4pqvae.evaluation.resampling import Resampling
from calo4pqvae.evaluation.result import Result
from calo4pqvae.units import GeV

__all__ = ["Evaluation", "check_files", "compare", "evaluate"]

_MIN_SHOWERS = 20
_MIN_P_VALUE = 1e-4
_MAX_FAINT = 0.01


class Evaluation:
    """Judges samples against one reference, by all metrics of the registry.

    Arguments:
        reference: showers of Geant4 that no model has seen.
        rows: rows of the reference to use, such as a split's test rows; None takes all.
        options: classifiers, windows, and the like.

    Raises:
        ConfigError: the reference holds no energy.
    """

    def __init__(
        self,
        reference: ShowerFile,
        rows: Int[np.ndarray, " rows"] | None = None,
        options: Options | None = None,
    ) -> None:
        self.options = options or Options()
        classes = list(metric_classes())
        self.voxels = max(made.voxels(self.options) for made in classes)
        self.reference = Measured.from_file(reference, rows, voxels=self.voxels)
        self.metrics = [made(self.reference, self.options) for made in classes]
        self.shown = {k: v for made in classes for k, v in made.names(self.options).items()}

    def measure(self, file: ShowerFile) -> Measured:
        """Measure showers of a model in the bins of the reference."""
        return Measured.from_file(file, like=self.reference, voxels=self.voxels)

    def results(self, sample: Measured) -> dict[str, Result]:
        """Judge a sample: all results, by name."""
        made: dict[str, Result] = {}
        for metric in self.metrics:
            made |= metric.of(sample)
            for side in (self.reference, sample):
                side.release()
        return made

    def block(
        self, sample: Measured, name: str, results: Mapping[str, Result]
    ) -> dict[str, Any]:
        """Describe a sample and its results for JSON.

        Returns:
            ``n``, the source of the showers and their ``threshold``, ``energies`` (whether the
            incident energies agree), ``metrics`` (`Result.to_dict` by name), ``omitted``
            (windows with too few showers), and ``structure`` where layers are alike.
        """
        made = _describe(sample, name)
        made["energies"] = _compare_energies(sample, self.reference, name)
        made["metrics"] = {k: one.to_dict(self.shown.get(k)) for k, one in results.items()}
        for metric in self.metrics:
            made |= metric.describe(sample)
        return made

    def of(self, generated: Measured, reconstructed: Measured | None = None) -> dict[str, Any]:
        """Compare generated showers with Geant4.

        Arguments:
            generated: showers of a model.
            reconstructed: the reference showers passed through encoder and decoder.

        Returns:
            The content of metrics.json: ``schema``, ``software``, ``reference`` and
            ``generated``, a block as `block` describes it. With reconstructed showers also
            ``reconstructed``, a block of the same kind, whose floor is that of independent
            showers, so that it should lie well below; and ``parts``, see `decomposition`.
        """
        result = _head(self)
        samples = {"generated": generated, "reconstructed": reconstructed}
        for name, sample in samples.items():
            if sample is not None:
                result[name] = self.block(sample, name, self.results(sample))
        if reconstructed is not None:
            result["parts"] = parts(generated, reconstructed, result)
        return without_nan(result)

    def redraws(self, name: str, sample: Measured) -> np.ndarray:
        """Redraw both sides and take a score again, see `Metric.redraws`."""
        for metric in self.metrics:
            if name in metric.names(self.options):
                return metric.redraws(name, sample)
        raise ConfigError(f"there is no metric {name!r}")


def evaluate(
    generated: ShowerFile,
    reference: ShowerFile,
    reconstructed: ShowerFile | None = None,
    rows: Int[np.ndarray, " rows"] | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """Compare generated showers with Geant4.

    Arguments:
        generated: showers of the model.
        reference: Geant4 showers that the model has not seen.
        reconstructed: the reference showers passed through encoder and decoder.
        rows: rows of the reference to use, such as a split's test rows; None takes all.
        options: classifiers, windows, and the like.

    Returns:
        The content of metrics.json, as `Evaluation.of` describes it.

    Raises:
        GeometryError: the files have different geometries.
        ConfigError: a file has fewer than 20 showers, or the reference holds no energy.

    Example:
        >>> from calo4pqvae.evaluation.metrics.metric import Options
        >>> with ShowerFile(sample_path()) as file:
        ...     found = evaluate(file, file, rows=np.arange(200), options=Options("none"))
        >>> found["generated"]["n"], found["reference"]["n"]
        (1425, 200)
        >>> found["generated"]["metrics"]["response"]["verdict"]
        'within floor'
    """
    files = {"generated": generated, "reconstructed": reconstructed}
    check_files({k: v for k, v in files.items() if v is not None}, reference, rows)
    evaluation = Evaluation(reference, rows, options)
    return evaluation.of(
        evaluation.measure(generated),
        None if reconstructed is None else evaluation.measure(reconstructed),
    )


def compare(
    evaluation: Evaluation, systems: Mapping[str, ShowerFile]
) -> tuple[dict[str, Any], dict[str, Measured]]:
    """Score every system on all its showers, and rank them by their differences.

    Arguments:
        evaluation: with the reference.
        systems: showers of each system, by name.

    Returns:
        The content of comparison.json: ``schema``, ``software``, ``reference``, ``systems``
        (a block of each, see `Evaluation.block`), ``ranked_by`` and ``ranking``. And the
        systems as measured, without their features, which take most memory.
    """
    results, redraws, blocks, seen = {}, {}, {}, {}
    for name, file in systems.items():
        sample = evaluation.measure(file)
        found = results[name] = evaluation.results(sample)
        blocks[name] = evaluation.block(sample, name, found)
        redraws[name] = {
            key: evaluation.redraws(key, sample) for key in RANKED_BY if found[key].verdict
        }
        seen[name] = replace(sample, features=sample.features.take(np.arange(0)))
    by = ranked_by(list(results.values()))
    standings = {
        key: [
            Standing.of(name, found[key], redraws[name][key], blocks[name]["n"])
            for name, found in results.items()
        ]
        for key in by
    }
    ranking = [place._asdict() for place in rank(standings)]
    scored = {"systems": blocks, "ranked_by": by, "ranking": ranking}
    return without_nan(_head(evaluation) | scored), seen


def check_files(
    samples: Mapping[str, ShowerFile],
    reference: ShowerFile,
    rows: Int[np.ndarray, " rows"] | None = None,
) -> None:
    """Refuse files that cannot be compared before anything is measured on them.

    Arguments:
        samples: showers of models, by name.
        reference: Geant4 showers.
        rows: rows of the reference to use; None takes all.

    Raises:
        GeometryError: the geometries differ.
        ConfigError: a side has fewer than 20 showers.
    """
    for name, sample in samples.items():
        if sample.geometry != reference.geometry:
            raise GeometryError(
                f"the {name} and the reference showers have different geometries "
                f"({sample.geometry.n_voxels} and {reference.geometry.n_voxels} voxels, "
                f"thresholds {sample.geometry.threshold:g} and "
                f"{reference.geometry.threshold:g} MeV); compare showers of one calorimeter"
            )
        chosen = len(reference) if rows is None else len(rows)
        for n, label in ((len(sample), name), (chosen, "reference")):
            if n < _MIN_SHOWERS:
                raise ConfigError(
                    f"{n} {label} showers are too few to compare; give at least {_MIN_SHOWERS}"
                )


def _head(evaluation: Evaluation) -> dict[str, Any]:
    """Say by what, and against what, showers are judged."""
    software = {
        "calo4pqvae": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    reference = _describe(evaluation.reference, "reference")
    return {"schema": SCHEMA, "software": software, "reference": reference}


def _compare_energies(sample: Measured, reference: Measured, name: str) -> dict[str, Any]:
    """Compare incident spectra: observables may be compared at equal energies only."""
    if Resampling(sample.e_inc, reference.e_inc).paired:
        return {"paired": True, "ks_distance": 0.0, "p_value": 1.0}
    from scipy.stats import ks_2samp

    test: Any = ks_2samp(sample.e_inc, reference.e_inc, method="asymp")
    distance, p_value = float(test.statistic), float(test.pvalue)
    if p_value < _MIN_P_VALUE:
        medians = [np.median(side.e_inc) / GeV for side in (sample, reference)]
        warnings.warn(
            f"the incident energies of the {name} and the reference showers differ (medians "
            f"{medians[0]:.3g} and {medians[1]:.3g} GeV, cumulative distributions by up to "
            f"{distance:.2f}, p = {p_value:.1g}), so differences in the figures below are not "
            "the model's alone; generate at the energies of the reference",
            PhysicsWarning,
            stacklevel=2,
        )
    return {"paired": False, "ks_distance": distance, "p_value": p_value}


def _describe(sample: Measured, name: str) -> dict[str, Any]:
    """Say where showers come from, and what the readout threshold removed from them."""
    seen, limit = sample.observables, sample.geometry.threshold
    removed, kept = int(seen.below_threshold.sum()), int(seen.hits.sum())
    if removed > _MAX_FAINT * (removed + kept):
        warnings.warn(
            f"{removed} of {removed + kept} {name} deposits lie below the readout threshold of "
            f"{limit:.4g} MeV and were set to zero before comparing; "
            "apply the threshold when the showers are made",
            PhysicsWarning,
            stacklevel=2,
        )
    threshold = {"energy": limit, "unit": "MeV", "voxels_removed": removed}
    return {"n": len(sample), **sample.source, "threshold": threshold | {"voxels_kept": kept}}
