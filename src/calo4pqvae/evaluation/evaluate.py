"""Compare a file of generated showers with Geant4: the content of metrics.json."""

import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae import __version__
from calo4pqvae._core.atomic import write_json
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError, GeometryError, PhysicsWarning
from calo4pqvae.evaluation.comparison import WINDOWS, Windows, compare, compare_windows
from calo4pqvae.evaluation.features.observables import Observables
from calo4pqvae.evaluation.plain_json import without_nan
from calo4pqvae.evaluation.resampling import Resampling
from calo4pqvae.units import GeV

__all__ = ["SCHEMA", "check_files", "evaluate", "evaluate_observables", "write_metrics"]

SCHEMA = 3
"""Version of metrics.json; metrics.schema.json describes it."""

_MIN_SHOWERS = 20
_MIN_P_VALUE = 1e-4
_MAX_FAINT = 0.01


def evaluate(
    generated: ShowerFile,
    reference: ShowerFile,
    reconstructed: ShowerFile | None = None,
    rows: Int[np.ndarray, " rows"] | None = None,
) -> dict[str, Any]:
    """Compare generated showers with Geant4.

    Arguments:
        generated: showers of the model.
        reference: Geant4 showers that the model has not seen.
        reconstructed: the reference showers passed through encoder and decoder.
        rows: rows of the reference to use, such as a split's test rows; None takes all.

    Returns:
        The content of metrics.json, as `evaluate_observables` describes it.

    Raises:
        GeometryError: the files have different geometries.
        ConfigError: a file has fewer than 20 showers.

    Example:
        >>> with ShowerFile(sample_path()) as file:
        ...     found = evaluate(file, file, rows=np.arange(200))
        >>> found["n_generated"], found["n_reference"]
        (1425, 200)
    """
    return evaluate_observables(
        Observables.from_file(generated),
        Observables.from_file(reference, rows),
        None if reconstructed is None else Observables.from_file(reconstructed),
    )


def evaluate_observables(
    generated: Observables,
    reference: Observables,
    reconstructed: Observables | None = None,
    windows: Windows = WINDOWS,
) -> dict[str, Any]:
    """Compare measured showers with measured Geant4 showers.

    Arguments:
        generated: showers of a model.
        reference: showers of Geant4 that the model has not seen.
        reconstructed: the reference showers passed through encoder and decoder.
        windows: windows of incident energy, lower and upper ends [MeV].

    Returns:
        A dictionary with ``schema``, ``software``, ``n_generated``, ``n_reference``,
        ``generated`` and ``reference`` (source and threshold), ``energies`` (whether the
        incident energies agree), ``metrics`` (named entries, see
        `calo4pqvae.evaluation.entries`) and ``omitted`` (windows with too few showers). With
        reconstructed showers also ``n_reconstructed`` and ``reconstructed``, a block of the
        same kind; its floor is that of independent showers, so it should lie well below.

    Raises:
        GeometryError: the geometries differ.
        ConfigError: a side has fewer than 20 showers.
    """
    result = {
        "schema": SCHEMA,
        "software": {
            "calo4pqvae": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "n_generated": len(generated),
        "n_reference": len(reference),
        "generated": _describe(generated, "generated"),
        "reference": _describe(reference, "reference"),
        **_block(generated, reference, "generated", windows),
    }
    if reconstructed is not None:
        result["n_reconstructed"] = len(reconstructed)
        result["reconstructed"] = {
            **_describe(reconstructed, "reconstructed"),
            **_block(reconstructed, reference, "reconstructed", windows),
        }
    return result


def write_metrics(metrics: Mapping[str, Any], path: Path) -> None:
    """Write metrics.json, whole or not at all; a number that is not finite is written as null.

    Raises:
        OutputError: the disk does not take it.
    """
    write_json(path, without_nan(metrics))


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
    chosen = len(reference) if rows is None else len(rows)
    for name, sample in samples.items():
        _check(sample, reference, name, chosen)


def _block(
    sample: Observables, reference: Observables, name: str, windows: Windows
) -> dict[str, Any]:
    _check(sample, reference, name, len(reference))
    inside, omitted = compare_windows(sample, reference, windows)
    return {
        "energies": _compare_energies(sample, reference, name),
        "metrics": {**compare(sample, reference), **inside},
        "omitted": omitted,
    }


def _check(
    sample: Observables | ShowerFile,
    reference: Observables | ShowerFile,
    name: str,
    n_reference: int,
) -> None:
    if sample.geometry != reference.geometry:
        raise GeometryError(
            f"the {name} and the reference showers have different geometries "
            f"({sample.geometry.n_voxels} and {reference.geometry.n_voxels} voxels, thresholds "
            f"{sample.geometry.threshold:g} and {reference.geometry.threshold:g} MeV); "
            "compare showers of one calorimeter"
        )
    for n, label in ((len(sample), name), (n_reference, "reference")):
        if n < _MIN_SHOWERS:
            raise ConfigError(
                f"{n} {label} showers are too few to compare; give at least {_MIN_SHOWERS}"
            )


def _compare_energies(sample: Observables, reference: Observables, name: str) -> dict[str, Any]:
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


def _describe(sample: Observables, name: str) -> dict[str, Any]:
    """Say where showers come from, and what the readout threshold removed from them."""
    removed, kept = int(sample.below_threshold.sum()), int(sample.hits.sum())
    if removed > _MAX_FAINT * (removed + kept):
        warnings.warn(
            f"{removed} of {removed + kept} {name} deposits lie below the readout threshold of "
            f"{sample.geometry.threshold:.4g} MeV and were set to zero before comparing; "
            "apply the threshold when the showers are made",
            PhysicsWarning,
            stacklevel=2,
        )
    threshold = {"energy": sample.geometry.threshold, "unit": "MeV", "voxels_removed": removed}
    return {**sample.source, "threshold": {**threshold, "voxels_kept": kept}}
