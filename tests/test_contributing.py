"""The recipes of CONTRIBUTING.md, followed to the letter."""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann import samplers
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.registry import SAMPLERS
from calo4pqvae.cli.main import main
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.evaluation import metrics
from calo4pqvae.evaluation.evaluate import Evaluation
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.registry import METRICS
from calo4pqvae.evaluation.report.rows import metric_rows
from calo4pqvae.models import export
from calo4pqvae.models.storage import load_pretrained
from calo4pqvae.simulation.stack import Stack
from calo4pqvae.simulation.stacks import stacks
from calo4pqvae.testing import ConformanceError, check_sampler

ROOT = Path(__file__).parents[1]

FEW = 1003
"""Chains of the suite here: plain Python loops over them, and fields that are left out show."""


def recipe(title: str) -> str:
    """The text under a heading."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def blocks(text: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("title", ["a detector", "a decoder", "a sampler", "an export format"])
def test_a_recipe_names_files_that_hold_the_words_it_says(title):
    """As in "`Sizes` and `Networks` of `src/..`"."""
    text = recipe(f"Add {title}")
    told = re.findall(r"((?:`\w+`(?:,| and| or)? )+)of\s+`(src/\S+)`", text)
    assert told
    for words, path in told:
        source = (ROOT / path).read_text("utf-8")
        for word in re.findall(r"`(\w+)`", words):
            assert re.search(rf"^(class |def )?{word}\b", source, re.MULTILINE), (word, path)


def test_a_detector_is_one_file():
    text = recipe("Add a detector")
    folder = re.search(r"`(src/\S+/)NAME\.yaml`", text)[1]
    assert sorted(path.stem for path in (ROOT / folder).glob("*.yaml")) == stacks()
    stack = Stack.from_dict(yaml.safe_load(blocks(text, "yaml")[0]))
    assert stack.geometry.shape == (24, 12, 4)


TRY_THE_DECODER = """
import torch
from calo4pqvae import CylindricalGeometry, SharedNoise, build_model, load_config
settings = ["model.kind=dense", "model.width=8", "prior.nodes_per_partition=6"]
settings += ["data.energy_gev=[1,10]", "model.voxels.kind=drawn"]
config = load_config("quick", settings=settings)
model = build_model(config, CylindricalGeometry.regular(3, 4, [0, 10, 20], 0.1)).eval()
e_inc, showers = torch.full((5, 1), 2000.0), torch.rand(5, 3, 4, 2)
losses = model(showers, e_inc, SharedNoise(1), 5.0)
losses.total(1.0).backward()
assert all(p.grad is not None for p in model.decoder.parameters())
bits = model.encode(showers, e_inc, SharedNoise(2))
print(type(model.decoder).__name__, tuple(model.decode(bits, e_inc, SharedNoise(3)).shape))
"""


def test_a_decoder_is_one_file_one_dataclass_and_one_line(tmp_path):
    """In a copy of the sources, to which exactly what the recipe says is done."""
    text = recipe("Add a decoder")
    network, settings, line = blocks(text)
    copy = tmp_path / "calo4pqvae"
    skip = shutil.ignore_patterns("__pycache__", "*.h5", "*.safetensors")
    shutil.copytree(ROOT / "src" / "calo4pqvae", copy, ignore=skip)
    (copy / "models" / "vae" / "dense.py").write_text(network, encoding="utf-8")
    enter(
        copy / "config" / "models.py",
        "VaeConfig = ",
        settings + "\n\nVaeConfig = DenseConfig | ",
    )
    imports = (
        "from calo4pqvae.config.models import DenseConfig\n"
        "from calo4pqvae.models.vae.dense import dense_networks\n"
    )
    build = copy / "models" / "vae" / "build.py"
    enter(build, "from calo4pqvae.geometry", imports + "from calo4pqvae.geometry")
    enter(build, "Networks]] = {\n", "Networks]] = {\n" + line)
    words = [sys.executable, "-c", TRY_THE_DECODER]
    known = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=known)
    assert done.stdout == "DenseDecoder (5, 3, 4, 2)\n", done.stderr


def enter(path: Path, place: str, text: str) -> None:
    source = path.read_text("utf-8")
    assert source.count(place) == 1
    path.write_text(source.replace(place, text), encoding="utf-8")


def test_a_sampler_is_one_file_and_one_line(tmp_path, monkeypatch, capsys):
    text = recipe("Add a sampler")
    source, line = blocks(text)
    entry = ast.literal_eval(f"{{{line.strip()}}}")
    name, home = next(iter(entry.items()))
    registry = ROOT / re.search(r"`SAMPLERS` of `(\S+registry\.py)`", text)[1]
    assert "SAMPLERS = {" in registry.read_text("utf-8")

    module = home.partition(":")[0].rpartition(".")[2]
    (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(samplers, "__path__", [*samplers.__path__, str(tmp_path)])
    monkeypatch.setitem(SAMPLERS, name, home)

    check_sampler(
        lambda graph, seed: choose_sampler(graph, SharedNoise(seed), name), chains=FEW
    )
    assert load_config("quick", settings=[f"training.sampler={name}"]).training.sampler == name
    with pytest.raises(SystemExit):
        main(["generate", "--help"])
    assert name in capsys.readouterr().out

    wrong = source.replace("problem.bias[:, node] +", "")
    assert wrong != source
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    monkeypatch.setitem(SAMPLERS, name, home.replace(module, "wrong"))
    with pytest.raises(ConformanceError):
        check_sampler(
            lambda graph, seed: choose_sampler(graph, SharedNoise(seed), name), chains=FEW
        )


def test_a_metric_is_one_file_and_one_line(tmp_path, monkeypatch, toy_geometry, toy_showers):
    """Halves of toy showers pass; showers that begin a layer later, the wrong twin, do not."""
    text = recipe("Add a metric")
    source, line = blocks(text)
    name, home = next(iter(ast.literal_eval(f"{{{line.strip()}}}").items()))
    registry = ROOT / re.search(r"`METRICS` of `(\S+registry\.py)`", text)[1]
    assert "METRICS = {" in registry.read_text("utf-8")
    module = home.partition(":")[0].rpartition(".")[2]
    (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    for other in set(METRICS) - {"windows"}:
        monkeypatch.delitem(METRICS, other)
    monkeypatch.setitem(METRICS, name, home)

    e_inc, showers = toy_showers(1600)
    late = np.roll(showers.reshape(-1, *toy_geometry.shape), 1, axis=1).reshape(showers.shape)
    half = slice(800, 1600)
    for label, part in {
        "geant4": showers[:800],
        "same": showers[half],
        "late": late[half],
    }.items():
        with ShowerWriter(tmp_path / f"{label}.h5", toy_geometry) as writer:
            writer.append(e_inc[:800] if label == "geant4" else e_inc[half], part)
    found = {}
    with ShowerFile(tmp_path / "geant4.h5") as reference:
        judge = Evaluation(reference, options=Options("none"))
        for label in ("same", "late"):
            with ShowerFile(tmp_path / f"{label}.h5") as file:
                block = judge.of(judge.measure(file))["generated"]
            found[label] = metric_rows(block["metrics"])[-1]
    assert found["same"].label == "Median depth, off by"
    assert found["same"].verdict == "within floor"
    assert found["late"].verdict == "above floor"


def test_an_export_format_is_one_file_and_one_function(tmp_path, monkeypatch, capsys):
    source, function = blocks(recipe("Add an export format"))
    (tmp_path / "arrays.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(export, "__path__", [*export.__path__, str(tmp_path)])
    command = {"argparse": argparse}
    exec(function, command)
    args = argparse.Namespace(model="pretrained", folder=tmp_path / "out")
    assert command["_export_arrays"](args) == 0
    assert capsys.readouterr().out == f"2 files written to {args.folder}\n"
    arrays = np.load(args.folder / "model.npz")
    stored = load_pretrained().model.state_dict()
    assert set(arrays) == set(stored)
    assert all(np.array_equal(arrays[name], value.numpy()) for name, value in stored.items())
    card = json.loads((args.folder / "model.json").read_text())
    assert card["shape"] == {"layers": 45, "sectors": 16, "rings": 9}
