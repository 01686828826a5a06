"""The fast-simulation model of contrib/geant4, against stand-ins of Geant4's classes."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from calo4pqvae.models.export.cpp import export_cpp
from calo4pqvae.models.storage import load_pretrained

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "contrib" / "geant4"
CXX = next((found for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None)


@pytest.mark.skipif(CXX is None, reason="there is no C++ compiler")
def test_known_electrons_become_hits_around_their_place(tmp_path):
    export_cpp(load_pretrained(), tmp_path, sweeps=np.full(32, 20))
    command = [CXX, "-std=c++17", "-O1", "-march=native", "-Wall", "-Wextra", "-I", tmp_path]
    stand_ins = HERE / "geant4_stand_ins"
    command += ["-I", MODEL, "-I", stand_ins, stand_ins / "main.cpp"]
    made = subprocess.run(
        [*command, "-o", tmp_path / "main"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert made.stderr == ""
    done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    generated, in_full, energy, x = map(float, done.stdout.split())
    assert (generated, in_full) == (1, 2)
    assert energy == pytest.approx(4800, rel=0.15)
    assert x == pytest.approx(10, abs=4)
