"""What was sent and what came back, on disk before anything else happens to it.

A submission leaves three marks: that it is about to be sent, the name that the solver gave it,
and its answer. Whatever stops a program between them, the next one knows what is paid for:
answers are on disk, names are collected from the solver, and a submission without a name is
looked for by its label before it is sent again. A mark that was damaged counts as not made, so
that the one before it tells what to do.
"""

import uuid
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae._core import journal as store
from calo4pqvae._core.lock import output_lock
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.jobs.backend import Answer, Backend
from calo4pqvae.annealer.jobs.record import Record
from calo4pqvae.annealer.jobs.timing import AccessTime
from calo4pqvae.boltzmann.ising import to_bits, to_spins
from calo4pqvae.errors import AnnealerError, Calo4pQVAEError, OutputError, PhysicsWarning

__all__ = ["Journal", "open_journal"]

_KIND, _FILE, _EARLIER = "annealer", "journal.sqlite", "journal.json"


class Journal(Record):
    """The marks of submissions in a folder; each is on disk before the next step.

    The file is begun with the first submission: a job that is refused leaves nothing behind.

    Arguments:
        folder: folder of the journal.
        run: name of the run in the labels of its submissions; used for a new journal.
        about: what the journal is for, such as the solver and its graph.
        resume: insist that there is a journal to go on with.

    Attributes:
        damaged: what was passed over in the file, one sentence each.
        kept: answers that were there when it was opened.

    Raises:
        AnnealerError: there is none to go on with, or it is of another solver or an earlier
            version.
        OutputError: another program writes it, or it cannot be written.
        JournalError: it is no journal.
    """

    def __init__(
        self, folder: str | Path, run: str, about: Mapping[str, Any], *, resume: bool = False
    ) -> None:
        super().__init__(run)
        self.folder, self.about = Path(folder), dict(about)
        self._path, self.damaged, self.kept = self.folder / _FILE, [], 0
        self._file: store.Journal | None = None
        if (self.folder / _EARLIER).exists():
            raise AnnealerError(
                f"{self.folder}: holds a journal of an earlier version, which cannot be "
                "continued; name another folder"
            )
        if resume and not self._path.exists():
            raise AnnealerError(f"{self.folder}: holds no journal to go on with")
        self._open = ExitStack()
        try:
            self._open.enter_context(output_lock(self.folder, "an annealer's job", folder=True))
            if self._path.exists():
                self._take_up()
        except BaseException:
            self.close()
            raise

    def answer(self, key: str) -> Answer | None:
        """Read the answer of a submission, if it is kept and whole."""
        if self.event(key) != "stored" or self._file is None:
            return None
        try:
            found = self._file.get(key)
            assert found is not None
            return _unpack(found)
        except (Calo4pQVAEError, ValueError, KeyError, TypeError) as error:
            self._tell(f"the answer to submission {key} is damaged ({error})")
            super()._mark(key, event="sent")
            return None

    def close(self) -> None:
        """Let go of the folder."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._open.close()

    def _take_up(self) -> None:
        """Read what is there."""
        self._file = store.Journal(self._path, _KIND, durable=True)
        if not len(self._file) and not self._file.damaged:  # begun, but nothing was sent
            self._file.close()
            self._file = None
            self._path.unlink()
            return
        self.run = str(self._file.about.get("run", self.run))
        self._compare(self._file.about)
        for sentence in self._file.damaged:
            self._tell(sentence)
        for found in self._file.records():
            super()._mark(found.key, **{n: v for n, v in found.about.items() if n != "answer"})
            self.kept += found.about.get("event") == "stored"

    def _mark(self, key: str, *, payload: bytes = b"", **mark: Any) -> None:
        told = mark.pop("answer", None)
        whole = {**self._marks.get(key, {}), **mark}
        try:
            if self._file is None:
                header = {**self.about, "run": self.run}
                self._file = store.Journal(self._path, _KIND, header, durable=True)
            about = whole if told is None else {**whole, "answer": told}
            self._file.append(key, about, payload, replace=True)
        except Calo4pQVAEError as error:
            raise OutputError(
                f"{self.folder}: cannot be written ({error}); nothing that was paid for is "
                "lost, make room and go on with the same command"
            ) from error
        super()._mark(key, **mark)

    def _store(self, key: str, answer: Answer) -> None:
        """Write an answer together with its mark."""
        told = {"used": answer.spins.shape[1], "reads": len(answer.spins)}
        told |= {"problem_id": answer.problem_id, "time": asdict(answer.time)}
        bits = np.packbits(to_bits(answer.spins), axis=1)
        self._mark(
            key, event="stored", id=answer.problem_id, answer=told, payload=bits.tobytes()
        )

    def _tell(self, sentence: str) -> None:
        self.damaged.append(sentence)
        self.gaps = True
        warnings.warn(
            f"{self.folder}: {sentence}; what is missing is asked for again",
            PhysicsWarning,
            stacklevel=3,
        )

    def _compare(self, known: Mapping[str, Any]) -> None:
        """Refuse a journal of another solver, and warn of another working graph."""
        for name, value in self.about.items():
            if name == "graph" and known.get(name) != value:
                warnings.warn(
                    "the chip's working graph has changed since the journal was begun; its "
                    "temperature may have, too",
                    PhysicsWarning,
                    stacklevel=4,
                )
            elif known.get(name) != value:
                raise AnnealerError(
                    f"{self.folder}: its {name} is {known.get(name)}, not {value}; repeat the "
                    "command as it was, or begin another journal"
                )


def open_journal(
    folder: str | Path, sampler: Any, run: str | None = None, *, resume: bool = False
) -> Journal:
    """Open or begin the journal of a job on a solver.

    Arguments:
        folder: folder of the journal.
        sampler: a structured dimod sampler with the interface of `DWaveSampler`.
        run: name of the run in the labels of its submissions; one that nobody else has when
            None.
        resume: insist that there is a journal to go on with.

    Raises:
        AnnealerError, OutputError, JournalError: as `Journal`.
    """
    about = {"solver": Backend(sampler).name, "graph": WorkingGraph.of(sampler).fingerprint}
    return Journal(folder, run or uuid.uuid4().hex[:12], about, resume=resume)


def _unpack(record: store.Record) -> Answer:
    told = record.about["answer"]
    reads, used = int(told["reads"]), int(told["used"])
    bits = np.frombuffer(record.payload, np.uint8).reshape(reads, -(-used // 8))
    spins = to_spins(np.unpackbits(bits, axis=1, count=used))
    return Answer(spins, str(told["problem_id"]), AccessTime(**told["time"]))
