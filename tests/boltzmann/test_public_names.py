"""The public names of `calo4pqvae.boltzmann`: what importing them costs, and their words."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from calo4pqvae import boltzmann

STRANGERS = ("h5py", "matplotlib", "pydantic", "safetensors")
ROOMS = {"calo4pqvae", "calo4pqvae._core", "calo4pqvae.boltzmann", "calo4pqvae.errors"}


@pytest.mark.parametrize(
    "code",
    ["import calo4pqvae.boltzmann", "from calo4pqvae.boltzmann import *"],
    ids=["the package", "all names"],
)
def test_no_shower_is_needed(code):
    """Neither the package nor any of its names brings in files, figures or showers."""
    program = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    modules = done.stdout.split()
    assert [name for name in modules if name.split(".")[0] in STRANGERS] == []
    rooms = {".".join(name.split(".")[:2]) for name in modules if name.startswith("calo4pqvae")}
    assert rooms <= ROOMS
    assert ("torch" in modules) == ("*" in code)


def test_the_list_of_names_is_the_stub_and_each_exists():
    assert len(boltzmann.__all__) > 40
    assert {
        name for name in boltzmann.__all__ if getattr(boltzmann, name, None) is None
    } == set()
    assert set(boltzmann.__all__) <= set(dir(boltzmann))
    with pytest.raises(AttributeError, match="boltzmann' has no attribute 'Annealer'"):
        boltzmann.Annealer  # noqa: B018


def test_no_word_of_the_sources_is_about_showers():
    words = re.compile(r"shower|incident energ|calorimeter|voxel|deposit", re.IGNORECASE)
    folder = Path(boltzmann.__file__).parent
    files = [path for path in folder.rglob("*") if path.suffix in {".py", ".pyi", ".cu"}]
    assert len(files) > 30
    found = [(path.name, words.findall(path.read_text("utf-8"))) for path in files]
    assert [name for name, hits in found if hits] == []
