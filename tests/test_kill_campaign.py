"""A few kills of the long campaign, and proof that the campaign sees work that is lost."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "kill_campaign.py"
sys.path.insert(0, str(SCRIPT.parent))

from kills.campaign import Campaign  # noqa: E402
from kills.trials import Case, table, trials_in  # noqa: E402

GEANT4 = all(importlib.util.find_spec(name) for name in ("geant4_pybind", "xraylib"))


@pytest.mark.slow
def test_struck_commands_end_as_if_left_alone(tmp_path: Path) -> None:
    names = ["train best", "shards", *(["simulate"] if GEANT4 else [])]
    words = ["--fork", "--kills", "7", "--only", *names, "--work", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    trials = trials_in(tmp_path)
    assert {trial.case for trial in trials} == set(names)
    assert all(trial.verdict == "equal" for trial in trials)


PROGRAM = """
import pathlib, time
done = pathlib.Path("done")
done.touch()
for n in range(len(done.read_text()), 40):
    time.sleep(0.01)
    {write}
pathlib.Path("result").write_text(done.read_text())
"""
RIGHT = 'done.open("a").write("x")'
WRONG = 'done.open("a").write("xx")'
"""Goes on from the wrong place, since it counts letters."""


def trials_of(work: Path, write: str, n: int) -> list:
    program = PROGRAM.format(write=write)
    case = Case(
        "toy",
        lambda _: [sys.executable, "-c", program],
        lambda out: {"result": (out / "result").read_text()},
    )
    return Campaign(work, [case], seed=2, looks=1).run({"toy": n})


def test_the_campaign_sees_what_is_lost_and_is_resumable(tmp_path: Path) -> None:
    right = trials_of(tmp_path / "right", RIGHT, 4)
    assert {trial.verdict for trial in right} == {"equal"}
    assert trials_of(tmp_path / "right", "raise SystemExit('not run again')", 4) == right
    notes = (tmp_path / "right" / "trials.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in notes] == list(range(len(right)))
    wrong = trials_of(tmp_path / "wrong", WRONG, 6)
    bad = [trial for trial in wrong if "other results in result" in trial.verdict]
    assert bad
    assert all((tmp_path / "wrong" / f"failed-toy-{trial.number}").is_dir() for trial in bad)
    assert f"toy {bad[0].number}: other results" in table(wrong, ["toy"])
