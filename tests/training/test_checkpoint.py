"""Checkpoints: the same state back, or one sentence."""

import pickle
import resource
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calo4pqvae.config import CONFIG_SCHEMA
from calo4pqvae.errors import CheckpointError, OutputError
from calo4pqvae.training.checkpoint import read_checkpoint, write_checkpoint

STATE = {"weights": torch.arange(600.0), "chains": torch.ones(3, 2).bool(), "epoch": 4}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "last.pt"
    write_checkpoint(path, STATE)
    return path


def test_what_is_read_is_what_was_written(checkpoint: Path) -> None:
    state = read_checkpoint(checkpoint)
    assert state["epoch"] == 4
    assert state["schema"] == CONFIG_SCHEMA
    for name in ("weights", "chains"):
        assert state[name].dtype == STATE[name].dtype
        assert torch.equal(state[name], STATE[name])


def test_only_the_checkpoint_lies_in_the_folder(checkpoint: Path) -> None:
    write_checkpoint(checkpoint, STATE | {"epoch": 5})
    assert [path.name for path in checkpoint.parent.iterdir()] == ["last.pt"]
    assert read_checkpoint(checkpoint)["epoch"] == 5


def test_the_old_checkpoint_survives_a_full_disk(checkpoint: Path) -> None:
    """And torch's own words, which count bytes, are not what the user reads."""
    before = checkpoint.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError) as caught:
            write_checkpoint(checkpoint, STATE | {"epoch": 5, "more": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value) == (
        f"{checkpoint}: cannot be written (the disk, the quota or the largest file size is "
        "full); an older checkpoint is kept, make room and give the same command again"
    )
    assert checkpoint.read_bytes() == before
    assert [path.name for path in checkpoint.parent.iterdir()] == ["last.pt"]


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint to resume from"):
        read_checkpoint(tmp_path / "last.pt")


def test_another_version_is_refused(checkpoint: Path) -> None:
    torch.save({**STATE, "schema": CONFIG_SCHEMA + 1}, checkpoint)
    with pytest.raises(CheckpointError, match=f"version {CONFIG_SCHEMA + 1}.* reads version"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"epoch": 1}, None, "text"])
def test_a_file_of_another_program_is_refused(checkpoint: Path, content: object) -> None:
    torch.save(content, checkpoint)
    with pytest.raises(CheckpointError, match="is no readable checkpoint"):
        read_checkpoint(checkpoint)


class Intruder:
    """Unpickling it would call a function."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("intruder"),))


def test_code_in_a_checkpoint_is_not_run(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkpoint.parent)
    torch.save({**STATE, "schema": CONFIG_SCHEMA, "more": Intruder()}, checkpoint)
    with pytest.raises(CheckpointError, match="is no readable checkpoint"):
        read_checkpoint(checkpoint)
    assert not Path("intruder").exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused(checkpoint: Path, share: float) -> None:
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="is no readable checkpoint"):
        read_checkpoint(checkpoint)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_never_passes_unseen(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    """Either the flip is noticed, or it hit a byte that carries nothing."""
    path = tmp_path_factory.mktemp("flip") / "last.pt"
    write_checkpoint(path, STATE)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content.tobytes())
    try:
        state = read_checkpoint(path)
    except CheckpointError:
        return
    assert state["epoch"] == 4
    assert torch.equal(state["weights"], STATE["weights"])
    assert torch.equal(state["chains"], STATE["chains"])


def test_a_place_beyond_the_pickle_takes_no_memory(checkpoint: Path) -> None:
    """The unpickler would take 8 bytes for each of 300 million places of its memo."""
    with ZipFile(checkpoint) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    name = next(name for name in records if name.endswith("data.pkl"))
    far = pickle.LONG_BINPUT + (300_000_000).to_bytes(4, "little")
    head, tail = records[name].split(pickle.EMPTY_DICT, 1)
    records[name] = head + pickle.EMPTY_DICT + far + tail
    with ZipFile(checkpoint, "w") as archive:
        for record, content in records.items():
            archive.writestr(record, content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="place 300,000,000"):
        read_checkpoint(checkpoint)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
