"""Shards on a real Dask scheduler with two worker processes."""

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stub_maker import stub

from calo4pqvae.errors import OutputError, WorkerError
from calo4pqvae.shards.folder import ShardFolder
from calo4pqvae.shards.making import make_shard
from calo4pqvae.shards.run import Told, run_shards

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")

from calo4pqvae.shards.dask_engine import by_dask  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

N = 1280
PATHS = [Path(__file__).parents[2] / name for name in ("scripts", "src")]


class Cluster:
    """A scheduler and two workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        words = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
        self.scheduler = self._start(*words, "--no-dashboard", "--scheduler-file", self.file)
        self.workers = [self.spawn() for _ in range(2)]

    def spawn(self) -> subprocess.Popen:
        words = ["-m", "distributed.cli.dask_worker", "--scheduler-file", str(self.file)]
        more = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
        return self._start(*words, *more, "--death-timeout", "60")

    def client(self) -> "distributed.Client":
        return distributed.Client(
            scheduler_file=str(self.file), timeout="120s", set_as_default=False
        )

    def close(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()

    def _start(self, *words: object) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, *map(str, words)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", ":".join(map(str, PATHS)))
        cluster = Cluster(tmp_path_factory.mktemp("dask"))
        yield cluster
        cluster.close()


def test_a_cluster_makes_what_one_process_makes(cluster: Cluster, tmp_path: Path) -> None:
    """Byte for byte, although one of its workers is killed on the way."""
    job, recipe = stub(n=N, count=8, pause=0.05)
    alone = ShardFolder.begin(tmp_path / "alone", job)
    for shard in job.plan.shards:
        make_shard(alone, recipe.build(), shard)
    folder, done = ShardFolder.begin(tmp_path / "dask", job), []

    def count(n: int) -> None:
        done.append(n)
        if len(done) == 2:
            cluster.workers[0].send_signal(signal.SIGKILL)
            cluster.workers.append(cluster.spawn())

    with cluster.client() as client:
        client.wait_for_workers(2, timeout=120)
        run_shards(folder, recipe, by_dask(client), Told(on_showers=count))
    assert sum(done) == N
    for shard in job.plan.shards:
        name = shard.name
        assert (folder.path / name).read_bytes() == (alone.path / name).read_bytes()
    assert sorted(folder.ledger.read()[0]) == list(range(8))


def test_what_a_task_refuses_is_one_sentence(cluster: Cluster, tmp_path: Path) -> None:
    job, recipe = stub(n=N, count=8, refuse=200)
    folder = ShardFolder.begin(tmp_path, job)
    address = distributed.Client(scheduler_file=str(cluster.file), set_as_default=False)
    with (
        address,
        pytest.raises(OutputError, match=r"shard 1 .*shower 200 cannot be made; .*of 8"),
    ):
        run_shards(folder, recipe, by_dask(address.scheduler.address))


def test_a_scheduler_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calo4pqvae.shards.dask_engine.CONNECT", "1s")
    job, recipe = stub()
    folder = ShardFolder.begin(tmp_path, job)
    with pytest.raises(WorkerError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        run_shards(folder, recipe, by_dask("tcp://127.0.0.1:9"))
    logger = logging.getLogger("distributed.client")  # tells tracebacks when it goes away later
    assert not logger.isEnabledFor(logging.ERROR)
