"""Send jobs, a bounded number at a time: no answer is lost, none is paid for twice."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from calo4pqvae.annealer.jobs.backend import (
    Answer,
    Backend,
    BrokenTicket,
    Ticket,
    explain,
    is_transient,
    scrub,
    wait_with_backoff,
)
from calo4pqvae.annealer.jobs.record import Record
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.errors import AnnealerError, Calo4pQVAEError

__all__ = ["Dispatcher", "Job"]

_GIVEN_UP = {"SolverFailureError", "SolverOfflineError", "CanceledFutureError"}
"""Errors by which a solver says that it will not answer, and does not charge."""

_PARTS = 5
"""Times that a solver may answer a job in part before it is given up."""


@dataclass(frozen=True, eq=False)
class Job:
    """One programming and the reads wanted of it.

    Arguments:
        number: number of the job.
        reads: reads wanted.
        build: makes the program when it is needed.
        part: how often the job was answered in part before.
    """

    number: int
    reads: int
    build: Callable[[], Program]
    part: int = 0

    @property
    def key(self) -> str:
        """Name of the submission in the journal."""
        return f"{self.number:06d}" + (f".{self.part}" if self.part else "")

    @cached_property
    def program(self) -> Program:
        """The program."""
        return self.build()


class Dispatcher:
    """Sends jobs and returns their answers.

    Arguments:
        backend: the solver.
        record: marks of submissions.
        allow: refuses a job that may not be sent, by raising; asked before each is.
        window: submissions that may be outstanding.
        attempts: times that a job is tried before it is given up.
        sleep: waits for so many seconds.

    Attributes:
        retries: attempts that failed and were repeated.
        collected: answers that were paid for earlier and fetched now.
    """

    def __init__(
        self,
        backend: Backend,
        record: Record,
        *,
        allow: Callable[[Job], None] = lambda _: None,
        window: int = 64,
        attempts: int = 6,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if window < 1 or attempts < 1:
            raise AnnealerError("window and attempts must be at least 1")
        self.backend, self.record, self.window = backend, record, window
        self._allow = allow
        self._attempts, self._sleep = attempts, sleep
        self.retries, self.collected = 0, 0

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        """Answer all jobs, in pieces where a solver answers in part.

        When one job fails for good, no further one is sent, and what is outstanding is
        collected and stored before the error goes on.

        Raises:
            AnnealerError: a job failed for good.
            OutputError: the journal cannot be written.
        """
        todo, waiting = iter(jobs), deque[tuple[Job, Ticket]]()
        try:
            while True:
                while len(waiting) < self.window and (job := next(todo, None)) is not None:
                    yield from self._replay(job, waiting)
                self._note_names(waiting)
                if not waiting:
                    return
                job, answer = self._finish(*waiting.popleft())
                yield job, answer
                rest = _rest(job, answer)
                if rest is not None:
                    yield from self._replay(rest, waiting)
        except Exception:
            self._rescue(waiting)
            raise

    def _replay(
        self, job: Job, waiting: deque[tuple[Job, Ticket]]
    ) -> Iterator[tuple[Job, Answer]]:
        """Take a job from the journal, or put it among the outstanding ones."""
        current: Job | None = job
        while current is not None:
            self.record.check(current.key, current.program.digest, current.reads)
            answer = self.record.answer(current.key)
            if answer is None:
                waiting.append((current, self._start(current)))
                return
            yield current, answer
            current = _rest(current, answer)

    def _start(self, job: Job) -> Ticket:
        """Collect what was sent before, else send."""
        try:
            known = self.record.event(job.key)
            if known in {"intended", "sent"} or (known is None and self.record.gaps):
                ticket = self._again(job)
                if ticket is not None:
                    return ticket
            self._allow(job)
            self.record.mark_intended(job.key, job.program.digest, job.reads)
            label = self.record.label(job.key)
            return self.backend.submit(job.program, job.reads, label)
        except Exception as error:
            if is_transient(error):
                return BrokenTicket(error)
            raise self._refusal(job, error) from error

    def _again(self, job: Job) -> Ticket | None:
        """Look for a submission that may have reached the solver."""
        name = self.record.problem_id(job.key)
        if name is None:
            name = self.backend.find(self.record.label(job.key))
        if name is None:
            return None
        self.record.sent(job.key, name)
        ticket = self.backend.collect(name)
        self.collected += ticket is not None
        return ticket

    def _finish(self, job: Job, ticket: Ticket) -> tuple[Job, Answer]:
        """Wait for an answer and store it; try again where that may help."""
        problem: Exception = TimeoutError("no attempt was made")
        for attempt in range(self._attempts):
            if attempt:
                self.retries += 1
                wait_with_backoff(attempt - 1, self._sleep)
                ticket = self._start(job)
            try:
                answer = self._accept(job, ticket)
            except Exception as error:
                self._note_names(deque([(job, ticket)]))
                if not is_transient(error):
                    raise self._refusal(job, error) from error
                problem = error
            else:
                self.record.keep(job.key, answer)
                return job, answer
        why = self._explain(problem)
        raise AnnealerError(
            f"{why}; gave up after {self._attempts} attempts, go on with the same command"
        ) from problem

    def _accept(self, job: Job, ticket: Ticket) -> Answer:
        """Take an answer if it is one to this job."""
        answer = self.backend.read(ticket.result(), job.program)
        if len(answer.spins) == 0:
            raise TimeoutError("an answer without reads")
        if self.record.owner(answer.problem_id) not in {None, job.key}:
            self.record.mark_unnamed(job.key)
            raise TimeoutError(f"the answer {answer.problem_id} of another submission")
        return replace(answer, spins=answer.spins[: job.reads])

    def _note_names(self, waiting: deque[tuple[Job, Ticket]]) -> None:
        """Mark the names of submissions that are known by now."""
        for job, ticket in waiting:
            if self.record.event(job.key) == "intended":
                name = ticket.known_id()
                if name:
                    self.record.sent(job.key, name)

    def _refusal(self, job: Job, error: Exception) -> Exception:
        """Turn a final error into a sentence; its submission may be sent again later."""
        if isinstance(error, Calo4pQVAEError):
            return error
        if type(error).__name__ in _GIVEN_UP:
            self.record.failed(job.key)
        return AnnealerError(self._explain(error))

    def _explain(self, error: Exception) -> str:
        return scrub(explain(error, self.backend.name), self.backend.sampler)

    def _rescue(self, waiting: deque[tuple[Job, Ticket]]) -> None:
        """Store what is still on its way: it is paid for."""
        for job, ticket in waiting:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self._note_names(deque([(job, ticket)]))
                self.record.keep(job.key, self._accept(job, ticket))


def _rest(job: Job, answer: Answer) -> Job | None:
    """What is still wanted of a job that was answered in part."""
    missing = job.reads - len(answer.spins)
    if missing <= 0:
        return None
    if job.part + 1 >= _PARTS:
        raise AnnealerError(
            f"job {job.number} was answered in part {_PARTS} times; the solver is not well"
        )
    return replace(job, reads=missing, part=job.part + 1)
