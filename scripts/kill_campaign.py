"""Kill commands at random moments, give the same words again, and compare with a whole run.

Each trial runs one command, strikes it at a random moment, and runs the very same command until
it ends by itself. What it leaves must be what an uninterrupted run has left: the same files,
and the same content where that is promised. Half of the moments are uniform in time; the other
half follow a change in the output folder by a few milliseconds, so that short phases such as
the first second and the writing of results are struck as often as long ones.

    python scripts/kill_campaign.py --kills 100 --work WORK     # resumable
    python scripts/kill_campaign.py --work WORK --report        # the table

Each finished trial is a line of WORK/trials.jsonl.
"""

import argparse
import hashlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

BLOWS = {signal.SIGKILL: 0.7, signal.SIGTERM: 0.15, signal.SIGINT: 0.15}
"""How often which signal: most of what happens to a job is the death of its machine."""

AGAIN = 0.25
"""Chance that the run that takes up the work is struck as well."""

POLL = 0.002
"""Seconds between looks at the output folder."""

PATIENCE = 300
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Case:
    """A command, and what of its results is promised to be the same.

    Attributes:
        name: for the table.
        words: makes the words of the command that writes into a folder.
        digest: describes what lies in that folder in the end.
    """

    name: str
    words: Callable[[Path], list[str]]
    digest: Callable[[Path], dict[str, str]]


@dataclass
class Trial:
    """What one trial did and found.

    Attributes:
        case: name of the case.
        number: number of the trial of this case.
        kills: blows that struck a living process, each as ``SIGKILL at 1.23 s``.
        verdict: ``equal``, or what was wrong.
        seconds: time of the whole trial [s].
    """

    case: str
    number: int
    kills: list[str] = field(default_factory=list)
    verdict: str = "equal"
    seconds: float = 0.0


@dataclass
class Whole:
    """An uninterrupted run: how long it takes, how often its folder changes, what it leaves."""

    seconds: float
    changes: int
    files: list[str]
    digest: dict[str, str]


class _Process(Protocol):
    """What is used of a process, be it a fresh one or a fork."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def communicate(self, *, timeout: float | None = None) -> tuple[str, Any]: ...


class _Fork:
    """A command of the package, run in a fork of this process, which has imported torch."""

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self.returncode: int | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - read when the fork has ended
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            self._run(words, folder)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def communicate(self, *, timeout: float | None = None) -> tuple[str, None]:
        until = time.monotonic() + (timeout or float("inf"))
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(POLL)
        self._said.seek(0)
        return self._said.read().decode(), None

    def _run(self, words: Sequence[str], folder: Path) -> None:
        from calo4pqvae.cli.main import main as command

        status = 1
        try:
            os.setsid()
            os.chdir(folder)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for descriptor, source in ((0, nothing), (1, self._said), (2, self._said)):
                os.dup2(source if isinstance(source, int) else source.fileno(), descriptor)
            status = command(words)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)


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
            if "Traceback" in told and not _before_the_program(told):
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
        delay = rng.exponential(0.005)
        process = self._start(case, folder)
        began = time.monotonic()
        seen = _Changes(folder)
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
        if alive:
            _hit(process.pid, blow)
        told = process.communicate(timeout=PATIENCE)[0]
        return told, f"{blow.name} at {passed:.2f} s" if alive else None

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
        seen = _Changes(folder)
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

    def _start(self, case: Case, folder: Path) -> _Process:
        words = case.words(folder)
        if self._forks:
            return _Fork(words[len(PROGRAM) :], folder)
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


def trials_in(work: Path) -> list[Trial]:
    """All trials that are noted in a work folder; a last line that was cut off is none."""
    notes = work / "trials.jsonl"
    lines = notes.read_text(encoding="utf-8").splitlines(True) if notes.exists() else []
    return [Trial(**json.loads(line)) for line in lines if line.endswith("\n")]


class _Changes:
    """Counts how often the files of a folder were seen to be others than before."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._before, self._count = folder, frozenset[tuple[str, int]](), 0

    def count(self) -> int:
        """Look, and return the number of changes so far."""
        now = frozenset(_entries(self._folder))
        self._count += now != self._before
        self._before = now
        return self._count


