"""A file appears whole or not at all, and nothing else is touched."""

import errno
import fcntl
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from calo4pqvae._core import atomic
from calo4pqvae._core.atomic import (
    Part,
    check_target,
    replacing,
    write_bytes,
    write_json,
    write_text,
)
from calo4pqvae.errors import OutputError


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Make writing fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with replacing(target) as part:
        part.write_text("new")
        assert left(tmp_path) == ["a.txt.part"]
    assert target.read_text() == "new"
    assert left(tmp_path) == ["a.txt"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = write_text(tmp_path / "a.txt", "old")
    with suppress(ZeroDivisionError), replacing(target) as part:
        part.write_text("new")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert left(tmp_path) == ["a.txt"]


def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path: Path) -> None:
    target = write_text(tmp_path / "a.txt", "old")
    with largest_file(100), pytest.raises(OutputError, match=r"a\.txt: .*is full"):
        write_bytes(target, bytes(10_000))
    assert target.read_text() == "old"
    assert left(tmp_path) == ["a.txt"]


def test_the_bytes_are_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        steps.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")
        real_sync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        steps.append("name")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", rename)
    write_text(tmp_path / "a.txt", "new")
    assert steps == ["file", "name", "folder"]


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    real = write_text(tmp_path / "store" / "real.txt", "old")
    link = tmp_path / "link.txt"
    link.symlink_to("store/real.txt")
    write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    real.unlink()
    write_text(link, "newer")
    assert link.is_symlink()
    assert real.read_text() == "newer"
    assert left(tmp_path) == ["link.txt", "store"]


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to], ids=["soft", "hard"])
def test_a_part_that_is_another_file_is_not_written(tmp_path: Path, make) -> None:
    victim = write_text(tmp_path / "victim", "dear")
    make(tmp_path / "a.txt.part", victim)
    with pytest.raises(OutputError, match=r"a\.txt\.part: is a link; remove it"):
        write_text(tmp_path / "a.txt", "new")
    assert victim.read_text() == "dear"
    assert left(tmp_path) == ["a.txt.part", "victim"]


@pytest.mark.parametrize("name", ["pipe", "pipe.part"])
def test_a_pipe_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(OutputError, match="is a named pipe"):
        write_text(tmp_path / "pipe", "new")
    assert left(tmp_path) == [name]


def test_devices_folders_and_loops_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    for path, reason in {
        Path("/dev/null"): "is a device",
        tmp_path: "is a folder; name a file in it",
        tmp_path / "one": "is a link to itself",
        tmp_path / "missing" / "a": "its folder .*missing does not exist",
        tmp_path / ("n" * 300): "File name too long",
    }.items():
        with pytest.raises(OutputError, match=reason):
            check_target(path, overwrite=True)


def test_an_existing_file_needs_leave(tmp_path: Path) -> None:
    target = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(OutputError, match="exists already"):
        check_target(target, overwrite=False)
    check_target(target, overwrite=True)


def test_permissions_of_a_replaced_file_are_kept(tmp_path: Path) -> None:
    target = write_text(tmp_path / "a.txt", "old")
    target.chmod(0o600)
    write_text(target, "new")
    assert target.stat().st_mode & 0o777 == 0o600


def test_two_writers_at_once_are_not_allowed(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with replacing(target) as part:
        part.write_text("first")
        with pytest.raises(OutputError, match=r"is (being written|in use) by"):
            Part(target)
    assert target.read_text() == "first"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, 524])
def test_two_writers_at_once_are_not_allowed_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    test_two_writers_at_once_are_not_allowed(tmp_path)
    assert left(tmp_path) == ["a.txt"]


def test_a_writer_that_waited_does_not_empty_the_finished_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, the first writer puts its file in its place."""
    first = Part(tmp_path / "a.txt")
    os.write(first.descriptor, b"first")
    take, turns = atomic.try_flock, []

    def late(descriptor: int) -> bool:
        if not turns:
            turns.append(1)
            first.commit()
        return take(descriptor)

    monkeypatch.setattr(atomic, "try_flock", late)
    second = Part(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"first"
    os.write(second.descriptor, b"second")
    second.commit()
    assert (tmp_path / "a.txt").read_bytes() == b"second"


def test_what_a_dead_writer_left_is_replaced(tmp_path: Path) -> None:
    code = """
import os, sys
from calo4pqvae._core.atomic import replacing
with replacing(sys.argv[1]) as part:
    part.write_bytes(bytes(1000))
    os._exit(9)
"""
    target = tmp_path / "a.txt"
    words = [sys.executable, "-c", code, str(target)]
    assert subprocess.run(words, check=False).returncode == 9
    assert left(tmp_path) == ["a.txt.part"]
    write_text(target, "new")
    assert target.read_text() == "new"
    assert left(tmp_path) == ["a.txt"]


def test_a_part_can_be_kept_and_gone_on_with(tmp_path: Path) -> None:
    first = Part(tmp_path / "a.bin")
    os.write(first.descriptor, b"begun ")
    first.release()
    second = Part(tmp_path / "a.bin", keep=True)
    os.lseek(second.descriptor, 0, os.SEEK_END)
    os.write(second.descriptor, b"and ended")
    second.commit()
    assert (tmp_path / "a.bin").read_bytes() == b"begun and ended"


def test_json_has_no_numbers_that_json_does_not_know(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"one": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"one": float("nan")})
    assert (tmp_path / "a.json").read_text() == '{\n "one": 1\n}\n'
    assert left(tmp_path) == ["a.json"]


def test_text_of_any_kind_can_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "line\nGeV \udcff")
    assert (tmp_path / "a.txt").read_bytes() == b"line\nGeV \\udcff"
