"""The command on the cloud, as a user types it."""

import json

from cloud import TOKEN, paid_once

from calo4pqvae.cli.main import main
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model


def test_the_command_generates_on_the_cloud(cloud, tmp_path, monkeypatch, toy_geometry, capsys):
    """As a user types it: solvers, a job cut short by an expired token, the rest of it."""
    settings = [
        "data.energy_gev=[0.1,10]",
        "prior.nodes_per_partition=36",
        "prior.bias_order=0",
        "prior.initial_scale=0.7",
        "model.encoder_widths=[8,4,16]",
        "model.decoder_widths=[16,4,4,8]",
    ]
    config = load_config("quick", settings=settings)
    model = build_model(config, toy_geometry)
    model.decoder.mean.data[0, 1].fill_(5.0)
    save_model(tmp_path / "run" / "model", model, config, {})
    monkeypatch.chdir(tmp_path)
    assert main(["annealer", "status", "--backend", "any", "--model", "run"]) == 0
    told = capsys.readouterr().out
    assert "solvers of this account" in told
    assert "4 x 36 nodes fit, 1 times side by side" in told
    words = ["generate", "--model", "run", "-n", "12", "--sampler", "annealer", "-o", "a.h5"]
    words += ["--max-seconds", "10", "--beta", "6", "--conditioning", "flux"]
    cloud.faults[5] = 401
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "token" in error
    assert TOKEN not in error
    assert main(words) == 0
    assert "answers are kept and not asked for again" in capsys.readouterr().err
    assert paid_once(cloud, 10)  # some showers share their code
    with ShowerFile("a.h5") as file:
        assert file.attrs["sampler"] == "Advantage2_system4"
        assert json.loads(file.attrs["annealer"])["reads"] == 12
        assert len(file.column("prior_energy")) == 12
