"""Downloads against a local server that supports ranges, ignores them, or hangs up."""

import hashlib
import re
import subprocess
import sys

import pytest

from calo4pqvae.data.download import download
from calo4pqvae.data.registry import DATASETS, RemoteFile
from calo4pqvae.data.transfer import PIECE
from calo4pqvae.errors import DownloadError

CONTENT = bytes(range(256)) * 4000
KEPT = len(CONTENT) // 2 // PIECE * PIECE
"""Bytes in whole pieces when the connection breaks in the middle."""


@pytest.fixture
def datasets(server):
    server.content = CONTENT
    digest = hashlib.md5(CONTENT).hexdigest()
    files = tuple(
        RemoteFile(name, f"{server.address}/{name}?download=1", f"md5:{digest}", len(CONTENT))
        for name in ("toy_1.hdf5", "toy_2.hdf5")
    )
    unsized = RemoteFile("toy.hdf5", f"{server.address}/toy.hdf5", f"md5:{digest}")
    return {"toy": files, "one": files[:1], "unsized": (unsized,)}


@pytest.fixture
def fetch(tmp_path, datasets):
    def call(dataset="one", **options):
        options = {"attempts": 1} | options
        return download(dataset, tmp_path / "data", datasets=datasets, **options)

    return call


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_all_files_arrive_in_order(fetch, server, tmp_path):
    paths = fetch("toy")
    assert paths == [tmp_path / "data" / name for name in ("toy_1.hdf5", "toy_2.hdf5")]
    assert all(path.read_bytes() == CONTENT for path in paths)
    assert names(tmp_path / "data") == ["toy_1.hdf5", "toy_2.hdf5"]
    assert server.asked[0] == ("/files/toy_1.hdf5?download=1", None)


def test_complete_files_are_not_fetched_again(fetch, server):
    fetch("toy")
    fetch("toy")
    assert len(server.asked) == 2


def test_damaged_file_is_fetched_again(fetch):
    [path] = fetch()
    path.write_bytes(CONTENT[:-1] + b"x")
    fetch()
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("dataset", ["one", "unsized"])
def test_cut_connection_keeps_the_part_and_continues(fetch, server, tmp_path, dataset):
    server.hang_ups = 1
    with pytest.raises(DownloadError, match=f"after {KEPT} bytes .* run again to continue"):
        fetch(dataset)
    [part] = (tmp_path / "data").iterdir()
    assert part.suffix == ".part"
    assert part.read_bytes() == CONTENT[:KEPT]
    [path] = fetch(dataset)
    assert path.read_bytes() == CONTENT
    assert server.asked[1][1] == f"bytes={KEPT}-"
    assert not part.exists()


def test_several_attempts_in_one_call(fetch, server):
    server.hang_ups = 2
    [path] = fetch(attempts=3)
    assert path.read_bytes() == CONTENT
    starts = [int(asked[len("bytes=") : -1]) for _, asked in server.asked[1:]]
    assert 0 < starts[0] < starts[1] < len(CONTENT)


def test_server_that_ignores_ranges_starts_over(fetch, server):
    server.ranges = False
    server.hang_ups = 1
    with pytest.raises(DownloadError):
        fetch()
    [path] = fetch()
    assert path.read_bytes() == CONTENT


def test_killed_process_leaves_a_part_that_is_continued(fetch, server, tmp_path):
    """A process that dies without any cleaning up."""
    folder = tmp_path / "data"
    script = (
        "import os, sys\n"
        "from calo4pqvae.data import transfer\n"
        "from calo4pqvae.data.registry import RemoteFile\n"
        "from pathlib import Path\n"
        "transfer.PIECE = 100_000\n"
        "class Dies(transfer.Transfer):\n"
        "    def _save(self, pieces, stream, done, total):\n"
        "        stream.write(next(pieces)); stream.flush(); os._exit(9)\n"
        "file = RemoteFile('toy_1.hdf5', sys.argv[1], 'md5:0')\n"
        "Dies(file, Path(sys.argv[2]))(sys.argv[1], 'unused', None)\n"
    )
    folder.mkdir()
    command = [sys.executable, "-c", script, f"{server.address}/toy_1.hdf5", str(folder)]
    assert subprocess.run(command, check=False).returncode == 9
    assert (folder / "toy_1.hdf5.part").stat().st_size == 100_000
    [path] = fetch()
    assert path.read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=100000-"


def test_complete_part_of_a_file_is_not_fetched_again(fetch, server, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "toy_1.hdf5.part").write_bytes(CONTENT)
    [path] = fetch()
    assert path.read_bytes() == CONTENT
    assert not server.asked


@pytest.mark.parametrize("dataset", ["one", "unsized"])
def test_part_longer_than_the_file_is_dropped(fetch, server, tmp_path, dataset):
    (tmp_path / "data").mkdir()
    for name in ("toy_1.hdf5", "toy.hdf5"):
        (tmp_path / "data" / f"{name}.part").write_bytes(CONTENT + b"more")
    [path] = fetch(dataset)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1][1] is None


