"""What cannot work is said before the first epoch, and what can ends in a model."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import calo4pqvae.training.estimate as estimates
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.config import Config, load_config
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.errors import ConfigError, GeometryError, TrainingError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import load_model
from calo4pqvae.training.estimate import Estimate, TimedFit, extrapolate
from calo4pqvae.training.loop import Step
from calo4pqvae.training.processes import Processes
from calo4pqvae.training.refit import refit
from calo4pqvae.training.rehearsal import rehearse, some_rows
from calo4pqvae.training.run import train

SMALL = (
    "prior.nodes_per_partition=6",
    "model.level_bits=[1,1,2,1,1]",
    "model.copula_bins=3",
    "model.decoder_widths=[4,6,8,10]",
    "training.batch_size=16",
    "training.epochs=1",
    "training.fit_steps=4",
)

BITS = "calo4pqvae.models.autoregressive.layer_bits"


@pytest.fixture
def best() -> Callable[..., Config]:
    """A function of further settings: the preset ``best``, with the smallest networks."""
    return lambda *settings: load_config("best", settings=[*SMALL, *settings])


def file_of(
    path: Path, n: int, n_alpha: int, low: float, high: float, *, layers: int = 5
) -> Path:
    """Showers of some energies [MeV]; the last layer is never hit, the one before by one."""
    rng = np.random.default_rng(7)
    geometry = CylindricalGeometry.regular(layers, n_alpha, [0.0, 5.0, 10.0, 15.0], 0.05)
    e_inc = low * (high / low) ** rng.uniform(size=(n, 1))
    depth = np.arange(layers)[None, :, None, None] + 0.5
    mean = depth * np.exp(-depth) * np.exp(-np.arange(3) / 2) * np.ones((n, 1, n_alpha, 1))
    mean *= (e_inc / mean.sum(axis=(1, 2, 3))[:, None])[:, :, None, None]
    showers = mean * rng.gamma(1.0, 0.8, mean.shape)
    showers[:, -2:] = 0
    showers[3, -2, 0, 0] = 1.0
    showers[showers < 0.05] = 0
    with ShowerWriter(path, geometry) as writer:
        writer.append(e_inc.astype(np.float32), showers.reshape(n, -1).astype(np.float32))
    return path


def mean_response(model: ShowerModel, e_inc: torch.Tensor) -> float:
    t, code = model.condition(e_inc)
    sampler = choose_sampler(model.prior.graph, SharedNoise(1))
    bits = sample_machine(model.prior, sampler, t, code, sweeps=50)
    made = model.decode(bits, e_inc, SharedNoise(2))
    assert bool(torch.isfinite(made).all())
    return float((made.sum(dim=(1, 2, 3)) / e_inc[:, 0]).mean())


@pytest.mark.filterwarnings("ignore:.*hits are too few to correct")
@pytest.mark.parametrize(
    ("n_alpha", "n", "low", "high"),
    [
        pytest.param(7, 400, 1e3, 1e4, id="seven sectors"),
        pytest.param(1, 400, 1e3, 1e4, id="one sector"),
        pytest.param(2, 100, 5e4, 5e4, id="few showers of one energy"),
    ],
)
def test_best_trains_on_anybodys_showers(
    n_alpha: int, n: int, low: float, high: float, best: Callable[..., Config], tmp_path: Path
) -> None:
    with ShowerFile(file_of(tmp_path / "s.h5", n, n_alpha, low, high)) as file:
        steps: list[Step] = []
        assert train(best(), [file], tmp_path / "run", on_step=steps.append)
        e_inc = torch.from_numpy(np.tile(file.e_inc(), (3, 1)))
        real = file.showers(slice(0, n)).sum(axis=1) / file.e_inc()[:, 0]
    assert {name for step in steps for name in step.terms} == {"values", "hits"}
    (line,) = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["positive_energy"] is None
    stored = load_model(tmp_path / "run")
    ratio = mean_response(stored.model, e_inc) / float(real.mean())
    # The response of a shower scatters by 0.15: errors of at most 0.02 for both samples. A fit
    # to 80 showers, all of one energy, lies low: 0.91 to 0.96 with eight seeds.
    assert ratio == pytest.approx(1, abs=0.06 if n > 100 else 0.13)
    spread = float(stored.model.scale.high / stored.model.scale.low)
    assert spread == pytest.approx(high / low if high > low else 51 / 49, rel=0.02)


def test_an_odd_cylinder_that_the_papers_network_cannot_cross_is_refused_at_once(
    tmp_path: Path,
) -> None:
    widths = ("model.encoder_widths=[2,2,2,2]", "model.decoder_widths=[2,2,2,2]")
    more = ("prior.nodes_per_partition=60", "training.batch_size=8", "training.sweeps=1")
    config = load_config("paper", settings=[*widths, *more])
    path = tmp_path / "odd.h5"
    geometry = CylindricalGeometry.regular(23, 7, [float(r) for r in range(9)], 0.05)
    with ShowerWriter(path, geometry) as writer:
        e_inc = np.geomspace(1e3, 1e4, 20, dtype=np.float32)[:, None]
        writer.append(e_inc, np.tile(e_inc / geometry.n_voxels, geometry.n_voxels))
    with ShowerFile(path) as file, pytest.raises(GeometryError, match="an even number"):
        train(config, [file], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_few_showers_for_the_tables_are_refused_at_once(
    best: Callable[..., Config], tmp_path: Path
) -> None:
    with (
        ShowerFile(file_of(tmp_path / "s.h5", 50, 4, 1e3, 1e4)) as file,
        pytest.raises(ConfigError, match="showers are too few to learn layer energies"),
    ):
        train(best(), [file], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_fit_larger_than_the_machine_is_refused(
    best: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LayeredQVAE, "bytes_to_fit", lambda _, n: n << 60)
    with (
        ShowerFile(file_of(tmp_path / "s.h5", 80, 4, 1e3, 1e4)) as file,
        pytest.raises(
            ConfigError, match=r"GiB of memory, and this machine has .* fewer showers"
        ),
    ):
        train(best(), [file], tmp_path / "run")


def test_the_model_is_not_touched_by_its_rehearsal(
    configure: Callable[..., Config], showers: ShowerFile
) -> None:
    model = build_model(configure(), showers.geometry)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    made = rehearse(model, configure(), [showers], np.arange(80), Processes())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[k]) for k, value in model.state_dict().items())
    assert (made.epochs, made.batches, made.mesh) == (2, 5, (6, 4, 3))
    assert made.step > 0
    assert made.fit > 0


def test_a_slow_step_is_reckoned_from_a_part(
    configure: Callable[..., Config], showers: ShowerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second for eight showers is a second for sixteen, and these are not tried."""
    tried: list[int] = []

    def step(_: object, batch: estimates.Batch) -> None:
        tried.append(len(batch.rows))

    monkeypatch.setattr(estimates, "_step", step)
    monkeypatch.setattr(estimates, "_seconds", lambda work: work() or 2.0)
    model = build_model(configure(), showers.geometry)
    made = rehearse(model, configure(), [showers], np.arange(80), Processes())
    assert made.step == 4.0
    assert set(tried) == {8}


