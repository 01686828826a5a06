"""The log of a run: damaged lines are named and passed over."""

import json
import re
import resource
from pathlib import Path

import pytest

from calo4pqvae.errors import OutputError, PhysicsWarning
from calo4pqvae.training.log import RunLog, read_log

DAMAGED = [
    b"",
    b"{",
    b'{"epoch": 1, "values": 2.0',
    b'\xff\xfe{"epoch": 1}',
    b"[1, 2]",
    b"null",
    b"7",
    b'{"values": 1.0}',
    b'{"epoch": "one"}',
    b'{"epoch": true}',
    b'{"epoch": 1, "values": NaN}',
    b"[" * 100_000,
    b"\x00" * 40,
]


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    made = RunLog(tmp_path / "log.jsonl")
    for epoch in range(4):
        made.append({"epoch": epoch, "values": 0.1 * epoch})
    return made


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_line_is_named_and_passed_over(line: bytes, log: RunLog) -> None:
    lines = log.path.read_bytes().splitlines()
    lines[1] = line
    log.path.write_bytes(b"\n".join(lines) + b"\n")
    records, damaged = read_log(log.path)
    assert [record["epoch"] for record in records] == [0, 2, 3]
    assert damaged == [2]
    with pytest.warns(PhysicsWarning, match="line 2 is damaged and passed over"):
        log.forget(3)
    kept = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert kept == [{"epoch": 0, "values": 0.0}, {"epoch": 2, "values": 0.2}]


def test_a_torn_last_line_is_no_damage(log: RunLog) -> None:
    log.path.write_bytes(log.path.read_bytes()[:-5])
    records, damaged = read_log(log.path)
    assert (len(records), damaged) == (3, [])
    log.forget(9)
    assert len(log.path.read_text().splitlines()) == 3


def test_a_full_disk_costs_the_line_and_names_the_log(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.append({"epoch": 1, "values": 2.0})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, limits[1]))
    try:
        with pytest.raises(
            OutputError, match=f"^{re.escape(str(log.path))}: cannot be written"
        ):
            log.append({"epoch": 2, "values": 3.0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_log(log.path) == ([{"epoch": 1, "values": 2.0}], [])
    log.forget(2)
    log.append({"epoch": 2, "values": 3.0})
    assert [record["epoch"] for record in read_log(log.path)[0]] == [1, 2]


def test_a_validation_that_is_not_finite_ends_no_training(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.append({"epoch": 1, "validation": {"values": float("inf"), "hits": 2.0}})
    assert read_log(log.path) == (
        [{"epoch": 1, "validation": {"values": None, "hits": 2.0}}],
        [],
    )
