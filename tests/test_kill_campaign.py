"""A few kills of the long campaign, and proof that the campaign sees work that is lost."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "kill_campaign.py"
spec = importlib.util.spec_from_file_location("kill_campaign", SCRIPT)
assert spec is not None
assert spec.loader is not None
kills = importlib.util.module_from_spec(spec)
sys.modules["kill_campaign"] = kills
spec.loader.exec_module(kills)

GEANT4 = all(importlib.util.find_spec(name) for name in ("geant4_pybind", "xraylib"))


@pytest.mark.parametrize(
    ("name", "n"),
    [
        pytest.param(
            "simulate", 3, marks=pytest.mark.skipif(not GEANT4, reason="needs the extra geant4")
        ),
        ("train best", 2),
    ],
)
def test_struck_commands_end_as_if_left_alone(tmp_path: Path, name: str, n: int) -> None:
    case = next(case for case in kills.cases(tmp_path, [name]))
    trials = kills.Campaign(tmp_path, [case], seed=4).run({name: n})
    assert [trial.verdict for trial in trials] == ["equal"] * len(trials)
    assert sum(len(trial.kills) for trial in trials) >= n


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
    case = kills.Case(
        "toy",
        lambda _: [sys.executable, "-c", program],
        lambda out: {"result": (out / "result").read_text()},
    )
    return kills.Campaign(work, [case], seed=2).run({"toy": n})


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
    assert f"toy {bad[0].number}: other results" in kills.table(wrong)
