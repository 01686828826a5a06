"""The command `train`: a run folder from shower files, or one line and nothing lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from calo4pqvae.cli.main import main
from calo4pqvae.cli.train import _note
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.geometry import CylindricalGeometry, LayerBins
from calo4pqvae.models.storage import load_model
from calo4pqvae.training.loop import Step

TINY = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
    "training.batch_size=16",
    "training.epochs=1",
    "training.freeze_epoch=1",
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(
    tmp_path: Path,
    toy_geometry: CylindricalGeometry,
    toy_showers: Callable[[int], tuple[np.ndarray, np.ndarray]],
) -> Path:
    path = tmp_path / "showers.h5"
    with ShowerWriter(path, toy_geometry) as writer:
        writer.append(*toy_showers(60))
    return path


def train(data: Path, *settings: str, preset: str = "quick", more: tuple[str, ...] = ()) -> int:
    run = str(data.parent / "run")
    words = ["train", "--preset", preset, "--data", str(data), "--out", run, *more]
    return main([*words, "--set", *TINY, *settings])


def one_line(says: str, capsys: pytest.CaptureFixture) -> None:
    said = capsys.readouterr()
    assert said.err.startswith("calo4pqvae: error: ")
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_training_leaves_a_model_and_says_where(
    data: Path, capsys: pytest.CaptureFixture
) -> None:
    assert train(data) == 0
    run = data.parent / "run"
    said = capsys.readouterr()
    assert said.out == f"model written to {run / 'model'}\n"
    energies, *more = said.err.splitlines()
    assert energies == "calo4pqvae: incident energies of 0.1 to 10 GeV, as set"
    assert any("1 epochs of 3 batches of 16 showers on 6 x 4 x 3 voxels" in m for m in more)
    assert load_model(run).config.preset == "quick"


def test_a_configuration_file_lies_between_preset_and_settings(data: Path) -> None:
    mine = data.parent / "mine.yaml"
    mine.write_text("training:\n  sweeps: 3\n  epochs: 9\n")
    assert train(data, more=("--config", str(mine))) == 0
    config = load_model(data.parent / "run").config
    assert (config.training.sweeps, config.training.epochs) == (3, 1)
    assert config.prior.bias_order == 5


def test_the_bundled_showers_train_too(tmp_path: Path) -> None:
    """Real Geant4 showers on the cylinder of dataset 2, a few rows of them."""
    rows = {"train": list(range(16)), "validation": [16], "test": []}
    manifest = tmp_path / "few.json"
    manifest.write_text(json.dumps({"protocol": "few", **rows}))
    words = ["train", "--preset", "quick", "--out", str(tmp_path / "run")]
    settings = [*TINY, "data.energy_gev=[1,100]", f"data.split={manifest}"]
    assert main([*words, "--data", str(sample_path()), "--set", *settings]) == 0
    assert load_model(tmp_path / "run").model.geometry.shape == (45, 16, 9)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["training.epoch=3"], "training.epoch"),
        (["trainings.epochs=3"], "trainings"),
        (["training=3"], "training is a section of settings, not a value"),
        (["training.epochs"], "a setting reads section.key=value"),
        (["=3"], "a setting reads section.key=value"),
        (["training.epochs=many"], "training.epochs"),
        (["training.epochs=1.5"], "training.epochs"),
        (["training.epochs=0"], "training.epochs must be at least 1, not 0"),
        (["training.epochs=["], "training.epochs="),
        (["training.learning_rate=.nan"], "it holds a number that is NaN or infinite"),
        (["training.learning_rate=0"], "training.learning_rate must be above 0, not 0"),
        (["training.negative_phase=sa"], "training.negative_phase"),
        (["training.prior_momentum=2"], "training.prior_momentum"),
        (["training.prior_learning_rate=-1"], "training.prior_learning_rate"),
        (["training.prior_learning_rate=nan"], "training.prior_learning_rate"),
        (["training.seed=-1"], "training.seed"),
        (["training.batch_size=1"], "training.batch_size must be at least 2"),
        (["data.split_seed=-1"], "data.split_seed"),
        (["data.energy_gev=[10,1]"], "data.energy_gev must be two rising energies"),
        (["data.energy_gev=[1,10]"], "incident energies lie outside the range 1 to 10 GeV"),
        (["data.split=nowhere.json"], "nowhere.json: no such file"),
        (["model.encoder_widths=[8,4]"], "model.encoder_widths has too few numbers"),
        (["model.encoder_widths=[8,0,4]"], "model.encoder_widths"),
        (["model.kind=conv3d", "model.encoder_widths=[2,2,2,2]"], "at least 23 layers"),
        (["prior.energy_code=integer"], "the integer energy code needs 60 nodes"),
        (["prior.nodes_per_partition=5000", "prior.grid=2"], "per partition do not fit"),
        (["prior.initial_scale=-1"], "prior.initial_scale"),
    ],
)
def test_bad_settings_give_one_line_and_no_run(
    settings: list[str], says: str, data: Path, capsys: pytest.CaptureFixture
) -> None:
    assert train(data, *settings) == 2
    one_line(says, capsys)
    assert not (data.parent / "run").exists()


def test_an_unknown_preset_is_refused(data: Path, capsys: pytest.CaptureFixture) -> None:
    assert train(data, preset="papr") == 2
    one_line(
        "there is no preset 'papr'; choose one of best, cells, paper, paper-compact, quick",
        capsys,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "mine.yaml: no such file"),
        ("a: [", "mine.yaml: is no readable configuration (not valid YAML"),
        ("- 1\n- 2\n", "mine.yaml: a configuration is a mapping of sections"),
        ("training:\n  epoch: 1\n", "training.epoch"),
    ],
)
def test_a_bad_configuration_file_is_named(
    text: str | None, says: str, data: Path, capsys: pytest.CaptureFixture
) -> None:
    mine = data.parent / "mine.yaml"
    if text is not None:
        mine.write_text(text)
    assert train(data, more=("--config", str(mine))) == 2
    one_line(says, capsys)
    assert not (data.parent / "run").exists()


def test_data_must_be_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["train", "--out", str(tmp_path / "run")]) == 2
    one_line("name the shower files to train on with --data FILE", capsys)


def nan_voxel(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["showers"][40, 3] = np.nan


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def missing(path: Path) -> None:
    path.unlink()


def no_hdf5(path: Path) -> None:
    path.write_text("energy,alpha,r\n")


def no_showers(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["showers"]


def negative_energy(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["incident_energies"][7] = -5.0


def no_geometry(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs["geometry"]


def differing_layers(path: Path) -> None:
    layers = (LayerBins((0.0, 5.0, 10.0), 4), LayerBins((0.0, 10.0), 1))
    geometry = CylindricalGeometry(layers, 0.05)
    with ShowerWriter(path, geometry, overwrite=True) as writer:
        e_inc = np.full((60, 1), 5e3, np.float32)
        writer.append(e_inc, np.full((60, geometry.n_voxels), 100.0, np.float32))


DAMAGES = {
    nan_voxel: "voxels are NaN, the first in row 40",
    truncated: "is a truncated HDF5 file",
    missing: "showers.h5: no such file",
    no_hdf5: "is not an HDF5 file",
    no_showers: "has no dataset 'showers'",
    negative_energy: "1 incident energies are negative, the first in row 7",
    no_geometry: "does not describe its geometry",
    differing_layers: "a regular cylinder is needed here",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_bad_showers_give_one_line_and_no_run(
    damage: Callable[[Path], None], data: Path, capsys: pytest.CaptureFixture
) -> None:
    damage(data)
    assert train(data) == 2
    one_line(DAMAGES[damage], capsys)
    assert not (data.parent / "run" / "model").exists()


def test_an_existing_run_is_kept(data: Path, capsys: pytest.CaptureFixture) -> None:
    assert train(data) == 0
    run = data.parent / "run"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert train(data, "training.epochs=3") == 2
    one_line("holds a run already, with other values of training.epochs", capsys)
    assert train(data) == 0
    said = capsys.readouterr()
    assert said.out == f"model is in {run / 'model'}\n"
    assert "this run is finished" in said.err
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_the_range_of_energies_is_that_of_the_showers(
    data: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["train", "--preset", "quick", "--data", str(data)]
    words += ["--out", str(data.parent / "run"), "--set", *TINY[1:]]
    assert main(words) == 0
    with ShowerFile(data) as file:
        least, most = (float(f(file.e_inc())) / 1000 for f in (np.min, np.max))
    low, high = load_model(data.parent / "run").config.data.energy_gev or (0, 0)
    assert low <= least < low + 0.01
    assert high - 0.1 < most <= high
    said = capsys.readouterr().err
    assert f"incident energies of {low:g} to {high:g} GeV, those of the showers" in said
    assert main(words) == 0
    assert "this run is finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("terms", "shown"),
    [
        (
            {"values": 1.0, "hits": 2.0},
            "epoch 2 of 9, values 1.0, hits 2.0",
        ),
        (
            {"positive_energy": -3.0, "negative_energy": -4.0},
            "epoch 2 of 9, energy of the prior with data -3.0, energy of the prior alone -4.0",
        ),
    ],
)
def test_progress_shows_what_there_is(terms: dict[str, float], shown: str) -> None:
    assert _note(Step(1, 5, 8, terms), 9) == shown


def test_a_fit_is_repeated_with_settings_of_its_own_only(
    data: Path, capsys: pytest.CaptureFixture
) -> None:
    assert train(data) == 0
    run = data.parent / "run"
    before = load_model(run)
    refit = ["train", "--refit", "--out", str(run), "--set"]
    assert main([*refit, "prior.burn_in=77"]) == 0
    after = load_model(run)
    assert (before.config.prior.burn_in, after.config.prior.burn_in) == (200, 77)
    assert after.provenance["refitted"] == ["prior.burn_in=77"]
    for name, value in before.model.state_dict().items():
        assert torch.equal(after.model.state_dict()[name], value), name
    capsys.readouterr()
    assert main([*refit, "prior.bias_order=3"]) == 2
    one_line("prior.bias_order: the networks were trained with another value", capsys)
    with pytest.raises(SystemExit, match="2"):
        main(["train", "--refit", "--resume", "--out", str(run)])
    one_line("--resume does nothing with --refit", capsys)
    assert load_model(run).config == after.config


def test_signals_mean_what_they_meant_before(data: Path) -> None:
    """Ctrl-C ends training gently; afterwards it ends the program as usual."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert train(data) == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_torchrun_trains_with_two_processes(data: Path) -> None:
    """One run folder, one line of farewell, and the losses of one process."""
    assert train(data, "training.precision=float32", "training.batch_size=8") == 0
    both = data.parent / "both"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words = ["train", "--preset", "quick", "--data", str(data), "--out", str(both)]
    settings = [*TINY, "training.precision=float32", "training.batch_size=8"]
    done = subprocess.run(
        [*launch, "--nproc-per-node", "2", "-m", "calo4pqvae", *words, "--set", *settings],
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"model written to {both / 'model'}\n"
    one, two = (
        json.loads((folder / "log.jsonl").read_text()) for folder in (data.parent / "run", both)
    )
    for term in ("values", "hits", "negative_entropy", "positive_energy", "negative_energy"):
        assert two[term] == pytest.approx(one[term], rel=1e-3, abs=1e-3), term
