"""Histograms as a file that other programs plot: ``histograms.json`` beside the numbers.

The file follows the serialisation schema of UHI, which hist and boost-histogram read and mplhep
draws. Every histogram has a first axis ``showers``, whose bins are the samples, so that all
samples share the bins of the second axis.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.atomic import write_json
from calo4pqvae.evaluation.bins import (
    linear_edges,
    log_edges,
    number_of_bins,
    sparsity_edges,
)
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.measured.observables import Observables
from calo4pqvae.evaluation.structure.names import OBSERVABLES
from calo4pqvae.units import MeV, mm

__all__ = ["histograms", "write_histograms"]

UHI_SCHEMA = 1

_TAIL = 1e-3
"""Share of the reference on each side that is left to the outer bins: a spectrum is to be seen,
and the few showers beyond are counted in its underflow and overflow."""

_ENERGIES = 12
"""Bins of incident energy of the response: some 25 showers in each of the smallest samples."""

Samples = Mapping[str, Measured]
Edges = Float[np.ndarray, " edges"]
Sample = TypeVar("Sample")


def write_histograms(samples: Samples, path: Path) -> None:
    """Write the histograms of measured showers, whole or not at all.

    Arguments:
        samples: showers by name, the reference first.
        path: the JSON file.

    Raises:
        OutputError: the disk does not take it.
    """
    write_json(path, histograms(samples))


def histograms(samples: Samples) -> dict[str, dict[str, Any]]:
    """Make histograms of showers that were measured alike.

    Bins follow from the reference alone, so that the files of several evaluations against one
    reference can be drawn over each other.

    Arguments:
        samples: showers by name, the reference first.

    Returns:
        Histograms by name, each as UHI serialises it. Spectra of showers count them, with the
        counts as variances. The spectrum of voxels has the variances of sums over showers, as
        voxels of one shower come together. Profiles hold mean and variance over showers, and
        the number of these. Structural observables are there where layers are alike.
    """
    observables = {name: one.observables for name, one in samples.items()}
    made = dict(_spectra(observables)) | dict(_profiles(observables))
    made["voxel_energy"] = _voxels(observables)
    if all(one.structure is not None for one in samples.values()):
        made |= dict(_structure(samples))
    return made


def _spectra(samples: Mapping[str, Observables]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Count showers by what is measured on the whole of them."""
    reference = _first(samples)
    n_voxels, n_bins = reference.geometry.n_voxels, number_of_bins({"": reference.e_inc})
    energies = {"e_inc": "incident energy [MeV]", "e_tot": "total energy [MeV]"}
    for name, label in energies.items():
        values = {k: getattr(one, name) / MeV for k, one in samples.items()}
        yield name, _counted(values, log_edges(_first(values), n_bins), name, label)
    others = {"response": "response E_tot / E_inc", "depth": "energy-weighted mean layer"}
    for name, label in others.items():
        values = {k: getattr(one, name) for k, one in samples.items()}
        yield name, _counted(values, _central(_first(values), n_bins), name, label)
    values = {k: one.sparsity for k, one in samples.items()}
    edges = sparsity_edges(_first(values), n_bins, n_voxels)
    yield "sparsity", _counted(values, edges, "sparsity", "share of voxels without energy")


def _structure(samples: Samples) -> Iterator[tuple[str, dict[str, Any]]]:
    """Count showers by each structural observable."""
    for one in OBSERVABLES:
        values = {k: s.structure.column(one.name) for k, s in samples.items() if s.structure}
        edges = _central(_first(values), number_of_bins({"": _first(values)}))
        name = f"structure.{one.name}"
        label = f"{one.label} [{one.unit}]" if one.unit else one.label
        yield name, _counted(values, edges, one.name, label)


