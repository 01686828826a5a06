"""The page of the long checks: what the programs printed, in words, and nothing left out."""

import json

import pytest
from export_checks import CHECKS, main, report

GROWTH = [f"{k}000 showers, {k}31 calls, {6700 + k} KiB" for k in range(1, 11)]
SAID = {
    "growth": [*GROWTH, "mean response 0.95"],
    "sanitizers": ["17420 drawn, 12580 refused"],
    "valgrind": ["==1== HEAP SUMMARY", "13 drawn, 7 refused", "==1== ERROR SUMMARY: 0 errors"],
    "twins": ["a leak: seen", "a read: seen"],
}


def note(name, status=0):
    said = SAID.get(name, ["123456 drawn, 7 refused"])
    return {
        "status": status,
        "command": f"c++ {name}",
        "minutes": 1.5,
        "n": 30000,
        "said": said,
    }


def test_each_check_has_a_row_of_what_was_found(capsys):
    report({name: note(name) for name in CHECKS})
    told = capsys.readouterr().out
    rows = {line.split(" | ")[0].strip("| "): line for line in told.splitlines() if "|" in line}
    assert set(CHECKS) < set(rows)
    assert "6,702 KiB after a fifth, 6,710 at the end of 1,031 calls" in rows["growth"]
    assert "30,000 random" in rows["sanitizers"]
    assert "17,420 drawn, 12,580 refused, nothing found" in rows["sanitizers"]
    assert "13 drawn, 7 refused, no error, no leak" in rows["valgrind"]
    assert "a leak: seen; a read: seen" in rows["twins"]


@pytest.mark.parametrize("spoil", ["fail", "miss", "none"])
def test_a_failed_or_missing_check_is_told(tmp_path, capsys, spoil):
    notes = {name: note(name) for name in CHECKS}
    if spoil == "fail":
        notes["growth"] = note("growth", status=1)
    elif spoil == "miss":
        del notes["growth"]
    path = tmp_path / "notes.json"
    path.write_text(json.dumps(notes))
    words = [str(tmp_path), "--notes", str(path), "--report"]
    assert main(words) == (0 if spoil == "none" else 1)
    assert ("**failed**" in capsys.readouterr().out) == (spoil == "fail")
