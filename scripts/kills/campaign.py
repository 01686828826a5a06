"""Trials of some cases in a work folder, each finished one noted at once."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from kills.processes import POLL, Changes, Fork, Process, before_the_program, strike
from kills.trials import BLOWS, Case, Trial, Whole, trials_in

__all__ = ["Campaign"]

AGAIN = 0.25
"""Chance that the run that takes up the work is struck as well."""

PATIENCE = 300
"""Seconds after which a command counts as hanging."""

PROGRAM_WORDS = 3
"""Words that call the program, which a fork is already: python -m calo4pqvae."""


class Campaign:
    """Trials of some cases in a work folder, each finished one noted at once.

    Arguments:
        work: folder; trials noted there are not repeated.
        cases: what to strike.
        seed: seed of the moments and the signals.
        forks: whether commands run in forks of this process.
        looks: uninterrupted runs of each command; two of them show whether it repeats itself.
    """

    def __init__(
        self,
        work: Path,
        cases: Sequence[Case],
        seed: int = 1,
        *,
        forks: bool = False,
        looks: int = 2,
    ) -> None:
        self._work, self._cases, self._seed = work, {case.name: case for case in cases}, seed
        self._forks, self._looks = forks, looks
        self._whole: dict[str, Whole] = {}
        work.mkdir(parents=True, exist_ok=True)
        self._notes = work / "trials.jsonl"

    def run(self, kills: dict[str, int]) -> list[Trial]:
        """Strike until each case has been struck so often; return all trials."""
        for name, wanted in kills.items():
            while True:
                mine = [trial for trial in trials_in(self._work) if trial.case == name]
                if sum(len(trial.kills) for trial in mine) >= wanted:
                    break
                trial = self._try(self._cases[name], len(mine))
                with self._notes.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(trial)) + "\n")
                print(f"{name} {trial.number}: {', '.join(trial.kills)}: {trial.verdict}")
        return trials_in(self._work)

    def _try(self, case: Case, number: int) -> Trial:
        """Strike a command once or more, let it finish, and look at what it leaves."""
        whole = self._uninterrupted(case)
        rng = np.random.default_rng([self._seed, *case.name.encode(), number])
        trial, began = Trial(case.name, number), time.monotonic()
        folder = self._fresh(case)
        trial.verdict = self._strike(case, folder, whole, rng, trial) or "equal"
        trial.seconds = round(time.monotonic() - began, 1)
        if trial.verdict == "equal":
            shutil.rmtree(folder)
        else:
            kept = self._work / f"failed-{case.name}-{number}"
            shutil.rmtree(kept, ignore_errors=True)
            folder.rename(kept)
        return trial

    def _strike(
        self, case: Case, folder: Path, whole: Whole, rng: np.random.Generator, trial: Trial
    ) -> str:
        """Run the steps of a trial; return what was wrong."""
        while True:
            told, struck = self._run_and_kill(case, folder, whole, rng)
            if struck is not None:
                trial.kills.append(struck)
            if "Traceback" in told and not before_the_program(told):
                (folder / "traceback.txt").write_text(told, encoding="utf-8")
                return f"a traceback after {struck}: {told.splitlines()[-1]}"
            if struck is None or rng.uniform() > AGAIN:
                break
        process = self._start(case, folder)
        try:
            told = process.communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return "it hangs"
        digest, files = _described(case, folder), _files(folder)
        if digest != whole.digest:
            status = f"status {process.returncode}: {(told.splitlines() or [''])[-1]}"
            names = sorted(set(digest.items()) ^ set(whole.digest.items()))
            return f"other results in {', '.join({name for name, _ in names})}; {status}"
        if files != whole.files:
            return f"files differ: {sorted(set(files) ^ set(whole.files))}"
        # Struck after the results were complete, a command may say that they exist.
        if process.returncode and "exists" not in told:
            return f"status {process.returncode}: {told.splitlines()[-1]}"
        return ""

    def _run_and_kill(
        self, case: Case, folder: Path, whole: Whole, rng: np.random.Generator
    ) -> tuple[str, str | None]:
        """Start the command and strike it; return what it said, and how it was struck."""
        blow = signal.Signals(rng.choice(list(BLOWS), p=list(BLOWS.values())))
        moment = rng.uniform(0, whole.seconds)
        changes = int(rng.integers(1, whole.changes + 1)) if rng.uniform() < 0.5 else None
        delay, victim = rng.exponential(0.005), str(rng.choice(case.victims))
        process = self._start(case, folder)
        began = time.monotonic()
        seen = Changes(folder)
        while process.poll() is None:
            passed = time.monotonic() - began
            if changes is None and passed >= moment:
                break
            if changes is not None and seen.count() >= changes:
                time.sleep(delay)
                break
            time.sleep(POLL)
        passed = time.monotonic() - began
        alive = process.poll() is None
        struck = strike(process.pid, blow, victim, rng) if alive else None
        told = process.communicate(timeout=PATIENCE)[0]
        return told, f"{blow.name} of {struck} at {passed:.2f} s" if struck else None

    def _uninterrupted(self, case: Case) -> Whole:
        """The run that is left alone; it is made once, and again to see that it repeats."""
        if case.name not in self._whole:
            runs = [self._left_alone(case) for _ in range(self._looks)]
            if any(run.digest != runs[0].digest or run.files != runs[0].files for run in runs):
                raise SystemExit(f"{case.name}: two uninterrupted runs differ already")
            self._whole[case.name] = runs[-1]
        return self._whole[case.name]

    def _left_alone(self, case: Case) -> Whole:
        folder = self._fresh(case)
        began = time.monotonic()
        process = self._start(case, folder)
        seen = Changes(folder)
        while process.poll() is None:
            seen.count()
            time.sleep(POLL)
        seconds = time.monotonic() - began
        told = process.communicate()[0]
        if process.returncode:
            raise SystemExit(f"{case.name}: fails when left alone: {told}")
        whole = Whole(seconds, max(seen.count(), 1), _files(folder), _described(case, folder))
        shutil.rmtree(folder)
        return whole

    def _start(self, case: Case, folder: Path) -> Process:
        words = case.words(folder)
        if self._forks and case.forks:
            return Fork(words[PROGRAM_WORDS:], folder)
        return subprocess.Popen(
            words,
            cwd=folder,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        )

    def _fresh(self, case: Case) -> Path:
        """An empty folder, with the same name each time: names may stand in results."""
        folder = self._work / "out" / case.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _described(case: Case, folder: Path) -> dict[str, str]:
    try:
        return case.digest(folder)
    except (OSError, KeyError, ValueError) as error:
        return {"nothing": str(error)}
