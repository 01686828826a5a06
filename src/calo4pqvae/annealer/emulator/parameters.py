"""Parameters of a submission to the emulator: what a solver would refuse is refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from calo4pqvae._core.optional import require
from calo4pqvae.annealer.chip.properties import PARAMETERS

__all__ = ["check_parameters"]

_client: Any = require("dwave.cloud.exceptions", "qpu")

_HONOURED = {
    "annealing_time", "answer_mode", "auto_scale", "fast_anneal", "flux_biases",
    "flux_drift_compensation",
    "num_reads", "programming_thermalization", "readout_thermalization",
    "reduce_intersample_correlation",
}  # fmt: skip

_MODES = ("raw", "histogram")


def check_parameters(
    given: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Check the parameters of a submission; those that are None are not set.

    Returns:
        the number of reads, and the parameters that are set.

    Raises:
        KeyError: a parameter is unknown.
        NotImplementedError: a parameter exists but is not emulated.
        SolverFailureError: a value is out of range.
    """
    for name, value in given.items():
        if name not in PARAMETERS and not name.startswith("x_"):
            raise KeyError(f"{name} is not a parameter of this solver.")
        if name not in _HONOURED and value is not None:
            raise NotImplementedError(f"the emulator knows {name} but cannot honour it")
    parameters = {name: value for name, value in given.items() if value is not None}
    reads, flux = parameters.get("num_reads", 1), parameters.get("flux_biases")
    low, high = properties["num_reads_range"]
    if int(reads) != reads or not low <= reads <= high:
        raise _client.SolverFailureError(f"num_reads must be {low} to {high}, not {reads}")
    fast = parameters.get("fast_anneal", False)
    low, high = properties["fast_anneal_time_range" if fast else "annealing_time_range"]
    if not low <= parameters.get("annealing_time", low) <= high:
        raise _client.SolverFailureError(f"annealing_time must be {low} to {high} us")
    if fast and "annealing_time" not in parameters:
        raise _client.SolverFailureError("a fast anneal needs its annealing_time")
    mode = parameters.get("answer_mode", "histogram")
    if mode not in _MODES:
        raise _client.SolverFailureError(f"answer_mode must be one of {_MODES}, not {mode}")
    places = properties["num_qubits"]
    if flux is not None and np.shape(flux) != (places,):
        raise _client.SolverFailureError(
            f"flux_biases must hold {places} numbers, not {np.size(flux)}"
        )
    if flux is not None and not np.isfinite(np.asarray(flux, np.float64)).all():
        raise _client.SolverFailureError("flux_biases must be finite")
    if flux is not None and parameters.get("auto_scale", True):
        raise _client.SolverFailureError("flux_biases cannot be used with auto_scale")
    return int(reads), parameters