def test_wrong_checksum_keeps_nothing(fetch, server, tmp_path):
    server.content = CONTENT[::-1]
    with pytest.raises(DownloadError, match="does not have the published checksum md5:"):
        fetch()
    assert names(tmp_path / "data") == []


def test_part_of_other_content_is_found_and_dropped(fetch, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "toy_1.hdf5.part").write_bytes(b"x" * 1000)
    with pytest.raises(DownloadError, match="published checksum"):
        fetch()
    assert fetch()[0].read_bytes() == CONTENT


def test_wrong_size_is_refused_before_the_transfer(fetch, server, tmp_path):
    server.content = CONTENT[:-5]
    with pytest.raises(DownloadError, match=f"offers {len(CONTENT) - 5} bytes, published"):
        fetch()
    assert names(tmp_path / "data") == []


@pytest.mark.parametrize("status", [404, 429, 503])
def test_answer_of_the_server_is_passed_on(fetch, server, status):
    server.status = status
    with pytest.raises(DownloadError, match=f"the server answered {status}"):
        fetch()


def test_server_that_is_not_there(fetch, server):
    address = server.address.replace(str(server.server_port), "9")
    with pytest.raises(DownloadError, match="the connection failed after 0 bytes"):
        fetch(mirror=address)


def test_file_larger_than_the_disk_is_not_started(fetch, server, tmp_path):
    server.announced = 2**60
    with pytest.raises(DownloadError, match=f"needs {2**60} more bytes and the disk has"):
        fetch("unsized")
    assert names(tmp_path / "data") == []


FULL_DISK = """
import resource, signal, sys
from calo4pqvae.data.download import download
from calo4pqvae.data.registry import RemoteFile
from calo4pqvae.errors import DownloadError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
file = RemoteFile("toy_1.hdf5", sys.argv[1], "md5:0")
try:
    download("toy", sys.argv[2], datasets={"toy": (file,)})
except DownloadError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_full_disk_keeps_the_part(fetch, server, tmp_path):
    folder = tmp_path / "data"
    url = f"{server.address}/toy_1.hdf5"
    command = [sys.executable, "-c", FULL_DISK, url, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be written (File too large)" in done.stdout
    assert done.stdout.count("\n") == 1
    assert names(folder) == ["toy_1.hdf5.part"]
    assert fetch()[0].read_bytes() == CONTENT


def test_mirror_address(fetch, server):
    fetch(mirror=f"{server.address}/other/")
    assert server.asked == [("/files/other/toy_1.hdf5", None)]


def test_mirror_folder(fetch, server, tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with pytest.raises(DownloadError, match=r"mirror/toy_1\.hdf5: the mirror does not hold"):
        fetch(mirror=str(mirror))
    (mirror / "toy_1.hdf5").write_bytes(CONTENT[::-1])
    with pytest.raises(DownloadError, match="published checksum"):
        fetch(mirror=str(mirror))
    (mirror / "toy_1.hdf5").write_bytes(CONTENT[1:])
    with pytest.raises(DownloadError, match="offers"):
        fetch(mirror=str(mirror))
    (mirror / "toy_1.hdf5").write_bytes(CONTENT)
    assert fetch(mirror=str(mirror))[0].read_bytes() == CONTENT
    assert (mirror / "toy_1.hdf5").exists()
    assert not server.asked


@pytest.mark.parametrize("mirror", ["ftp://127.0.0.1/files", "no/such/folder"])
def test_mirror_of_another_kind(fetch, mirror):
    with pytest.raises(DownloadError, match="neither an http"):
        fetch(mirror=mirror)


def test_the_home_of_nobody_is_a_name_as_any_other(datasets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DownloadError, match="neither an http"):
        download("one", "~nobody-has-this-name/x", "~nor-this", datasets=datasets)


def test_unknown_dataset_lists_the_known_ones(tmp_path):
    with pytest.raises(DownloadError, match=r"'dataset-9'.*dataset-1-photons, dataset-2"):
        download("dataset-9", tmp_path)


def test_folder_that_cannot_be_made(datasets, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot be written"):
        download("one", tmp_path / "file" / "data", datasets=datasets)


def test_progress_goes_to_stderr(fetch, capfd):
    fetch(progress=True)
    captured = capfd.readouterr()
    assert "toy_1.hdf5" in captured.err
    assert not captured.out


def test_no_progress_is_silent(fetch, capfd):
    fetch()
    assert capfd.readouterr() == ("", "")


def test_every_public_file_has_an_address_and_a_checksum():
    files = [file for dataset in DATASETS.values() for file in dataset]
    assert len({file.url for file in files}) == len(files)
    for file in files:
        pattern = rf"https://zenodo\.org/records/\d+/files/{file.name}\?download=1"
        assert re.fullmatch(pattern, file.url)
        assert re.fullmatch(r"md5:[0-9a-f]{32}", file.checksum)
    assert [file.n_bytes for file in DATASETS["dataset-2"]] == [1_356_475_617, 1_366_708_391]
