"""The solver as the dispatcher sees it: submit, wait, collect later, find again by its label.

Anything that answers like a `DWaveSampler` will do: the real one, Ocean's mock, the emulator.
Only the real one has a cloud client behind it that remembers submissions.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from calo4pqvae._core.optional import require
from calo4pqvae.annealer.jobs.budget import estimate
from calo4pqvae.annealer.jobs.timing import AccessTime
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.errors import AnnealerError, ConfigError

__all__ = [
    "Answer",
    "Backend",
    "BrokenTicket",
    "Ticket",
    "explain",
    "is_transient",
    "scrub",
    "wait_with_backoff",
]

_STEP_S = 0.05
_TOO_MANY = 429


@dataclass(frozen=True, eq=False)
class Answer:
    """Reads of one submission.

    Attributes:
        spins: state of each qubit of the program in each read.
        problem_id: the solver's name of the submission.
        time: what it cost, by the solver's own fields.
    """

    spins: Int[np.ndarray, "reads used"]
    problem_id: str
    time: AccessTime


class Ticket:
    """A submission on its way.

    Arguments:
        answer: what the sampler returned, resolved or not.
        patience: longest time to wait for it [s].
    """

    def __init__(self, answer: Any, patience: float) -> None:
        self._answer, self._patience = answer, patience

    def known_id(self) -> str | None:
        """The solver's name of the submission, as far as it is known by now."""
        try:
            return self._answer.wait_id(timeout=0) if hasattr(self._answer, "wait_id") else None
        except TimeoutError:
            return None

    def result(self) -> Any:
        """Wait for the answer.

        Raises:
            TimeoutError: it did not arrive in time.
            Exception: whatever the client found.
        """
        end = time.monotonic() + self._patience
        while not self._answer.done():
            if time.monotonic() > end:
                raise TimeoutError(f"no answer within {self._patience:.0f} s")
            time.sleep(_STEP_S)
        self._answer.resolve()
        return self._answer


class BrokenTicket(Ticket):
    """A submission that failed on the way out, so that it may or may not have arrived.

    Arguments:
        error: what went wrong.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(None, 0.0)
        self._error = error

    def result(self) -> Any:
        """Raise the error."""
        raise self._error


class Backend:
    """A sampler, with what its client can do beside.

    Arguments:
        sampler: a structured dimod sampler with the interface of `DWaveSampler`.
        parameters: parameters of every submission, beside those set here.
        patience: longest time to wait for an answer [s].
    """

    def __init__(
        self,
        sampler: Any,
        parameters: Mapping[str, Any] | None = None,
        patience: float = 600.0,
    ) -> None:
        self.sampler, self._patience = sampler, patience
        self._parameters = dict(parameters or {})
        self._client = getattr(sampler, "client", None)

    @property
    def name(self) -> str:
        """The solver's name."""
        return str(self.sampler.properties.get("chip_id", type(self.sampler).__name__))

    def submit(self, program: Program, reads: int, label: str) -> Ticket:
        """Send a program; returns at once where the sampler does."""
        given = {
            "num_reads": reads,
            "answer_mode": "raw",
            "auto_scale": False,
            "label": label,
            **self._parameters,
        }
        flux = program.flux_biases(int(self.sampler.properties["num_qubits"]))
        if flux is not None:
            given |= {"flux_biases": flux, "flux_drift_compensation": False}
        return Ticket(self.sampler.sample(program.model(), **given), self._patience)

    def collect(self, problem_id: str) -> Ticket | None:
        """Wait for a submission of an earlier time; None where nobody remembers it."""
        if self._client is None:
            return None
        dimod = require("dimod", "qpu")
        future = self._client.retrieve_answer(problem_id)
        # The client would look for the solver as it was then, which may be gone.
        future.solver = self.sampler.solver
        return Ticket(
            dimod.SampleSet.from_future(future, lambda done: done.sampleset), self._patience
        )

    def find(self, label: str) -> str | None:
        """Look for a submission by its label; None if there is none, or nobody remembers."""
        if self._client is None:
            return None
        problems = require("dwave.cloud.api", "qpu").Problems.from_config(self._client.config)
        with problems:
            found = problems.list_problems(label=label, max_results=1)
        return str(found[0].id) if found else None

    def read(self, answer: Any, program: Program) -> Answer:
        """Take an answer apart, in the order of the program's qubits and of the reads.

        Raises:
            AnnealerError: it has other qubits or values than were asked for.
        """
        qubits = program.qubits.tolist()
        if set(answer.variables) != set(qubits):
            raise AnnealerError(f"{self.name} answered about other qubits than it was asked")
        columns = [answer.variables.index(q) for q in qubits]
        spins = np.repeat(answer.record.sample[:, columns], answer.record.num_occurrences, 0)
        if (np.abs(spins) != 1).any():
            raise AnnealerError(f"{self.name} answered with spins other than -1 and 1")
        name = str(answer.info.get("problem_id") or "")
        fields = answer.info.get("timing") or {}
        time = AccessTime.stated(fields, len(spins), self.expected(len(qubits), len(spins)))
        return Answer(spins.astype(np.int8), name, time)

    def expected(self, qubits: int, reads: int) -> AccessTime:
        """Say what a submission should take; nothing where no times of the solver are known."""
        anneal = float(self._parameters.get("annealing_time", 20.0))
        try:
            return estimate(self.sampler.properties, qubits, reads, 1, anneal)
        except ConfigError:
            return AccessTime()


def is_transient(error: Exception) -> bool:
    """Whether trying again may help: timeouts, lost connections, limits, server errors.

    The client has classes for these, but raises its plain `SolverError` with the HTTP status
    when it submits and loads.
    """
    import requests

    code = getattr(error, "error_code", None)
    if isinstance(code, int) and (code == _TOO_MANY or 500 <= code < 600):
        return True

    cloud = require("dwave.cloud.exceptions", "qpu")
    api = require("dwave.cloud.api.exceptions", "qpu")
    return isinstance(
        error,
        (
            api.RequestTimeout,
            api.InternalServerError,
            api.ResourceLimitsExceededError,
            api.ResourceBadResponseError,
            cloud.Timeout,
            cloud.PollingTimeout,
            cloud.ProblemUploadError,
            requests.exceptions.ConnectionError,
            requests.exceptions.Timeout,
            TimeoutError,
            ConnectionError,
        ),
    )


_SENTENCES: tuple[tuple[str, str], ...] = (
    (
        "ResourceAuthenticationError",
        "does not accept the token or it has expired; renew it with 'dwave config create' and "
        "go on with the same command",
    ),
    ("ResourceAccessForbiddenError", "forbids this account the job"),
    ("SolverOfflineError", "is offline; wait for it and go on with the same command"),
    (
        "ResourceNotFoundError",
        "is not there; choose one of those that the account lists",
    ),
    ("CanceledFutureError", "cancelled a submission; go on with the same command"),
)


def explain(error: Exception, name: str) -> str:
    """Say in one sentence why a solver does not go on."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    for kind, sentence in _SENTENCES:
        if kind in kinds:
            return f"{name} {sentence}"
    return f"{name} failed: {type(error).__name__}: {' '.join(str(error).split())}"


def scrub(message: str, sampler: Any) -> str:
    """Take the token out of a message, should a client ever have put it there."""
    token = getattr(getattr(sampler, "client", None), "token", None)
    return message.replace(token, "***") if token else message


def wait_with_backoff(attempt: int, sleep: Callable[[float], None]) -> None:
    """Pause before another attempt: 1 s, 2 s, 4 s, .. up to a minute."""
    sleep(min(60.0, 2.0**attempt))
