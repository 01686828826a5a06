"""The recipes of CONTRIBUTING.md, followed to the letter."""

import ast
import re
from pathlib import Path

import pytest

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann import samplers
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.registry import SAMPLERS
from calo4pqvae.cli.main import main
from calo4pqvae.config import load_config
from calo4pqvae.testing import ConformanceError, check_sampler

ROOT = Path(__file__).parents[1]

FEW = 1003
"""Chains of the suite here: plain Python loops over them, and fields that are left out show."""


def recipe(title: str) -> str:
    """The text under a heading."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


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
