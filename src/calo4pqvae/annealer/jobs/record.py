"""The marks of submissions: about to be sent, sent under a name, answered."""

from typing import Any

from calo4pqvae.annealer.jobs.backend import Answer
from calo4pqvae.errors import AnnealerError

__all__ = ["Record"]


class Record:
    """The marks of submissions, in memory only.

    Arguments:
        run: name of this run in the labels of its submissions.

    Attributes:
        gaps: whether marks were lost, so that a submission without one may have been made.
    """

    def __init__(self, run: str) -> None:
        self.run, self.gaps = run, False
        self._marks: dict[str, dict[str, Any]] = {}
        self._owners: dict[str, str] = {}

    def label(self, key: str) -> str:
        """Label under which a submission is sent, different for all runs and submissions."""
        return f"calo4pqvae {self.run} {key}"

    def mark_intended(self, key: str, digest: str, reads: int) -> None:
        """Mark that a submission is about to be sent."""
        self._mark(key, event="intended", digest=digest, reads=reads)

    def sent(self, key: str, problem_id: str) -> None:
        """Mark the name that the solver gave it."""
        known = self._marks.get(key, {}).get("id")
        if problem_id != known and self.owner(problem_id) in {None, key}:
            self._mark(key, event="sent", id=problem_id)

    def failed(self, key: str) -> None:
        """Mark that the solver has given it up, so that it may be sent again."""
        self._mark(key, event="failed", id=None)

    def mark_unnamed(self, key: str) -> None:
        """Mark that the name of a submission turned out to be another one's."""
        self._mark(key, event="intended", id=None)

    def keep(self, key: str, answer: Answer) -> None:
        """Mark that its answer has arrived.

        Raises:
            AnnealerError: the answer is that of another submission.
        """
        owner = self.owner(answer.problem_id)
        if owner not in {None, key}:
            raise AnnealerError(
                f"the answer {answer.problem_id} to submission {key} belongs to {owner}"
            )
        self._store(key, answer)

    def check(self, key: str, digest: str, reads: int) -> None:
        """Refuse to mix two jobs in one journal.

        Raises:
            AnnealerError: the submission of this number was another one.
        """
        mark = self._marks.get(key, {})
        if mark.get("digest", digest) != digest or mark.get("reads", reads) != reads:
            raise AnnealerError(
                f"submission {key} of the journal is another one: model, its place on the "
                "chip, energies, seed or settings have changed; repeat the command as it was, "
                "or begin another journal"
            )

    def owner(self, problem_id: str) -> str | None:
        """Submission that an answer was stored for."""
        return self._owners.get(problem_id) if problem_id else None

    def event(self, key: str) -> str | None:
        """The last mark of a submission."""
        return self._marks.get(key, {}).get("event")

    def problem_id(self, key: str) -> str | None:
        """The solver's name of a submission, if it is known."""
        return self._marks.get(key, {}).get("id")

    def answer(self, key: str) -> Answer | None:
        """The answer of a submission, if it is kept; nothing is kept in memory."""
        del key
        return None

    def close(self) -> None:
        """Let go of what is open."""

    def _mark(self, key: str, **mark: Any) -> None:
        self._marks[key] = {**self._marks.get(key, {}), **mark}
        if mark.get("event") == "stored" and mark["id"]:
            self._owners[mark["id"]] = key

    def _store(self, key: str, answer: Answer) -> None:
        """Keep an answer and mark it."""
        self._mark(key, event="stored", id=answer.problem_id)
