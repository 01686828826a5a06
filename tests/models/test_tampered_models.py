"""A stored model that was changed by hand or by a bad disk is refused, with the place named."""

import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from calo4pqvae.cli.main import main
from calo4pqvae.errors import CheckpointError
from calo4pqvae.models.storage import load_model
from calo4pqvae.pretrained import pretrained_path

TABLES = (
    "voxels.quantiles.table",
    "law.marginals.table",
    "law.copula.correlation",
    "decoder.mean",
    "decoder.known.0.weight",
    "prior.coupling",
)
"""Tables of voxels and of layer energies, weights of the decoder, and of the prior."""

BIAS = "decoder.known.0.bias"

LEAST_HARM = 256 * 2**10
"""Kilobytes by which the peak of memory may grow; what is declared would need gigabytes."""

Change = Callable[[dict[str, torch.Tensor]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the model that comes with the package."""
    return Path(shutil.copytree(pretrained_path(), tmp_path / "model"))


def tamper(folder: Path, change: Change) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=["nan", "inf"])
@pytest.mark.parametrize("name", TABLES)
def test_numbers_that_are_not_finite_are_refused(folder: Path, name: str, value: float) -> None:
    tamper(folder, lambda weights: weights[name].view(-1)[-2:].fill_(value))
    assert f"tensor {name} holds 2 numbers that are NaN or infinite" in refusal(folder)


def test_no_showers_are_made_of_such_a_table(folder: Path, tmp_path: Path, capsys) -> None:
    tamper(folder, lambda weights: weights[TABLES[0]].view(-1)[:1].fill_(float("nan")))
    words = ["--model", str(folder), "-n", "2", "-o", str(tmp_path / "made.h5")]
    assert main(["generate", *words]) == 2
    assert f"tensor {TABLES[0]} holds 1 numbers" in capsys.readouterr().err
    assert not (tmp_path / "made.h5").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda w: w.update({BIAS: (1e3 * w[BIAS]).round().to(torch.int32)}),
            f"its tensor {BIAS} is I32 of shape (64,), the model needs float32",
        ),
        (
            lambda w: w.update({BIAS: w[BIAS].bfloat16()}),
            f"its tensor {BIAS} is BF16 of shape (64,), the model needs float32",
        ),
        (
            lambda w: w.update({BIAS: w[BIAS][:-1].clone()}),
            f"its tensor {BIAS} is F32 of shape (63,), the model needs float32 of shape (64,)",
        ),
        (
            lambda w: w.update({BIAS: w[BIAS].reshape(8, 8)}),
            f"its tensor {BIAS} is F32 of shape (8, 8)",
        ),
        (lambda w: w.pop(BIAS), f"has no tensor {BIAS}"),
        (lambda w: w.update({"more\x1b[31m": w[BIAS].clone()}), r"unknown tensor more\x1b[31m"),
    ],
    ids=["integers", "bfloat16", "short", "reshaped", "missing", "unknown"],
)
def test_tensors_of_another_kind_are_refused(folder: Path, change: Change, says: str) -> None:
    tamper(folder, change)
    assert says in refusal(folder)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("geometry", "n_layers"), 10**9),
        (("geometry", "n_alpha"), 10**9),
        (("graph", "sizes"), [4 * 10**9, 1, 1, 1]),
        (("graph", "sizes"), [10**9] * 4),
        (("graph", "labels"), [4 * 10**9]),
        (("config", "network", "decoder_widths"), [10**9] * 4),
        (("config", "longitudinal", "copula_bins"), 10**9),
    ],
    ids=lambda x: ".".join(x) if isinstance(x, tuple) else "",
)
def test_sizes_are_refused_before_memory_is_taken(folder: Path, place, value) -> None:
    path = folder / "config.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    inner = description
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(description), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert str(folder) in refusal(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LEAST_HARM
