"""An annealer to rehearse on: D-Wave's interface, our Gibbs kernel at a hidden temperature.

It stands where a `DWaveSampler` stands and refuses what the real client refuses, with the real
client's errors. It knows a working graph with holes, the ranges and times of a real chip, flux
biases, and the imperfections that make a first day on hardware surprising. What it does not
know is quantum dynamics: its states are Boltzmann samples of what the errors leave of the
problem.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from calo4pqvae._core.optional import require
from calo4pqvae._core.rng import derive_seed
from calo4pqvae.annealer.chip.constants import CHIPS, Chip, find_chip
from calo4pqvae.annealer.chip.properties import PARAMETERS, solver_properties
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.emulator.ground_truth import HiddenMachine
from calo4pqvae.annealer.emulator.imperfections import Imperfections, Wear
from calo4pqvae.annealer.jobs.timing import AccessTime
from calo4pqvae.annealer.programs.flux import flux_of_field
from calo4pqvae.annealer.programs.ranges import Ranges, coupling_group
from calo4pqvae.boltzmann.lattices import pegasus_lattice, zephyr_lattice
from calo4pqvae.errors import AnnealerError

__all__ = ["EmulatedAnnealer"]

dimod: Any = require("dimod", "qpu")
_client: Any = require("dwave.cloud.exceptions", "qpu")
_solver: Any = require("dwave.cloud.solver", "qpu")

_HONOURED = {
    "annealing_time", "answer_mode", "auto_scale", "flux_biases", "flux_drift_compensation",
    "num_reads", "programming_thermalization", "readout_thermalization",
    "reduce_intersample_correlation",
}  # fmt: skip


class EmulatedAnnealer(dimod.Sampler, dimod.Structured):
    """A `dimod.Structured` sampler that behaves like a solver behind `DWaveSampler`.

    Answers depend on the seed and on the label of the submission, or on the number of the call
    where there is no label, so that the order of labelled submissions does not matter.

    Arguments:
        chip: chip whose ranges and times it has, or its name.
        beta: hidden inverse temperature, in units of 1 / h.
        graph: working graph; by default the chip's lattice with as many working qubits and
            couplers as published, broken at random.
        imperfections: sizes of its errors.
        seed: seed of everything random.
        sweeps: Gibbs sweeps behind each read.
        failures: errors to raise at calls of these numbers, from 0.

    Attributes:
        used: access time of all submissions so far [us].
        calls: number of submissions, failed ones included.
    """

    def __init__(
        self,
        chip: Chip | str = "system4",
        *,
        beta: float = 8.5,
        graph: WorkingGraph | None = None,
        imperfections: Imperfections | None = None,
        seed: int = 0,
        sweeps: int = 200,
        failures: Mapping[int, Exception] | None = None,
    ) -> None:
        self.chip = find_chip(chip) if isinstance(chip, str) else chip
        self.graph = graph or _published_graph(self.chip, seed)
        self.beta, self.seed, self.sweeps = beta, seed, sweeps
        self.failures = dict(failures or {})
        self.used, self.calls = AccessTime(), 0
        self._properties = solver_properties(self.chip, self.graph)
        self._nodes = self.graph.qubits.tolist()
        self._edges = list(map(tuple, self.graph.couplers.tolist()))
        lattice = zephyr_lattice if self.graph.topology == "zephyr" else pegasus_lattice
        self._colour = lattice(self.graph.grid[0])[0]
        self._wear = Wear(
            imperfections or Imperfections(),
            self.graph,
            np.random.default_rng(derive_seed(seed, 1)),
        )
        self._unit = flux_of_field(self.chip)
        self._machines: dict[bytes, HiddenMachine] = {}
        data = {"identity": {"name": self.graph.solver}, "properties": self._properties}
        self._estimator = _solver.StructuredSolver(
            None, {**data, "description": "", "status": "ONLINE"}
        )

    @property
    def properties(self) -> dict[str, Any]:
        """What the solver says of itself."""
        return self._properties

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Parameters of `sample`."""
        return {**{name: ["parameters"] for name in PARAMETERS}, "label": []}

    @property
    def nodelist(self) -> list[int]:
        """Working qubits."""
        return self._nodes

    @property
    def edgelist(self) -> list[tuple[int, int]]:
        """Working couplers."""
        return self._edges

    @dimod.bqm_structured
    def sample(self, bqm: Any, label: str | None = None, **parameters: Any) -> Any:
        """Answer a submission.

        Arguments:
            bqm: fields and couplings on working qubits and couplers.
            label: name of the submission.
            parameters: as of a real solver.

        Raises:
            BinaryQuadraticModelStructureError: a qubit or coupler does not work.
            KeyError: a parameter is unknown.
            SolverFailureError: values, numbers or times are out of range.
            NotImplementedError: a parameter exists but is not emulated.
        """
        call, self.calls = self.calls, self.calls + 1
        if call in self.failures:
            raise self.failures[call]
        reads = self._check_parameters(parameters)
        h, (a, b, j), _, names = bqm.spin.to_numpy_vectors(return_labels=True)
        qubits, ends = np.array(names, dtype=np.int64), np.stack([a, b]).astype(np.int64)
        scale = self._check_values(qubits, ends, h, j, bool(parameters.get("auto_scale", True)))
        flux = np.array(parameters.get("flux_biases") or np.zeros(self.graph.n_places))
        time = self._time(len(qubits), reads, parameters)
        name = int.from_bytes(label.encode(), "big") if label else call
        rng = np.random.default_rng([self.seed, int(label is None), name])
        spins = self._draw(qubits, ends, (h / scale, j / scale, flux[qubits]), reads, rng)
        self.used = self.used + time
        energy = spins @ h + (spins[:, ends[0]] * spins[:, ends[1]]) @ j
        info = {
            "problem_id": f"emulated-{derive_seed(self.seed, call):016x}",
            "problem_label": label,
            "timing": _timing_fields(time, reads),
        }
        answer = dimod.SampleSet.from_samples(
            (spins, names), energy=energy, vartype="SPIN", info=info
        )
        raw = parameters.get("answer_mode", "histogram") == "raw"
        return answer if raw else answer.aggregate().slice(sorted_by="energy")

    def _draw(
        self,
        qubits: np.ndarray,
        ends: np.ndarray,
        values: tuple[np.ndarray, np.ndarray, np.ndarray],
        reads: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Programmed values, errors, hidden temperature, states, readout errors."""
        wear, sizes = self._wear, self._wear.sizes
        h, j, flux = values
        seconds = 1e-6 * self.used.total
        wear.age(seconds)
        held = flux.clip(-sizes.flux_limit, sizes.flux_limit) + wear.offsets(qubits)
        field = h + wear.fields(qubits, rng) + held / self._unit
        coupling = j + wear.couplings(qubits[ends.T], rng)
        beta = self.beta * (1 + sizes.beta_drift * seconds)
        spins = self._machine(qubits, ends).draw(
            beta * field,
            beta * coupling,
            reads,
            sweeps=self.sweeps,
            key=int(rng.integers(2**62)),
            between=sizes.between_reads,
        )
        wrong = rng.random(spins.shape) < sizes.readout if sizes.readout else False
        return np.where(wrong, -spins, spins)

    def _machine(self, qubits: np.ndarray, ends: np.ndarray) -> HiddenMachine:
        """Keep the neighbours of the last problem's qubits, as the next one has the same."""
        key = qubits.tobytes() + ends.tobytes()
        if key not in self._machines:
            self._machines = {key: HiddenMachine(self._colour[qubits], ends)}
        return self._machines[key]

    def _check_parameters(self, parameters: Mapping[str, Any]) -> int:
        """Refuse what a solver refuses; return the number of reads."""
        for name, value in parameters.items():
            if name not in PARAMETERS and not name.startswith("x_"):
                raise KeyError(f"{name} is not a parameter of this solver.")
            if name not in _HONOURED and value is not None:
                raise NotImplementedError(f"the emulator knows {name} but cannot honour it")
        reads, flux = parameters.get("num_reads", 1), parameters.get("flux_biases")
        low, high = self.properties["num_reads_range"]
        if not low <= reads <= high:
            raise _client.SolverFailureError(f"num_reads must be {low} to {high}, not {reads}")
        low, high = self.properties["annealing_time_range"]
        if not low <= parameters.get("annealing_time", low) <= high:
            raise _client.SolverFailureError(f"annealing_time must be {low} to {high} us")
        if flux is not None and len(flux) != self.graph.n_places:
            raise _client.SolverFailureError(
                f"flux_biases must hold {self.graph.n_places} numbers, not {len(flux)}"
            )
        if flux is not None and parameters.get("auto_scale", True):
            raise _client.SolverFailureError("flux_biases cannot be used with auto_scale")
        return int(reads)

    def _check_values(
        self, qubits: np.ndarray, ends: np.ndarray, h: np.ndarray, j: np.ndarray, auto: bool
    ) -> float:
        """Refuse values out of range, or find the number that brings them inside."""
        group = coupling_group(
            self.graph.topology,
            self.graph.grid,
            qubits[ends.T],
            grouped="per_group_coupling_range" in self.properties,
        )
        ranges = Ranges.of(self.properties)
        report = ranges.check(h[None], j, group)
        if auto:
            return report.excess or 1.0
        if not report.inside:
            raise _client.SolverFailureError(f"the problem is out of range: {report}")
        return 1.0

    def _time(self, n_qubits: int, reads: int, parameters: Mapping[str, Any]) -> AccessTime:
        """Ask Ocean's estimator, and refuse runs that are too long."""
        names = ("annealing_time", "programming_thermalization", "readout_thermalization")
        given = {name: parameters[name] for name in names if name in parameters}
        total = float(self._estimator.estimate_qpu_access_time(n_qubits, reads, **given))
        anneal = reads * given.get("annealing_time", 20.0)
        readout, wait = reads * self.chip.readout_us, reads * self.chip.delay_us
        wait += reads * given.get("readout_thermalization", 0.0)
        time = AccessTime(anneal, readout, wait, total - anneal - readout - wait)
        limit = self.properties["problem_run_duration_range"][1]
        if time.sampling > limit:
            raise _client.SolverFailureError(
                f"the run takes {time.sampling:.0f} us, more than the {limit:.0f} us allowed"
            )
        return time


def _estimator(name: str, properties: dict[str, Any]) -> Any:
    """Make a solver object of Ocean's, for its estimator of access times."""
    about = {"identity": {"name": name}, "description": "", "status": "ONLINE"}
    return _solver.StructuredSolver(None, {**about, "properties": properties})


def _published_graph(chip: Chip, seed: int) -> WorkingGraph:
    if chip.name not in CHIPS:
        raise AnnealerError(f"give the working graph of the chip {chip.name}")
    perfect = WorkingGraph.perfect(chip.topology, chip.grid, f"emulated {chip.name}")
    return perfect.with_defects(chip.qubits, chip.couplers, derive_seed(seed, 2))


def _timing_fields(time: AccessTime, reads: int) -> dict[str, float]:
    """Times under the names of a solver's answer [us]."""
    return {
        "qpu_sampling_time": time.sampling,
        "qpu_anneal_time_per_sample": time.anneal / reads,
        "qpu_readout_time_per_sample": time.readout / reads,
        "qpu_delay_time_per_sample": time.wait / reads,
        "qpu_access_time": time.total,
        "qpu_access_overhead_time": 0.0,
        "qpu_programming_time": time.programming,
        "total_post_processing_time": 0.0,
        "post_processing_overhead_time": 0.0,
    }
