"""A run folder: what is recorded in it, what is refused before it is made."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

import calo4pqvae
from calo4pqvae.config import Config
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.data.splits import Split, paper_split
from calo4pqvae.errors import (
    Calo4pQVAEError,
    CheckpointError,
    ConfigError,
    GeometryError,
    OutputError,
)
from calo4pqvae.geometry import CylindricalGeometry, LayerBins
from calo4pqvae.models.storage import load_model
from calo4pqvae.training.arithmetic import name_arithmetic
from calo4pqvae.training.folder import read_run, resolve_split
from calo4pqvae.training.loop import Step
from calo4pqvae.training.run import train

Configure = Callable[..., Config]
Write = Callable[..., ShowerFile]

ONE_EPOCH = ("training.epochs=1", "training.freeze_epoch=1")


@pytest.fixture
def write(tmp_path: Path, toy_geometry: CylindricalGeometry) -> Iterator[Write]:
    """A function (name, energies, geometry) -> open file of even showers."""
    with ExitStack() as stack:

        def make(
            name: str, e_inc: np.ndarray, geometry: CylindricalGeometry = toy_geometry
        ) -> ShowerFile:
            e_inc = e_inc.reshape(-1, 1).astype(np.float32)
            showers = np.tile(e_inc / geometry.n_voxels, geometry.n_voxels)
            with ShowerWriter(tmp_path / name, geometry) as writer:
                writer.append(e_inc, showers)
            return stack.enter_context(ShowerFile(tmp_path / name))

        yield make


@pytest.fixture
def run(configure: Configure, showers: ShowerFile, tmp_path: Path) -> Path:
    """The folder of a finished run of one epoch."""
    folder = tmp_path / "run"
    assert train(configure(*ONE_EPOCH), [showers], folder)
    return folder


def test_the_folder_records_what_the_run_was_made_from(
    run: Path, configure: Configure, showers: ShowerFile
) -> None:
    stored = read_run(run)
    assert stored.config == configure(*ONE_EPOCH)
    (file,) = stored.files
    assert file == {
        "name": "showers.h5",
        "path": str(showers.path.resolve()),
        "showers": 100,
        "sha256": showers.sha256(),
    }
    assert stored.fingerprint == showers.sha256()
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    model = {"model/model.safetensors", "model/config.json"}
    assert names == {"config.json", "split.json", "log.jsonl", "checkpoints/last.pt", *model}


def test_the_split_is_recorded_row_by_row(run: Path) -> None:
    split, expected = Split.load(run / "split.json"), paper_split(100, 0)
    assert (split.protocol, split.seed) == ("paper", 0)
    for part in ("train", "validation", "test"):
        assert np.array_equal(getattr(split, part), getattr(expected, part))


def test_the_model_says_where_it_comes_from(run: Path, showers: ShowerFile) -> None:
    stored = load_model(run)
    assert stored.provenance == {
        "calo4pqvae": calo4pqvae.__version__,
        "torch": torch.__version__,
        "data": [{"name": "showers.h5", "showers": 100, "sha256": showers.sha256()}],
        "split": {"protocol": "paper", "seed": 0, "train": 80},
        "epochs": 1,
        "arithmetic": name_arithmetic(stored.config.training.precision, torch.device("cpu")),
    }
    assert stored.model.geometry == showers.geometry


def test_the_model_is_calibrated_and_equals_the_last_weights(run: Path) -> None:
    """Drawn voxels get their table after training; all else is the last checkpoint's."""
    stored = load_model(run).model.state_dict()
    last = torch.load(run / "checkpoints" / "last.pt")["model"]
    changed = {name for name in last if not torch.equal(stored[name], last[name])}
    assert changed == {"voxels.quantiles.edges", "voxels.quantiles.table"}
    table = stored["voxels.quantiles.table"]
    assert (table.diff(dim=2) >= 0).all()
    assert torch.isfinite(table).all()
    assert (stored["voxels.quantiles.edges"].diff() >= 0).all()


