"""One holder at a time, named to the others, with and without locks of the file system."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from calo4pqvae._core.lock import output_lock
from calo4pqvae._core.owner import STALE_AFTER, Owner, this_process
from calo4pqvae.errors import OutputError

NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, 524, errno.ESTALE, errno.ENOSYS, errno.EINVAL)

REFUSE = """
import fcntl
def refuse(descriptor, operation):
    raise OSError(37, "No locks available")
fcntl.flock = refuse
"""

HOLD = """
import sys, time
from calo4pqvae._core.lock import output_lock
with output_lock(sys.argv[1], "test"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=[None, *NO_LOCKS], ids=lambda n: "flock" if n is None else f"errno-{n}")
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """Locks of the file system as they are, or as they fail on others."""
    if request.param is not None:

        def refuse(*_: object) -> None:
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(fcntl, "flock", refuse)
    return request.param


def holder(target: Path, mode: int | None) -> subprocess.Popen[bytes]:
    code = HOLD if mode is None else REFUSE + HOLD
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_second_is_told_who_holds_it_and_the_next_gets_it_when_the_owner_dies(
    tmp_path: Path, mode: int | None
) -> None:
    target = tmp_path / "a.h5"
    with holder(target, mode) as first:
        assert left(tmp_path) == [".a.h5.lock"]
        with pytest.raises(OutputError, match=rf"a\.h5: .*process {first.pid} on .* since"):
            output_lock(target, "write").__enter__()
        first.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)  # dead, but not yet collected
        with output_lock(target, "write"):
            pass
    assert left(tmp_path) == []


@pytest.mark.usefixtures("mode")
def test_a_folder_holds_its_lock_and_goes_if_it_was_made_for_nothing(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with output_lock(target, "train", folder=True):
        assert left(target) == [".lock"]
        record = json.loads((target / ".lock").read_text())
        assert record["pid"] == os.getpid()
        assert record["purpose"] == "train"
    assert not target.exists()
    with output_lock(target, "train", folder=True):
        (target / "kept").touch()
    assert left(target) == ["kept"]


def test_a_file_in_place_of_a_folder_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "showers.h5").write_text("kept")
    with pytest.raises(OutputError, match="it is a file, and a folder is needed here"):
        output_lock(tmp_path / "showers.h5", "evaluate", folder=True).__enter__()
    assert (tmp_path / "showers.h5").read_text() == "kept"


def test_a_link_and_its_target_have_one_lock(tmp_path: Path, mode: int | None) -> None:
    (tmp_path / "link.h5").symlink_to("real.h5")
    with holder(tmp_path / "real.h5", mode) as first:
        with pytest.raises(OutputError, match=str(first.pid)):
            output_lock(tmp_path / "link.h5", "write").__enter__()
        first.kill()


@pytest.mark.usefixtures("mode")
def test_a_thread_takes_it_twice_and_another_one_not(tmp_path: Path) -> None:
    target, said = tmp_path / "a.h5", []

    def other() -> None:
        try:
            output_lock(target, "write").__enter__()
        except OutputError as error:
            said.append(str(error))

    with output_lock(target, "write"):
        with output_lock(target, "write"):
            pass
        assert left(tmp_path) == [".a.h5.lock"]
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert f"process {os.getpid()}" in said[0]


def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(tmp_path: Path) -> None:
    code = """
import os, sys, time
from calo4pqvae._core.lock import output_lock
with output_lock(sys.argv[1], "test"):
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
    os.wait()
"""
    words = [sys.executable, "-c", code, str(tmp_path / "a.h5")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        with output_lock(tmp_path / "a.h5", "write"):
            pass
        os.kill(child, signal.SIGKILL)


def record_of(**changes: object) -> bytes:
    here = json.loads(this_process("test").to_bytes())
    return json.dumps({**here, **changes}).encode()


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("silence", [0.0, STALE_AFTER / 2])
def test_a_process_of_another_machine_lives_while_it_touches_its_lock(
    tmp_path: Path, silence: float
) -> None:
    lock = tmp_path / ".a.h5.lock"
    lock.write_bytes(record_of(host="elsewhere", boot="other"))
    os.utime(lock, (time.time() - silence,) * 2)
    with pytest.raises(OutputError, match=r"on elsewhere. since .* until [0-9]{2,3} s have"):
        output_lock(tmp_path / "a.h5", "write").__enter__()
    assert left(tmp_path) == [".a.h5.lock"]


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("content", [record_of(host="elsewhere", boot="other"), b"", b"{\x00"])
def test_a_silent_or_damaged_record_is_taken_over(tmp_path: Path, content: bytes) -> None:
    lock = tmp_path / ".a.h5.lock"
    lock.write_bytes(content)
    os.utime(lock, (time.time() - STALE_AFTER - 1,) * 2)
    with output_lock(tmp_path / "a.h5", "write"):
        owner = Owner.from_bytes(lock.read_bytes())
        assert owner is not None
        assert owner.pid == os.getpid()
    assert left(tmp_path) == []


@pytest.mark.usefixtures("mode")
def test_a_number_used_again_is_another_process(tmp_path: Path) -> None:
    here = this_process("test")
    (tmp_path / ".a.h5.lock").write_bytes(record_of(started=here.started - 1))
    with output_lock(tmp_path / "a.h5", "write"):
        pass


def test_the_owner_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calo4pqvae._core.lock.BEAT", 0.01)
    with output_lock(tmp_path / "a.h5", "write"):
        lock = tmp_path / ".a.h5.lock"
        os.utime(lock, (1.0, 1.0))
        deadline = time.monotonic() + 30
        while lock.stat().st_mtime == 1.0:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.usefixtures("mode")
def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"dear")
    (tmp_path / ".a.h5.lock").symlink_to(victim)
    with pytest.raises(OutputError, match="cannot be locked"):
        output_lock(tmp_path / "a.h5", "write").__enter__()
    assert victim.read_bytes() == b"dear"


@pytest.mark.usefixtures("mode")
def test_a_long_name_has_a_lock(tmp_path: Path) -> None:
    with output_lock(tmp_path / ("n" * 250), "write"):
        assert len(left(tmp_path)) == 1


CONTEND = """
import os, sys, time
from calo4pqvae._core.lock import output_lock
from calo4pqvae.errors import OutputError
folder, turns = sys.argv[1], int(sys.argv[2])
for turn in range(turns):
    child = os.fork()
    if child == 0:
        lock = output_lock(folder + "/a.h5", "test")
        try:
            lock.__enter__()
        except OutputError:
            os._exit(0)
        try:
            inside = os.open(folder + "/inside", os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            os._exit(2)
        time.sleep(0.001)
        os.unlink(folder + "/inside")
        os._exit(1)  # dies with the lock
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.parametrize("no_locks", [False, True])
def test_of_many_that_take_over_from_a_dead_owner_one_wins(
    tmp_path: Path, no_locks: bool
) -> None:
    code = REFUSE + CONTEND if no_locks else CONTEND
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), "60"], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    ends = [word for one in crowd for word in one.communicate()[0].split()]
    assert len(ends) == 240
    assert ends.count(b"1") >= 20  # deaths were followed by take-overs; how many, time tells
    assert set(ends) <= {b"0", b"1"}