def _profiles(samples: Mapping[str, Observables]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Average over showers: energies and hits by layer and ring, response by energy."""
    reference, geometry = _first(samples), _first(samples).geometry
    layers = _axis(np.arange(geometry.n_layers + 1) - 0.5, "layer", "layer", flow=False)
    rings = _axis(np.arange(reference.e_ring.shape[1] + 1) - 0.5, "ring", "ring", flow=False)
    if geometry.is_regular:
        r_edges = np.array(geometry.layers[0].r_edges) / mm
        rings = _axis(r_edges, "r", "distance from the axis [mm]", flow=False)
    for name, axis in (("e_layer", layers), ("e_ring", rings), ("hits", layers)):
        values = [getattr(one, name) for one in samples.values()]
        rows = [(np.full(v.shape[1], len(v)), v.mean(axis=0), _variance(v)) for v in values]
        yield f"mean_{name}", _averaged(samples, axis, rows)
    edges = log_edges(reference.e_inc, _ENERGIES)
    axis = _axis(edges / MeV, "e_inc", "incident energy [MeV]", flow=False)
    rows = [_response(one, edges) for one in samples.values()]
    yield "mean_response", _averaged(samples, axis, rows)


def _voxels(samples: Mapping[str, Observables]) -> dict[str, Any]:
    """Count voxels by energy; the overflow holds all that is outside of the bins."""
    edges = _first(samples).edges
    axis = _axis(edges / MeV, "voxel_energy", "voxel energy [MeV]")
    axis["underflow"] = False
    spectra = [one.spectrum for one in samples.values()]
    values = [spectrum.sum(axis=0, dtype=np.int64) for spectrum in spectra]
    variances = [len(spectrum) * _variance(spectrum) for spectrum in spectra]
    return _histogram(samples, axis, type="weighted", values=values, variances=variances)


def _counted(
    samples: Mapping[str, np.ndarray], edges: Edges, name: str, label: str
) -> dict[str, Any]:
    """Count values; what lies beyond the edges is in the flow bins."""
    places = [np.searchsorted(edges, values, side="right") for values in samples.values()]
    counts = [np.bincount(place, minlength=len(edges) + 1) for place in places]
    axis = _axis(edges, name, label)
    return _histogram(samples, axis, type="weighted", values=counts, variances=counts)


def _averaged(samples: Mapping[str, Any], axis: dict[str, Any], rows: list) -> dict[str, Any]:
    """Make a profile of numbers, means and variances."""
    counts, values, variances = zip(*rows, strict=True)
    storage = {"counts": counts, "values": values, "variances": variances}
    return _histogram(samples, axis, type="mean", **storage)


def _histogram(
    samples: Mapping[str, Any], axis: dict[str, Any], **storage: Any
) -> dict[str, Any]:
    """Put the samples as an axis before the one given."""
    first = {"type": "category_str", "categories": list(samples), "flow": False}
    first["metadata"] = {"name": "showers", "label": "showers"}
    numbers = {k: v if k == "type" else np.stack(v).tolist() for k, v in storage.items()}
    return {"uhi_schema": UHI_SCHEMA, "axes": [first, axis], "storage": numbers}


def _axis(edges: Edges, name: str, label: str, *, flow: bool = True) -> dict[str, Any]:
    return {
        "type": "variable",
        "edges": edges.tolist(),
        "underflow": flow,
        "overflow": flow,
        "circular": False,
        "metadata": {"name": name, "label": label},
    }


def _response(sample: Observables, edges: Edges) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number, mean and variance of the response in bins of incident energy; 0 where none is."""
    places = np.searchsorted(edges, sample.e_inc, side="right") - 1
    inside = [sample.response[places == number] for number in range(len(edges) - 1)]
    counts = np.array([len(values) for values in inside])
    means = np.array([values.mean() if len(values) else 0.0 for values in inside])
    variances = np.array([float(_variance(values)) for values in inside])
    return counts, means, variances


def _variance(values: np.ndarray) -> np.ndarray:
    """Variance of single showers; 0 where there is one at most."""
    if len(values) < 2:
        return np.zeros(values.shape[1:])
    return np.asarray(values.var(axis=0, ddof=1, dtype=np.float64))


def _central(values: np.ndarray, n_bins: int) -> Edges:
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    return linear_edges(values[(values >= low) & (values <= high)], n_bins)


def _first(samples: Mapping[str, Sample]) -> Sample:
    """Take the reference."""
    return next(iter(samples.values()))
