"""The models that come with the package."""

import zipfile

import numpy as np
import pytest
import torch

import calo4pqvae as c4
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import CheckpointError, ConfigError
from calo4pqvae.pretrained import pretrained_path, unseen_sample_rows
from calo4pqvae.units import GeV


@pytest.fixture(scope="module")
def stored():
    return c4.load_pretrained()


def test_it_is_small_and_has_a_card():
    folder = pretrained_path()
    assert (folder / "model.safetensors").stat().st_size < 20e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    for word in ("geant4_wsi_low_train.h5", "calo4pqvae train --preset best", "seed", "Limits"):
        assert word in card


@pytest.mark.parametrize("name", ["pretrained", "pretrained-cells", "pretrained-paper"])
def test_the_hub_reads_its_card(name):
    """Licence and results as Hugging Face wants them; the results are those of the text."""
    hub = pytest.importorskip("huggingface_hub")
    path = pretrained_path(name) / "README.md"
    card, text = hub.ModelCard.load(path), path.read_text(encoding="utf-8")
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "calo4pqvae"
    for result in card.data.eval_results:
        assert (
            f" {result.metric_value:.3g} ± " in text or f" {result.metric_value:.3f} ± " in text
        )


def test_the_word_pretrained_names_it(stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = c4.load_model("pretrained")
    assert named.folder == stored.folder
    (tmp_path / "pretrained").mkdir()
    with pytest.raises(CheckpointError, match="no model here"):
        c4.load_model("pretrained")


def test_rows_it_has_not_seen_are_rows_of_the_sample():
    rows = unseen_sample_rows()
    assert len(np.unique(rows)) == len(rows) > 200
    with ShowerFile(sample_path()) as sample:
        assert rows.max() < len(sample)


def test_it_makes_showers_from_one_gev_to_one_tev(stored, tmp_path):
    energies = np.geomspace(1 * GeV, 1000 * GeV, 400, dtype=np.float32)[:, None]
    energies = energies.clip(1 * GeV, 1000 * GeV)
    path = tmp_path / "made.h5"
    with ShowerWriter(path, stored.model.geometry, {}) as writer:
        c4.generate(stored.model, energies, writer, sweeps=100)
    with ShowerFile(path) as made:
        showers = made.showers(slice(0, 400))
    response = showers.sum(axis=1) / energies[:, 0]
    # Geant4: 0.955, resolution 12.5 % at 1 GeV and 0.4 % at 1 TeV: four standard errors.
    assert abs(response[:130].mean() - 0.955) < 0.03
    assert abs(response[270:].mean() - 0.955) < 0.01
    assert response[270:].std() < 0.03
    assert showers[showers > 0].min() >= stored.model.geometry.threshold * (1 - 1e-6)


def test_energies_outside_its_range_are_refused(stored):
    with pytest.raises(ConfigError, match="range"):
        stored.model.condition(torch.tensor([[0.5 * GeV]]))


def test_the_model_of_the_paper_fits_in_a_wheel_and_has_a_card(tmp_path):
    """Ten megabytes as the wheel packs it."""
    folder = pretrained_path("pretrained-paper")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in folder.iterdir():
            packed.write(path)
    assert (tmp_path / "packed.zip").stat().st_size < 10e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    for word in (
        "geant4_wsi_low_train.h5",
        "--preset paper-compact",
        "half precision",
        "Limits",
    ):
        assert word in card
    with pytest.raises(CheckpointError, match=r"pretrained, pretrained-cells, .*, not 'other'"):
        pretrained_path("other")


def test_the_model_of_cells_has_a_card_and_makes_showers(tmp_path):
    """Response at 30 GeV within five standard errors of 250 showers."""
    card = (pretrained_path("pretrained-cells") / "README.md").read_text(encoding="utf-8")
    for word in (
        "geant4_wsi_high_train.h5",
        "calo4pqvae train --preset cells",
        "seed",
        "Limits",
    ):
        assert word in card
    model = c4.load_model("pretrained-cells").model
    energies = np.full((250, 1), 30 * GeV, dtype=np.float32)
    path = tmp_path / "made.h5"
    with ShowerWriter(path, model.geometry, {}) as writer:
        c4.generate(model, energies, writer, sweeps=100)
    with ShowerFile(path) as made:
        response = made.showers(slice(0, 250)).sum(axis=1) / energies[:, 0]
    assert abs(response.mean() - 0.957) < 0.01
    assert 0.01 < response.std() < 0.05


def test_the_model_of_the_paper_makes_drawn_and_point_values():
    """Four partitions with the energy clamped; responses within five standard errors."""
    model = c4.load_model("pretrained-paper").model
    assert model.prior.graph.sizes == (302, 302, 302, 302)
    e_inc = torch.full((120, 1), 50 * GeV)
    t, code = model.condition(e_inc)
    noise = SharedNoise(1)
    bits = sample_machine(model.prior, choose_sampler(model.prior.graph, noise), t, code, 100)
    assert torch.equal(bits[:, :302], code)
    spread = {}
    for kind in ("drawn", "point", "literal"):
        model.choose_values(kind)
        response = model.decode(bits, e_inc, SharedNoise(2)).sum(dim=(1, 2, 3)) / e_inc[:, 0]
        assert abs(float(response.mean()) - 0.957) < 0.015
        assert 0.003 < float(response.std()) < 0.04
        spread[kind] = float(response.std())
    assert spread["point"] < 0.85 * spread["literal"]  # totals follow what the bits say