def test_an_estimate_adds_epochs_and_fits() -> None:
    made = Estimate(20, 125, 64, (45, 16, 9), 1.2, 180.0)
    assert made.seconds == 20 * 125 * 1.2 + 180
    assert str(made) == (
        "training will take about 53 min on this machine: 20 epochs of 125 batches of 64 "
        "showers on 45 x 16 x 9 voxels (1.2 s a batch), then 3 min of fits"
    )


def test_a_fit_is_reckoned_from_what_grows_and_what_does_not(
    configure: Callable[..., Config],
) -> None:
    """Voxels 1 s + 10 ms a shower, up to 4096; renewals 2 s; steps 1 ms a shower and step."""
    settings = configure("training.fit_steps=120").training

    def fit(n: int) -> TimedFit:
        stages = {"voxels": 1 + 0.01 * n, "placement": 3.0, "renewals": 2.0, "steps": 0.001 * n}
        return TimedFit(n, 2, stages)

    expected = (1 + 40.96) + 3 + 12 * 2 + 108 * 8.0
    assert extrapolate([fit(128), fit(512)], 8000, settings) == pytest.approx(expected)
    alone = 1 + 0.8 + 3 + 12 * 2 + 108 * 0.08
    for fits in ([fit(80)], [fit(80), fit(80)]):
        assert extrapolate(fits, 80, settings) == pytest.approx(alone)


def test_rows_of_a_rehearsal_reach_from_the_first_to_the_last() -> None:
    rows = np.arange(100, 90_100)
    chosen = some_rows(rows)
    assert len(chosen) == 512
    assert (chosen[0], chosen[-1]) == (100, 90_099)
    assert np.array_equal(some_rows(rows[:300]), rows[:300])


def _defect(*_: object) -> None:
    raise ZeroDivisionError


def test_a_fit_that_fails_keeps_the_networks_and_can_be_repeated(
    best: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, config = tmp_path / "run", best()
    with ShowerFile(file_of(tmp_path / "s.h5", 100, 4, 1e3, 1e4)) as file:
        with monkeypatch.context() as patch:
            patch.setattr("calo4pqvae.training.run.rehearse", lambda *_: "")

            def fail(*_: object) -> None:
                raise ConfigError("the prior is too small")

            patch.setattr(f"{BITS}.fit_longitudinal", fail)
            with pytest.raises(TrainingError, match=r"too small.*networks are kept") as caught:
                train(config, [file], run)
            patch.setattr(f"{BITS}.fit_longitudinal", _defect)
            with pytest.raises(ZeroDivisionError) as defect:
                train(config, [file], run)
        assert caught.value.remedy == "refit"
        assert "networks are kept in" in "".join(defect.value.__notes__)
        weights = torch.load(run / "checkpoints" / "last.pt")["model"]
        made = refit(run, [file], ["prior.nodes_per_partition=9", "training.fit_steps=2"])
        assert made.prior.nodes_per_partition == 9
        stored = load_model(run)
        assert stored.config == made
        assert stored.provenance["refitted"] == [
            "prior.nodes_per_partition=9",
            "training.fit_steps=2",
        ]
        for name, value in stored.model.state_dict().items():
            if name.startswith("decoder."):
                assert torch.equal(value, weights[name])
        with pytest.raises(ConfigError, match=r"training\.epochs: the networks were"):
            refit(run, [file], ["training.epochs=9"])
        refit(run, [file])
        again = load_model(run).model.state_dict()
        assert train(config, [file], tmp_path / "whole")
    whole = load_model(tmp_path / "whole").model.state_dict()
    assert all(torch.equal(again[name], value) for name, value in whole.items())
    assert replace(made, prior=config.prior, training=config.training).data == made.data


def test_a_run_in_mid_training_is_not_refitted(
    best: Callable[..., Config], tmp_path: Path
) -> None:
    with ShowerFile(file_of(tmp_path / "s.h5", 100, 4, 1e3, 1e4)) as file:
        config = best("training.epochs=3")
        assert not train(config, [file], tmp_path / "run", on_start=lambda t: t.stop())
        with pytest.raises(Exception, match=r"0 of 3 epochs are done; finish them first"):
            refit(tmp_path / "run", [file])
