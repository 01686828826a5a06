"""An annealer to rehearse on: D-Wave's interface, our Gibbs kernel at a hidden temperature.

It stands where a `DWaveSampler` stands and refuses what the real client refuses, with the real
client's errors. It knows a working graph with holes, the ranges and times of a real chip, flux
biases, and the imperfections that make a first day on hardware surprising. What it does not
know is quantum dynamics: its states are Boltzmann samples of what the errors leave of the
problem.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np

from calo4pqvae._core.optional import require
from calo4pqvae._core.rng import derive_seed
from calo4pqvae.annealer.chip.constants import CHIPS, Chip, find_chip
from calo4pqvae.annealer.chip.properties import PARAMETERS, solver_properties
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.emulator.ground_truth import GroundTruth
from calo4pqvae.annealer.emulator.imperfections import Imperfections, NoiseModel
from calo4pqvae.annealer.emulator.parameters import check_parameters
from calo4pqvae.annealer.jobs.timing import AccessTime
from calo4pqvae.annealer.programs.flux import flux_of_field
from calo4pqvae.annealer.programs.ranges import Ranges, coupling_group
from calo4pqvae.boltzmann.lattices import pegasus_lattice, zephyr_lattice
from calo4pqvae.errors import AnnealerError, ConfigError

__all__ = ["EmulatedAnnealer"]

dimod: Any = require("dimod", "qpu")
_client: Any = require("dwave.cloud.exceptions", "qpu")
_solver: Any = require("dwave.cloud.solver", "qpu")


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

    Raises:
        ConfigError: the inverse temperature is no number above zero, or the chip is unknown.

    Example:
        >>> chip = EmulatedAnnealer("system4", beta=8.5)
        >>> len(chip.nodelist), len(chip.edgelist), chip.properties["h_range"]
        (1202, 10537, [-6.0, 6.0])
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
        if not 0 < beta < float("inf"):
            raise ConfigError(f"a chip has an inverse temperature above zero, not {beta}")
        self.chip = find_chip(chip) if isinstance(chip, str) else chip
        self.graph = graph or _published_graph(self.chip, seed)
        self.beta, self.seed, self.sweeps = beta, seed, sweeps
        self.failures, self.used, self.calls = dict(failures or {}), AccessTime(), 0
        self._properties = solver_properties(self.chip, self.graph)
        self._nodes = self.graph.qubits.tolist()
        self._edges = list(map(tuple, self.graph.couplers.tolist()))
        lattice = zephyr_lattice if self.graph.topology == "zephyr" else pegasus_lattice
        self._colour = lattice(self.graph.grid[0])[0]
        self._noise = NoiseModel(
            imperfections or Imperfections(),
            self.graph,
            np.random.default_rng(derive_seed(seed, 1)),
        )
        self._unit = flux_of_field(self.chip, self.graph.topology)
        self._machines: dict[bytes, GroundTruth] = {}
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

        Returns:
            reads in the variables of the model, 0/1 or spins, with its energies.
        """
        call, self.calls = self.calls, self.calls + 1
        if call in self.failures:
            raise self.failures[call]
        reads, parameters = check_parameters(parameters, self.properties)
        h, (a, b, j), offset, names = bqm.spin.to_numpy_vectors(return_labels=True)
        h, j = np.asarray(h, np.float64), np.asarray(j, np.float64)
        qubits, ends = np.array(names, dtype=np.int64), np.stack([a, b]).astype(np.int64)
        if parameters.get("fast_anneal") and h.any():
            raise _client.SolverFailureError("h is not allowed under a fast anneal")
        scale = self._check_values(qubits, ends, h, j, bool(parameters.get("auto_scale", True)))
        flux = np.asarray(parameters.get("flux_biases", np.zeros(self.graph.n_places)))
        time = self._time(len(qubits), reads, parameters)
        name = int.from_bytes(label.encode(), "big") if label else call
        rng = np.random.default_rng([self.seed, int(label is None), name])
        spins = self._draw(qubits, ends, (h / scale, j / scale, flux[qubits]), reads, rng)
        self.used = self.used + time
        energy = spins @ h + (spins[:, ends[0]] * spins[:, ends[1]]) @ j + float(offset)
        info = {
            "problem_id": f"emulated-{uuid.uuid4()}",  # never twice, after a restart neither
            "problem_label": label,
            "timing": time.fields(reads),
        }
        answer = dimod.SampleSet.from_samples(
            (spins, names), energy=energy, vartype="SPIN", info=info
        ).change_vartype(bqm.vartype, inplace=False)
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
        if not len(qubits):
            return np.zeros((reads, 0), np.int8)
        noise, sizes = self._noise, self._noise.sizes
        h, j, flux = values
        seconds = 1e-6 * self.used.total
        noise.age(seconds)
        held = flux.clip(-sizes.flux_limit, sizes.flux_limit) + noise.offsets(qubits)
        field = h + noise.fields(qubits, rng) + held / self._unit
        coupling = j + noise.couplings(qubits[ends.T], rng)
        if sizes.leakage:
            field = field + noise.leaked(field, coupling, ends)
        beta = np.full(len(qubits), self.beta * (1 + sizes.beta_drift * seconds))
        if sizes.freeze_out:
            beta = beta * noise.coldness(field, coupling, ends)
        spins = self._machine(qubits, ends).draw(
            beta * field,
            np.sqrt(beta[ends[0]] * beta[ends[1]]) * coupling,
            reads,
            sweeps=self.sweeps,
            key=int(rng.integers(2**62)),
            between=sizes.between_reads,
        )
        if sizes.repeats:
            fresh = rng.random(reads) >= sizes.repeats
            fresh[0] = True
            spins = spins[np.maximum.accumulate(np.where(fresh, np.arange(reads), 0))]
        wrong = rng.random(spins.shape) < sizes.readout if sizes.readout else False
        return np.where(wrong, -spins, spins)

    def _machine(self, qubits: np.ndarray, ends: np.ndarray) -> GroundTruth:
        """Keep the neighbours of the last problem's qubits, as the next one has the same."""
        key = qubits.tobytes() + ends.tobytes()
        if key not in self._machines:
            self._machines = {key: GroundTruth(self._colour[qubits], ends)}
        return self._machines[key]

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


def _published_graph(chip: Chip, seed: int) -> WorkingGraph:
    if chip.name not in CHIPS or chip.qubits is None or chip.couplers is None:
        raise AnnealerError(f"give the working graph of the chip {chip.name}")
    perfect = WorkingGraph.perfect(chip.topology, chip.grid, f"emulated {chip.name}")
    return perfect.with_defects(chip.qubits, chip.couplers, derive_seed(seed, 2))
