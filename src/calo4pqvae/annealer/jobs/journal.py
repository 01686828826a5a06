"""What was sent and what came back, on disk before anything else happens to it.

A submission leaves three marks: that it is about to be sent, the name that the solver gave it,
and its answer. Whatever stops a program between them, the next one knows what is paid for:
answers are on disk, names are collected from the solver, and a submission without a name is
looked for by its label before it is sent again.
"""

import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from calo4pqvae.annealer.jobs.backend import Answer
from calo4pqvae.annealer.jobs.timing import AccessTime
from calo4pqvae.data.part_file import take_lock
from calo4pqvae.errors import AnnealerError, OutputError, PhysicsWarning

__all__ = ["Journal", "Record"]

_SCHEMA = "calo4pqvae annealer journal 1"
_HEADER, _LOG, _ANSWERS = "journal.json", "log.jsonl", "answers"


class Record:
    """The marks of submissions, in memory only.

    Arguments:
        run: name of this run in the labels of its submissions.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self._marks: dict[str, dict[str, Any]] = {}
        self._owners: dict[str, str] = {}

    def label(self, key: str) -> str:
        """Label under which a submission is sent, different for all runs and submissions."""
        return f"calo4pqvae {self.run} {key}"

    def intend(self, key: str, digest: str, reads: int) -> None:
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

    def doubt(self, key: str) -> None:
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
        self._mark(key, event="stored", id=answer.problem_id)

    def check(self, key: str, digest: str, reads: int) -> None:
        """Refuse to mix two jobs in one journal.

        Raises:
            AnnealerError: the submission of this number was another one.
        """
        mark = self._marks.get(key, {})
        if mark.get("digest", digest) != digest or mark.get("reads", reads) != reads:
            raise AnnealerError(
                f"submission {key} of the journal is another one: model, energies, seed or "
                "settings have changed; repeat the command as it was, or begin another journal"
            )

    def owner(self, problem_id: str) -> str | None:
        """Submission that an answer was stored for."""
        stored = (k for k, m in self._marks.items() if m["event"] == "stored")
        return next(
            (k for k in stored if problem_id and self._marks[k]["id"] == problem_id), None
        )

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
        """Keep an answer."""


class Journal(Record):
    """The marks of submissions in a folder; each is on disk before the next step.

    Arguments:
        folder: folder of the journal.
        run: name of the run in the labels of its submissions; used for a new journal.
        about: what the journal is for, such as the solver and its graph.
        resume: whether an existing journal is continued.

    Raises:
        AnnealerError: there is a journal already and it is not to be continued, or it is of
            another solver, or another program writes it.
        OutputError: it cannot be written.
    """

    def __init__(
        self, folder: str | Path, run: str, about: Mapping[str, Any], *, resume: bool = False
    ) -> None:
        self.folder = Path(folder)
        header = self.folder / _HEADER
        if header.exists():
            if not resume:
                raise AnnealerError(
                    f"{self.folder}: holds answers that were paid for; go on with --resume, or "
                    "name another journal"
                )
            run = self._read_header(header, about)
        super().__init__(run)
        self.about = dict(about)
        try:
            (self.folder / _ANSWERS).mkdir(parents=True, exist_ok=True)
            if not header.exists():
                content = {"schema": _SCHEMA, "run": run, "about": dict(about)}
                _write_whole(header, json.dumps(content, indent=1).encode())
            self._log: IO[bytes] = (self.folder / _LOG).open("ab")
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        if not take_lock(self._log.fileno()):
            raise AnnealerError(
                f"{self.folder}: is being written by another program; wait for it"
            )
        for mark in self._read_log():
            super()._mark(mark.pop("key"), **mark)
        if self._log.tell() and not (self.folder / _LOG).read_bytes().endswith(b"\n"):
            self._log.write(b"\n")  # a line that was cut off stands alone

    def answer(self, key: str) -> Answer | None:
        """Read the answer of a submission, if it is kept.

        Raises:
            AnnealerError: the file is damaged.
        """
        path = self._path(key)
        if self.event(key) != "stored" and not path.exists():
            return None
        try:
            with np.load(path) as file:
                bits = np.unpackbits(file["bits"], axis=1, count=int(file["used"]))
                about = json.loads(str(file["about"]))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise AnnealerError(f"{path}: the stored answer is damaged ({error})") from error
        if self.event(key) != "stored":  # the program ended between the two
            self._mark(key, event="stored", id=about["problem_id"])
        spins = 2 * bits.astype(np.int8) - 1
        return Answer(spins, about["problem_id"], AccessTime(**about["time"]))

    def close(self) -> None:
        """Let go of the folder."""
        self._log.close()

    def _store(self, key: str, answer: Answer) -> None:
        about = {"problem_id": answer.problem_id, "time": asdict(answer.time)}
        content = io.BytesIO()
        bits = np.packbits(answer.spins > 0, axis=1)
        np.savez(content, bits=bits, used=answer.spins.shape[1], about=json.dumps(about))
        try:
            _write_whole(self._path(key), content.getvalue())
        except OSError as error:
            raise _cannot_write(self._path(key), error) from error

    def _mark(self, key: str, **mark: Any) -> None:
        try:
            self._log.write(json.dumps({"key": key, **mark}).encode() + b"\n")
            self._log.flush()
            os.fsync(self._log.fileno())
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        super()._mark(key, **mark)

    def _path(self, key: str) -> Path:
        return self.folder / _ANSWERS / f"{key}.npz"

    def _read_log(self) -> Iterator[dict[str, Any]]:
        """Read all whole lines."""
        for line in (self.folder / _LOG).read_bytes().splitlines():
            try:
                mark = json.loads(line)
            except ValueError:
                continue
            if isinstance(mark, dict) and "key" in mark:
                yield mark

    def _read_header(self, path: Path, about: Mapping[str, Any]) -> str:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            known, run = found["about"], str(found["run"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AnnealerError(f"{path}: is no journal of an annealer ({error})") from error
        for name, value in about.items():
            if name == "graph" and known.get(name) != value:
                warnings.warn(
                    "the chip's working graph has changed since the journal was begun; its "
                    "temperature may have, too",
                    PhysicsWarning,
                    stacklevel=4,
                )
            elif known.get(name) != value:
                raise AnnealerError(
                    f"{path.parent}: its {name} is {known.get(name)}, not {value}; repeat the "
                    "command as it was, or begin another journal"
                )
        return run


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file and its entry in the folder to the disk, or leave nothing."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: cannot be written ({error.strerror}); nothing that was paid for is lost, "
        "make room and go on with --resume"
    )