def _entries(folder: Path | str) -> Iterator[tuple[str, int]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield entry.path, 0
                    yield from _entries(entry.path)
                else:
                    yield entry.path, entry.stat().st_mtime_ns
    except OSError:  # gone between two looks
        return


def _hit(pid: int, blow: signal.Signals) -> None:
    """Send a signal as a terminal or a batch system does, to all processes, or as `kill`."""
    if blow != signal.SIGTERM:
        with suppress(ProcessLookupError):  # a fork that has not yet a group of its own
            os.killpg(pid, blow)
            return
    os.kill(pid, blow)


def _before_the_program(told: str) -> bool:
    """Whether a traceback is that of Python, interrupted while it was loading the program."""
    return told.rstrip().endswith("KeyboardInterrupt") and ", in main\n" not in told


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _described(case: Case, folder: Path) -> dict[str, str]:
    try:
        return case.digest(folder)
    except (OSError, KeyError, ValueError) as error:
        return {"nothing": str(error)}


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def inputs(work: Path) -> Path:
    """Make the shower files that the commands read: toys on a small cylinder, 0.1 to 10 GeV."""
    from calo4pqvae.data.shower_writer import ShowerWriter
    from calo4pqvae.geometry import CylindricalGeometry

    folder = work / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    geometry = CylindricalGeometry.regular(6, 4, [0.0, 5.0, 10.0, 15.0], threshold=0.05)
    for name, n, seed in (("a", 120, 1), ("b", 240, 2), ("c", 240, 3)):
        rng = np.random.default_rng(seed)
        e_inc = 10 ** rng.uniform(2.0, 4.0, (n, 1))
        depth = geometry.layer_of_voxel + 0.5
        mean = depth ** (0.8 + 0.5 * np.log10(e_inc / 100)) * np.exp(-depth)
        mean *= np.exp(-geometry.r_of_voxel / 3.0)
        mean *= e_inc / mean.sum(axis=1, keepdims=True)
        showers = mean * rng.gamma(2.0, 0.5, mean.shape)
        showers[showers < geometry.threshold] = 0
        with ShowerWriter(folder / f"{name}.h5", geometry, overwrite=True) as writer:
            writer.append(e_inc.astype(np.float32), showers.astype(np.float32))
    return folder


QUICK = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
    "training.batch_size=16",
    "training.epochs=6",
    "training.freeze_epoch=4",
    "training.checkpoint_minutes=0",
)
BEST = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=6",
    "model.level_bits=[1,1,2,1,1]",
    "model.copula_bins=3",
    "model.decoder_widths=[4,6,8,10]",
    "training.batch_size=16",
    "training.epochs=4",
    "training.fit_steps=8",
    "training.checkpoint_minutes=0",
)
HEAVY = (
    "torch._dynamo",
    "pydantic",
    "matplotlib.pyplot",
    "rich.table",
    "calo4pqvae.training.run",
    "calo4pqvae.evaluation.report.folder",
    "calo4pqvae.annealer.sampler",
)
"""What takes most of the time of a short command to import."""

PROGRAM = (sys.executable, "-m", "calo4pqvae")


