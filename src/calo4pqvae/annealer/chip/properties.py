"""What a solver says of itself, put together for the emulator from published values."""

from typing import Any

from calo4pqvae.annealer.chip.constants import Chip
from calo4pqvae.annealer.chip.working_graph import WorkingGraph

__all__ = ["PARAMETERS", "solver_properties"]

PARAMETERS = (
    "anneal_offsets",
    "anneal_schedule",
    "annealing_time",
    "answer_mode",
    "auto_scale",
    "fast_anneal",
    "flux_biases",
    "flux_drift_compensation",
    "h_gain_schedule",
    "initial_state",
    "num_reads",
    "programming_thermalization",
    "readout_thermalization",
    "reduce_intersample_correlation",
    "reinitialize_state",
)
"""Parameters that such a solver knows; the emulator refuses those that it cannot honour."""

_THERMALIZATION = 1000.0


def solver_properties(chip: Chip, graph: WorkingGraph) -> dict[str, Any]:
    """Assemble the properties of a solver, under D-Wave's names [us].

    The time to read all qubits stands for any number of them: only that is published.
    """
    ranges = {
        "h_range": list(chip.h_range),
        "j_range": list(chip.j_range),
        "extended_j_range": list(chip.extended_j_range),
        "num_reads_range": [1, 10000],
        "annealing_time_range": [0.5, 2000.0],
        "fast_anneal_time_range": [0.005, 2000.0],
        "problem_run_duration_range": [0.0, 1e6],
        "programming_thermalization_range": [0.0, 1e4],
        "readout_thermalization_range": [0.0, 1e4],
        "h_gain_schedule_range": [-1.0, 1.0],
    }
    if chip.group_range is not None:
        ranges["per_group_coupling_range"] = list(chip.group_range)
    if chip.qubit_range is not None:
        ranges["per_qubit_coupling_range"] = list(chip.qubit_range)
    return {
        "chip_id": graph.solver,
        "category": "qpu",
        "topology": {"type": graph.topology, "shape": list(graph.grid)},
        "num_qubits": graph.n_places,
        "qubits": graph.qubits.tolist(),
        "couplers": graph.couplers.tolist(),
        "supported_problem_types": ["ising", "qubo"],
        "parameters": dict.fromkeys(PARAMETERS),
        "default_annealing_time": 20.0,
        "default_programming_thermalization": _THERMALIZATION,
        "default_readout_thermalization": 0.0,
        "max_anneal_schedule_points": 12,
        "max_h_gain_schedule_points": 20,
        "quota_conversion_rate": 1,
        "tags": [],
        "problem_timing_data": _timing_data(chip),
        **ranges,
    }


def _timing_data(chip: Chip) -> dict[str, Any]:
    """The numbers that Ocean's estimator of access times works with."""
    return {
        "version": "1.0.0",
        "typical_programming_time": chip.programming_us - _THERMALIZATION,
        "default_programming_thermalization": _THERMALIZATION,
        "default_annealing_time": 20.0,
        "default_readout_thermalization": 0.0,
        "readout_time_model": "pwl_linear",
        "readout_time_model_parameters": [0.0, 1e5, chip.readout_us, chip.readout_us],
        "qpu_delay_time_per_sample": chip.delay_us,
        "reverse_annealing_with_reinit_prog_time_delta": 0.0,
        "reverse_annealing_without_reinit_prog_time_delta": 0.0,
        "reverse_annealing_with_reinit_delay_time_delta": 0.0,
        "reverse_annealing_without_reinit_delay_time_delta": 0.0,
        "decorrelation_max_nominal_anneal_time": 2000.0,
        "decorrelation_time_range": [0.0, 0.0],
    }
