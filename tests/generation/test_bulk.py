"""Generation: energies in, showers out, in order, reproducible, whole or not at all."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.errors import ConfigError
from calo4pqvae.generation.bulk import draw_energies, generate, reconstruct
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.models.vae.model import Calo4pQVAE

SETTINGS = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "prior.initial_scale=0.5",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
)
Write = Callable[..., np.ndarray]


@pytest.fixture(params=["drawn", "point"])
def model(request: pytest.FixtureRequest, toy_geometry: CylindricalGeometry) -> Calo4pQVAE:
    """An untrained model that deposits about a tenth of the incident energy."""
    config = load_config("quick", settings=[*SETTINGS, f"model.voxels.kind={request.param}"])
    model = build_model(config, toy_geometry)
    with torch.no_grad():
        model.decoder.mean[0, 1].fill_(5.0 if request.param == "drawn" else 11.0)
    return model.eval()


@pytest.fixture
def write(model: Calo4pQVAE, tmp_path: Path) -> Write:
    """A function (name, energies, options of `generate`) -> the showers as stored."""

    def make(name: str, e_inc: np.ndarray, **options: int) -> np.ndarray:
        path = tmp_path / name
        with ShowerWriter(path, model.geometry) as writer:
            generate(model, e_inc, writer, **{"sweeps": 3, **options})
        with ShowerFile(path) as file:
            assert np.array_equal(file.e_inc(), e_inc)
            return file.showers(slice(None))

    return make


ENERGIES = draw_energies(23, 100.0, 1e4, seed=4)


def test_the_same_seed_gives_the_same_file_byte_for_byte(write: Write, tmp_path: Path) -> None:
    write("one.h5", ENERGIES, seed=5)
    torch.rand(7)
    write("two.h5", ENERGIES, seed=5)
    write("three.h5", ENERGIES, seed=6)
    one, two, three = ((tmp_path / f"{n}.h5").read_bytes() for n in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_generated_showers_pass_as_showers(write: Write, model: Calo4pQVAE) -> None:
    showers = write("made.h5", ENERGIES)
    assert showers.shape == (23, model.geometry.n_voxels)
    hits = showers[showers > 0]
    assert 0 < len(hits) < showers.size
    assert hits.min() >= np.float32(model.geometry.threshold)
    assert len(np.unique(showers, axis=0)) == 23


@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
def test_a_shower_depends_on_its_number_only(write: Write, batch_size: int) -> None:
    """Neither the size of the batches nor the number of showers changes it."""
    whole = write("whole.h5", ENERGIES, batch_size=8)
    again = write("again.h5", ENERGIES[:14], batch_size=batch_size)
    assert np.allclose(again, whole[:14], rtol=1e-4, atol=1e-4)
    assert not np.allclose(whole[:10], whole[10:20], rtol=1e-4, atol=1e-4)


def test_equal_energies_in_two_batches_give_different_showers(write: Write) -> None:
    showers = write("equal.h5", np.full((8, 1), 1e3, np.float32), batch_size=4)
    assert not np.array_equal(showers[:4], showers[4:])


def test_progress_counts_every_shower(model: Calo4pQVAE, tmp_path: Path) -> None:
    counts: list[int] = []
    with ShowerWriter(tmp_path / "made.h5", model.geometry) as writer:
        generate(model, ENERGIES, writer, sweeps=1, batch_size=10, on_batch=counts.append)
    assert counts == [10, 10, 3]


def test_chains_run_before_they_are_used(write: Write) -> None:
    """More sweeps, other showers: the sweeps reach the decoder."""
    few, many = (write(f"{n}.h5", ENERGIES, sweeps=n) for n in (0, 4))
    assert not np.array_equal(few, many)


@pytest.mark.parametrize("energy", [99.0, 1.1e4])
def test_an_energy_outside_the_range_is_refused_before_writing(
    model: Calo4pQVAE, tmp_path: Path, energy: float
) -> None:
    e_inc = ENERGIES.copy()
    e_inc[-1] = energy
    with (
        pytest.raises(ConfigError, match=r"1 of 23 incident energies lie outside"),
        ShowerWriter(tmp_path / "made.h5", model.geometry) as writer,
    ):
        generate(model, e_inc, writer, sweeps=1, batch_size=4)
    assert writer.n_written == 0
    assert list(tmp_path.iterdir()) == []


def test_interrupted_generation_leaves_no_file(model: Calo4pQVAE, tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        ShowerWriter(tmp_path / "made.h5", model.geometry) as writer,
    ):
        generate(model, ENERGIES, writer, sweeps=1, batch_size=4, on_batch=interrupt)
    assert writer.n_written == 4
    assert list(tmp_path.iterdir()) == []


def test_a_model_in_training_mode_generates_as_in_use(write: Write, model: Calo4pQVAE) -> None:
    used = write("used.h5", ENERGIES)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    assert np.array_equal(write("trained.h5", ENERGIES), used)
    for name, value in before.items():
        assert torch.equal(model.state_dict()[name], value), name


@pytest.fixture
def geant4(
    tmp_path: Path,
    toy_geometry: CylindricalGeometry,
    toy_showers: Callable[[int], tuple[np.ndarray, np.ndarray]],
) -> ShowerFile:
    with ShowerWriter(tmp_path / "geant4.h5", toy_geometry) as writer:
        writer.append(*toy_showers(30))
    with ShowerFile(tmp_path / "geant4.h5") as file:
        yield file


def test_reconstructed_showers_keep_their_energies_and_order(
    model: Calo4pQVAE, geant4: ShowerFile, tmp_path: Path
) -> None:
    rows = np.array([29, 3, 3, 11])
    with ShowerWriter(tmp_path / "made.h5", model.geometry) as writer:
        reconstruct(model, geant4, writer, rows=rows, seed=1)
    with ShowerFile(tmp_path / "made.h5") as file:
        assert np.array_equal(file.e_inc(), geant4.e_inc(rows))
        assert file.showers(slice(None)).any()


def test_reconstruction_sees_the_shower(
    model: Calo4pQVAE, geant4: ShowerFile, tmp_path: Path, toy_geometry: CylindricalGeometry
) -> None:
    """Other deposits at the same energies and with the same seed: another reconstruction."""
    with torch.no_grad():
        for level in model.encoder.levels:
            level.norm.weight.fill_(300.0)
    with ShowerWriter(tmp_path / "other.h5", toy_geometry) as writer:
        writer.append(geant4.e_inc(), geant4.showers(slice(None))[:, ::-1].copy())
    made = []
    with ShowerFile(tmp_path / "other.h5") as other:
        for number, source in enumerate((geant4, geant4, other)):
            path = tmp_path / f"{number}.h5"
            with ShowerWriter(path, model.geometry) as writer:
                reconstruct(model, source, writer, seed=1)
            with ShowerFile(path) as file:
                made.append(file.showers(slice(None)))
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_energies_are_log_uniform_between_the_ends() -> None:
    """Kolmogorov-Smirnov test; a right sampler fails for one seed in a million."""
    e_inc = draw_energies(4000, 1e3, 1e5, seed=1)
    assert e_inc.dtype == np.float32
    assert e_inc.min() >= 1e3
    assert e_inc.max() <= 1e5
    uniform = np.sort(np.log(e_inc[:, 0] / 1e3) / np.log(100))
    distance = np.abs(uniform - (np.arange(4000) + 0.5) / 4000).max()
    assert distance < np.sqrt(np.log(2e6) / 2 / 4000)
    assert np.array_equal(e_inc, draw_energies(4000, 1e3, 1e5, seed=1))
    assert not np.array_equal(e_inc, draw_energies(4000, 1e3, 1e5, seed=2))


def test_equal_ends_give_one_energy() -> None:
    assert np.array_equal(draw_energies(3, 5e4, 5e4, 0), np.full((3, 1), 5e4, np.float32))


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(0, 1e3, 1e4), (-1, 1e3, 1e4), (5, 1e4, 1e3), (5, 0.0, 1e3), (5, np.nan, 1e3)],
)
def test_energies_that_cannot_be_drawn_are_refused(n: int, low: float, high: float) -> None:
    with pytest.raises(ConfigError, match=f"cannot draw {n} energies"):
        draw_energies(n, low, high, 0)