def cases(work: Path, names: Sequence[str]) -> list[Case]:
    """The commands of the package that can take minutes or days, by name."""
    data = inputs(work)
    model = work / "model"
    if "generate, emulator" in names and not (model / "model").exists():
        words = _train("quick", QUICK, data, model)
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    emulated = ("--sampler", "emulator", "--imperfections", "none", "--beta", "8.5")
    known = [
        Case("train quick", lambda out: _train("quick", QUICK, data, out / "run"), _weights),
        Case("train best", lambda out: _train("best", BEST, data, out / "run"), _weights),
        Case(
            "simulate",
            lambda _: [
                *(*PROGRAM, "simulate", "-o", "out.h5", "-n", "40", "--no-times"),
                *("--energy-gev", "1", "2", "--workers", "2"),
            ],
            lambda out: {"out.h5": _sha((out / "out.h5").read_bytes())},
        ),
        Case(
            "evaluate",
            lambda _: [
                *(*PROGRAM, "evaluate", "--generated", str(data / "b.h5"), "--reference"),
                *(str(data / "c.h5"), "--windows-gev", "0.5-2", "--classifiers", "none"),
                *("-o", "results"),
            ],
            _numbers,
        ),
        Case(
            "generate, emulator",
            lambda _: [
                *(*PROGRAM, "generate", "--model", str(model), "-n", "300", "--seed", "5"),
                *("--energy-gev", "0.2", "8", *emulated, "--journal", "j"),
                *("-o", "out.h5"),
            ],
            _showers,
        ),
    ]
    return [case for case in known if case.name in names]


def _train(preset: str, settings: Sequence[str], data: Path, run: Path) -> list[str]:
    words = ["train", "--preset", preset, "--data", str(data / "a.h5"), "--out", str(run)]
    return [*PROGRAM, *words, "--device", "cpu", "--set", *settings]


def _weights(out: Path) -> dict[str, str]:
    """The final weights, bit for bit, and the log without its clock."""
    log = (out / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    lines = [{**json.loads(line), "seconds": None} for line in log]
    return {
        "weights": _sha((out / "run" / "model" / "model.safetensors").read_bytes()),
        "log": _sha(json.dumps(lines).encode()),
    }


def _numbers(out: Path) -> dict[str, str]:
    """All numbers of an evaluation."""
    return {"metrics.json": _sha((out / "results" / "metrics.json").read_bytes())}


def _showers(out: Path) -> dict[str, str]:
    """The showers of a file; its attributes tell how the job went."""
    import h5py

    with h5py.File(out / "out.h5") as file:
        return {name: _sha(file[name][()].tobytes()) for name in file}


SHARES = {
    "train quick": 0.2,
    "train best": 0.2,
    "simulate": 0.25,
    "evaluate": 0.15,
    "generate, emulator": 0.2,
}


def table(trials: Sequence[Trial]) -> str:
    """The results as Markdown."""
    import platform

    lines = [
        f"Python {platform.python_version()}, {os.cpu_count()} cores; "
        f"{sum(trial.seconds for trial in trials) / 60:.0f} minutes in all.",
        "",
        "| command | trials | kills | by SIGKILL, SIGTERM, SIGINT | taken up, equal | not |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    rows = {name: [t for t in trials if t.case == name] for name in SHARES}
    rows["all"] = list(trials)
    for name, mine in rows.items():
        kills = [kill.split()[0] for trial in mine for kill in trial.kills]
        counts = " ".join(str(kills.count(blow.name)) for blow in BLOWS)
        good = sum(trial.verdict == "equal" for trial in mine)
        lines.append(
            f"| {name} | {len(mine)} | {len(kills)} | {counts} | {good} | {len(mine) - good} |"
        )
    bad = [f"* {t.case} {t.number}: {t.verdict}" for t in trials if t.verdict != "equal"]
    return "\n".join([*lines, *([""] if bad else []), *bad]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill commands, take them up, and compare.")
    parser.add_argument("--kills", type=int, default=100, help="blows in all (100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, required=True, help="folder to go on in")
    parser.add_argument("--only", nargs="+", choices=list(SHARES), default=list(SHARES))
    parser.add_argument(
        "--fork",
        action="store_true",
        help="run commands in forks of a process that has imported torch: a few times faster",
    )
    parser.add_argument("--report", action="store_true", help="print the table of all trials")
    args = parser.parse_args()
    work = args.work.absolute()
    if args.report:
        print(table(trials_in(work)))
        return 0
    if args.fork:
        for module in HEAVY:
            importlib.import_module(module)
    campaign = Campaign(work, cases(work, args.only), args.seed, forks=args.fork)
    trials = campaign.run({name: round(args.kills * SHARES[name]) for name in args.only})
    return int(any(trial.verdict != "equal" for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
