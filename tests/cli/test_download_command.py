"""`download` puts the files of a dataset into a folder, or says in one line why not."""

import hashlib
from functools import partial
from pathlib import Path

import pytest

from calo4pqvae.cli.main import main
from calo4pqvae.data.download import download
from calo4pqvae.data.registry import DATASETS, RemoteFile

CONTENTS = {"small_1.hdf5": b"train " * 1000, "small_2.hdf5": b"test " * 1000}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of a small dataset, which takes the place of the public ones."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    files = tuple(
        RemoteFile(
            name,
            f"http://127.0.0.1:1/{name}",
            f"md5:{hashlib.md5(content).hexdigest()}",
            len(content),
        )
        for name, content in CONTENTS.items()
    )
    small = partial(download, datasets={"small": files})
    monkeypatch.setattr("calo4pqvae.data.download.download", small)
    return folder


def test_files_arrive_and_their_paths_are_printed(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    target = tmp_path / "new" / "folder"
    assert main(["download", "small", "--dir", str(target), "--mirror", str(mirror)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(target / name) for name in CONTENTS]
    for name, content in CONTENTS.items():
        assert (target / name).read_bytes() == content
    assert sorted(path.name for path in target.iterdir()) == sorted(CONTENTS)


def test_the_current_folder_is_the_default(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["download", "small", "--mirror", str(mirror)]) == 0
    assert (tmp_path / "small_1.hdf5").is_file()


def test_a_damaged_file_is_refused(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    damaged = CONTENTS["small_2.hdf5"].replace(b"test", b"tent")
    (mirror / "small_2.hdf5").write_bytes(damaged)
    assert main(["download", "small", "--dir", str(tmp_path), "--mirror", str(mirror)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("calo4pqvae: error: ")
    assert "checksum" in complaint
    assert complaint.count("\n") == 1
    assert not (tmp_path / "small_2.hdf5").exists()


def test_an_unknown_dataset_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["download", "dataset-9", "--dir", str(tmp_path)]) == 2
    complaint = capsys.readouterr().err
    assert "'dataset-9'" in complaint
    assert all(name in complaint for name in DATASETS)
    assert complaint.count("\n") == 1