def test_the_same_run_twice_gives_the_same_model(
    run: Path, configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    torch.rand(3)
    np.random.default_rng().random()
    train(configure(*ONE_EPOCH), [showers], tmp_path / "again")
    weights = Path("model") / "model.safetensors"
    assert (tmp_path / "again" / weights).read_bytes() == (run / weights).read_bytes()


def test_another_seed_gives_another_model(
    run: Path, configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    train(configure(*ONE_EPOCH, "training.seed=33"), [showers], tmp_path / "other")
    one, other = (load_model(f).model.state_dict() for f in (run, tmp_path / "other"))
    assert not torch.equal(one["prior.coupling"], other["prior.coupling"])


def test_the_model_runs_over_a_folder_with_other_files(
    configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert train(configure(*ONE_EPOCH), [showers], tmp_path / "run")
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_run_is_left_as_it_is_and_says_so(
    run: Path, configure: Configure, showers: ShowerFile
) -> None:
    before, notes = content(run), []
    assert train(configure(*ONE_EPOCH), [showers], run, on_note=notes.append)
    assert notes == [f"{run}: this run is finished; nothing is left to do"]
    assert content(run) == before


def test_a_run_of_other_settings_is_not_overwritten(
    run: Path, configure: Configure, showers: ShowerFile
) -> None:
    before = content(run)
    other = configure(*ONE_EPOCH, "training.seed=5", "training.batch_size=8")
    says = r"holds a run already, with other values of training\.batch_size, training\.seed"
    with pytest.raises(OutputError, match=says):
        train(other, [showers], run)
    assert content(run) == before


def test_a_run_of_other_showers_is_not_overwritten(
    run: Path, configure: Configure, write: Write
) -> None:
    before = content(run)
    with pytest.raises(CheckpointError, match="made with other showers"):
        train(configure(*ONE_EPOCH), [write("other.h5", np.full(100, 5e3))], run)
    assert content(run) == before


def test_another_manifest_at_the_same_path_is_refused(
    configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    manifest = tmp_path / "mine.json"
    Split(np.arange(48), np.arange(0), np.arange(0), "mine").save(manifest)
    config = configure(*ONE_EPOCH, f"data.split={manifest}")
    assert train(config, [showers], tmp_path / "run")
    Split(np.arange(64), np.arange(0), np.arange(0), "mine").save(manifest)
    with pytest.raises(ConfigError, match="has other rows than when the run"):
        train(config, [showers], tmp_path / "run")


def test_two_processes_do_not_train_in_one_folder(
    configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    config, folder, said = configure(*ONE_EPOCH), tmp_path / "run", []

    def again(_: Step) -> None:
        with ThreadPoolExecutor(1) as other:
            error = other.submit(train, config, [showers], folder).exception()
        said.append(str(error))

    assert train(config, [showers], folder, on_step=again)
    assert len(said) == 5
    assert all(f"{folder}: is in use by" in line for line in said)


def broken_off(point: str, config: Config, showers: ShowerFile, folder: Path) -> None:
    """Train until an exception that stands for a kill at this point."""
    with pytest.MonkeyPatch.context() as patch:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(point, die)
        with pytest.raises(KeyboardInterrupt):
            train(config, [showers], folder)


@pytest.mark.parametrize(
    "point",
    [
        "calo4pqvae.training.run.rehearse",
        "calo4pqvae.training.folder.write_json",
        "calo4pqvae.training.loop.write_checkpoint",
        "calo4pqvae.training.loop.Trainer._log",
        "calo4pqvae.models.base.calibrate_voxels",
        "calo4pqvae.training.run.save_model",
        "calo4pqvae.models.storage.write_json",
    ],
)
def test_the_same_call_takes_up_what_was_broken_off_anywhere(
    point: str, run: Path, configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    folder, config = tmp_path / "broken", configure(*ONE_EPOCH)
    if point.endswith("calibrate_voxels"):  # the rehearsal calls it as well
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("calo4pqvae.training.run.rehearse", lambda *_: "")
            broken_off(point, config, showers, folder)
    else:
        broken_off(point, config, showers, folder)
    assert train(config, [showers], folder)
    weights = Path("model") / "model.safetensors"
    assert (folder / weights).read_bytes() == (run / weights).read_bytes()
    assert (folder / "config.json").read_bytes() == (run / "config.json").read_bytes()
    assert len((folder / "log.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("left", ["checkpoints/last.pt", "log.jsonl"])
def test_what_is_left_of_a_run_without_its_description_is_kept(
    left: str, run: Path, configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    folder = tmp_path / "rest"
    (folder / left).parent.mkdir(parents=True)
    shutil.copy(run / left, folder / left)
    with pytest.raises(OutputError, match="belongs to a run whose"):
        train(configure(*ONE_EPOCH), [showers], folder)
    assert (folder / left).read_bytes() == (run / left).read_bytes()


def refused(
    kind: type[Calo4pQVAEError], says: str, folder: Path, config: Config, files: list
) -> None:
    """Expect the error, and no trace on disk."""
    with pytest.raises(kind, match=says) as caught:
        train(config, files, folder)
    assert "\n" not in str(caught.value)
    assert not folder.exists()


@pytest.mark.parametrize(
    "part", [slice(0, 80), slice(80, 90)], ids=["to train on", "to validate on"]
)
def test_energies_outside_the_range_are_refused_before_training(
    part: slice, configure: Configure, write: Write, tmp_path: Path
) -> None:
    e_inc = np.full(100, 5e3)
    e_inc[part][:3] = [2e4, 99.0, 3e4]
    split = Split(*np.split(np.arange(100), [80, 90]), "mine")
    split.save(tmp_path / "mine.json")
    config = configure(f"data.split={tmp_path / 'mine.json'}")
    says = r"3 of \d+ incident energies lie outside the range 0.1 to 10 GeV .*first: 20 GeV"
    refused(ConfigError, says, tmp_path / "run", config, [write("far.h5", e_inc)])


def test_energies_outside_the_range_do_not_matter_in_the_test_rows(
    configure: Configure, write: Write, tmp_path: Path
) -> None:
    e_inc = np.full(100, 5e3)
    e_inc[95] = 2e4
    Split(*np.split(np.arange(100), [80, 90]), "mine").save(tmp_path / "mine.json")
    config = configure(*ONE_EPOCH, f"data.split={tmp_path / 'mine.json'}")
    assert train(config, [write("far.h5", e_inc)], tmp_path / "run")


def test_files_of_two_geometries_are_refused(
    configure: Configure, write: Write, showers: ShowerFile, tmp_path: Path
) -> None:
    other = CylindricalGeometry.regular(6, 4, [0.0, 5.0, 10.0, 16.0], threshold=0.05)
    files = [showers, write("other.h5", np.full(20, 5e3), other)]
    refused(GeometryError, "different geometries", tmp_path / "run", configure(), files)


def test_layers_that_differ_are_refused(
    configure: Configure, write: Write, tmp_path: Path
) -> None:
    layers = (LayerBins((0.0, 5.0, 10.0), 4), LayerBins((0.0, 10.0), 1))
    file = write("ds1.h5", np.full(20, 5e3), CylindricalGeometry(layers, 0.05))
    says = "different bins .as in dataset 1.; a regular cylinder is needed"
    refused(GeometryError, says, tmp_path / "run", configure(), [file])


def test_a_cylinder_too_small_for_the_papers_network_is_refused(
    configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    widths = ("model.encoder_widths=[2,2,2,2]", "model.decoder_widths=[2,2,2,2]")
    config = configure("model.kind=conv3d", *widths)
    says = "does not fit the 3D encoder, which needs at least 23 layers"
    refused(GeometryError, says, tmp_path / "run", config, [showers])


def test_too_few_showers_for_a_batch_are_refused(
    configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    config = configure("training.batch_size=81")
    says = "80 showers do not fill one batch of 81"
    refused(ConfigError, says, tmp_path / "run", config, [showers])


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_split_of_other_files_is_refused(
    part: str, configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    rows = {"train": np.arange(50), "validation": np.arange(60, 70), "test": np.arange(0)}
    Split(**rows | {part: np.arange(95, 115)}, protocol="mine").save(tmp_path / "mine.json")
    config = configure(f"data.split={tmp_path / 'mine.json'}")
    says = "outside the 100 showers of the files"
    refused(ConfigError, says, tmp_path / "run", config, [showers])


def test_the_official_split_takes_two_files(
    configure: Configure, write: Write, showers: ShowerFile, tmp_path: Path
) -> None:
    config = configure(*ONE_EPOCH, "data.split=official")
    refused(ConfigError, "needs two files", tmp_path / "run", config, [showers])
    second = write("second.h5", np.full(20, 5e3))
    assert train(config, [showers, second], tmp_path / "run")
    split = Split.load(tmp_path / "run" / "split.json")
    assert [len(split.train), len(split.validation), len(split.test)] == [90, 10, 20]
    shas = f"{showers.sha256()} {second.sha256()}"
    assert read_run(tmp_path / "run").fingerprint == shas


def test_the_bundled_sample_has_a_split_by_name(configure: Configure) -> None:
    split = resolve_split(configure("data.split=sample"), [2000])
    assert (len(split.train), len(split.validation)) == (1000, 100)


def test_training_without_validation_logs_none(
    configure: Configure, showers: ShowerFile, tmp_path: Path
) -> None:
    Split(np.arange(48), np.arange(0), np.arange(0), "mine").save(tmp_path / "mine.json")
    config = configure(*ONE_EPOCH, f"data.split={tmp_path / 'mine.json'}")
    assert train(config, [showers], tmp_path / "run")
    (line,) = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["validation"] is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', "null"])
def test_a_damaged_description_of_a_run_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match="description of a training run"):
        read_run(tmp_path)
