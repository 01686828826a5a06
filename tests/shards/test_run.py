"""Runs over a folder of shards: any number of processes, deaths, damage and rivals."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from stub_maker import stub

from calo4pqvae.errors import OutputError, WorkerError
from calo4pqvae.shards.crew import Crew
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.run import Told, by_processes, missing_ranges, run_shards

N = 1280


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("shard-*.h5"))}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Eight shards made here, one after another."""
    from calo4pqvae.shards.making import make_shard

    job, recipe = stub(n=N, count=8)
    folder = ShardFolder.begin(tmp_path_factory.mktemp("reference"), job)
    for shard in job.plan.shards:
        make_shard(folder, recipe.build(), shard)
    return contents(folder.path)


def test_two_processes_make_what_one_makes(tmp_path: Path, reference: dict) -> None:
    job, recipe = stub(n=N, count=8)
    folder = ShardFolder.begin(tmp_path, job)
    looked, done = [], []
    told = Told(on_look=looked.append, on_showers=done.append)
    state = run_shards(folder, recipe, by_processes(2), told)
    assert contents(tmp_path) == reference
    assert (sum(looked), sum(done), len(state.finished)) == (8, N, 8)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [*reference, "job.json", "manifest.jsonl"]
    )
    assert len(folder.ledger.path.read_text().splitlines()) == 8


def test_a_second_run_makes_what_is_missing_and_says_so(
    tmp_path: Path, reference: dict
) -> None:
    job, recipe = stub(n=N, count=8)
    folder = ShardFolder.begin(tmp_path, job)
    run_shards(folder, recipe, by_processes(1))
    flipped = tmp_path / "shard-000003.h5"
    flipped.write_bytes(flipped.read_bytes()[:-1] + b"?")
    (tmp_path / "shard-000005.h5").unlink()
    states, done = [], []
    run_shards(
        folder, recipe, by_processes(1), Told(on_state=states.append, on_showers=done.append)
    )
    assert contents(tmp_path) == reference
    assert [shard.number for shard in states[0].missing] == [3, 5]
    assert states[0].notes == [
        "shard-000003.h5 was altered after it was finished",
        "shard-000005.h5 is gone",
    ]
    assert sum(done) == 2 * N // 8
    run_shards(folder, recipe, lambda *_: pytest.fail("nothing is missing"))


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path, reference: dict) -> None:
    """Three of them, one after another, at different shards."""
    job, recipe = stub(n=N, count=8, pause=0.02)
    folder, killed, notes = ShardFolder.begin(tmp_path, job), [], []
    hand_over = Crew._hand_over

    def strike(self: Crew, worker: object, waiting: object) -> bool:
        handed = hand_over(self, worker, waiting)
        if handed and worker.task in {1, 4, 7} and worker.task not in killed:
            killed.append(worker.task)
            worker.process.send_signal(signal.SIGKILL)
        return handed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Crew, "_hand_over", strike)
        run_shards(folder, recipe, by_processes(2), Told(on_note=notes.append))
    assert sorted(killed) == [1, 4, 7]
    assert len(notes) == 3
    assert all("was ended by SIGKILL at shard" in note for note in notes)
    assert contents(tmp_path) == reference


def test_a_shard_that_kills_its_makers_ends_the_run(tmp_path: Path) -> None:
    job, recipe = stub(n=N, count=8, poison=700)
    folder, notes = ShardFolder.begin(tmp_path, job), []
    with pytest.raises(
        WorkerError, match=r"at shard 4 .*the 3rd process.* are in .*run the same"
    ):
        run_shards(folder, recipe, by_processes(1), Told(on_note=notes.append))
    assert len(notes) == 2
    assert sorted(contents(tmp_path)) == [f"shard-{k:06d}.h5" for k in range(4)]


def test_a_refusal_is_one_sentence_with_what_is_kept(tmp_path: Path) -> None:
    job, recipe = stub(n=N, count=8, refuse=200)
    folder = ShardFolder.begin(tmp_path, job)
    with pytest.raises(WorkerError, match="shower 200 cannot be made; 1 of 8 shards are in"):
        run_shards(folder, recipe, by_processes(1))


def test_a_full_disk_costs_the_shard_at_hand(tmp_path: Path, reference: dict) -> None:
    """A limit on the size of files takes the place of the disk's end."""
    job, recipe = stub(n=N, count=8)
    code = f"""
import resource
from calo4pqvae.errors import Calo4pQVAEError
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.run import by_processes, run_shards
from stub_maker import stub
folder = ShardFolder({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
try:
    run_shards(folder, stub(n={N}, count=8)[1], by_processes(2))
except Calo4pQVAEError as error:
    print(error)
"""
    folder = ShardFolder.begin(tmp_path, job)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "the largest file size is full" in done.stdout
    assert "of 8 shards are in" in done.stdout
    assert not contents(tmp_path)
    run_shards(folder, recipe, by_processes(2))
    assert contents(tmp_path) == reference


def test_two_runs_into_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    job, recipe = stub(n=N, count=8, pause=0.05)
    folder, failed = ShardFolder.begin(tmp_path, job), []
    begun = threading.Event()

    def first() -> None:
        run_shards(folder, recipe, by_processes(1), Told(on_state=lambda _: begun.set()))

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait()
    with pytest.raises(OutputError, match="is in use by"):
        run_shards(folder, recipe, lambda *_: failed.append(1))
    thread.join()
    assert not failed
    assert len(folder.ledger.path.read_text().splitlines()) == 8


def test_one_shard_made_by_two_at_once_is_made_once(tmp_path: Path) -> None:
    """Jobs of a batch system that was too eager: one waits for the other."""
    job, _ = stub(n=N, count=2, pause=0.1)
    ShardFolder.begin(tmp_path, job)
    code = f"""
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.making import make_shard
from stub_maker import stub
job, recipe = stub(n={N}, count=2, pause=0.1)
make_shard(ShardFolder({str(tmp_path)!r}), recipe.build(), job.plan.shards[1])
"""
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    [line] = (tmp_path / "manifest.jsonl").read_text().splitlines()
    assert '"number": 1' in line


def test_workers_end_with_their_master(tmp_path: Path, reference: dict) -> None:
    job, recipe = stub(n=N, count=8, pause=0.05)
    folder = ShardFolder.begin(tmp_path, job)
    code = f"""
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.run import by_processes, run_shards, Told
from stub_maker import stub
run_shards(ShardFolder({str(tmp_path)!r}), stub(n={N}, count=8, pause=0.05)[1],
    by_processes(2), Told(on_showers=lambda n: print(n, flush=True)))
"""
    master = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert master.stdout is not None
    master.stdout.readline()
    children = [
        int(pid)
        for pid in Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
    ]
    master.send_signal(signal.SIGKILL)
    master.wait()
    master.stdout.close()
    until = time.monotonic() + 30
    while any(_lives(pid) for pid in children):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert len(children) == 2
    run_shards(folder, recipe, by_processes(2))
    assert contents(tmp_path) == reference
    assert len(folder.ledger.path.read_text().splitlines()) == 8


def _lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_numbers_as_ranges() -> None:
    assert missing_ranges([0]) == "0"
    assert missing_ranges([0, 1, 2, 7, 9, 10]) == "0-2,7,9-10"
    assert missing_ranges([]) == ""
