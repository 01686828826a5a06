"""Exported C++: builds as the examples say, survives bad calls, needs no company."""

import json
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from calo4pqvae._core.cpp import FLAGS
from calo4pqvae.config import load_config
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.core import Core
from calo4pqvae.models.autoregressive.packing import pack, to_bytes
from calo4pqvae.models.build import build_model
from calo4pqvae.models.export.cpp import export_cpp
from calo4pqvae.models.export.layered import layered
from calo4pqvae.models.storage import load_pretrained
from calo4pqvae.testing.statistics import deviation_p_value

CXX = next((found for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CXX is None, reason="there is no C++ compiler")

HERE = Path(__file__).parent
LOOSE = ("-O1", "-march=native")
QUICK = [*(flag for flag in FLAGS[1:] if not flag.startswith("-O")), *LOOSE]


def build(folder, output, *words):
    command = [CXX, *QUICK, *words, "-o", output]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stderr


def run(folder, *words):
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    stored = load_pretrained()
    states = np.random.default_rng(1).random((32, 3, 160)) < 0.2
    export_cpp(stored, folder, sweeps=np.full(32, 20), states=states)
    for file in HERE.glob("*.c*"):
        shutil.copy(file, folder)
    return folder


def test_a_folder_holds_all_that_a_program_needs(exported):
    card = json.loads((exported / "model.json").read_text())
    assert card["units"] == {"energy": "MeV", "length": "mm"}
    assert card["shape"] == {"layers": 45, "sectors": 16, "rings": 9}
    assert set(card["files"]) == {path.name for path in exported.iterdir()} - {
        *(file.name for file in HERE.glob("*.c*")),
        "model.json",
    }
    header = (exported / "calo4pqvae.h").read_text()
    assert '#include "' not in header
    assert "@FLAGS@" not in (exported / "README.md").read_text()


def test_the_examples_build_with_one_command_each_without_warnings(exported):
    warnings = build(exported, "example", "-std=c++17", "-Wall", "-Wextra", "example.cpp")
    assert warnings == ""
    done = run(exported, "./example", "50", "20")
    assert done.returncode == 0
    assert done.stdout.startswith("50 GeV: ")
    assert run(exported, "./example", "5000").returncode == 2
    assert build(exported, "example_c", "calo4pqvae.cpp", "-x", "c", "example.c") == ""
    lines = run(exported, "./example_c").stdout.splitlines()
    assert [float(line.split()[0]) for line in lines] == [10e3, 50e3, 200e3]


def test_bad_calls_get_codes_under_sanitizers(exported):
    """Addresses, overflows and undefined shifts: the first one ends the program."""
    checks = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-lm")
    build(exported, "stress", *checks, "calo4pqvae.cpp", "-x", "c", "stress.c")
    done = run(exported, "./stress", "150")
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not Path("/proc/cpuinfo").exists(),
    reason="names registers of x86-64, and asks Linux which there are",
)
def test_registers_of_other_widths_draw_the_same_showers(exported):
    """Sums rounded alike, each width makes the same voxels, to the last bit."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    drawn = {}
    for width, needs in (("x86-64", "sse2"), ("x86-64-v3", "avx2"), ("x86-64-v4", "avx512vl")):
        if needs not in flags:
            continue
        words = ("-std=c++17", "-ffp-contract=off", f"-march={width}", "voxels.cpp")
        assert build(exported, "voxels", *words) == ""
        done = subprocess.run(
            ["./voxels", "20"], cwd=exported, stdout=subprocess.PIPE, check=True
        )
        drawn[width] = np.frombuffer(done.stdout, np.float32)
    assert drawn["x86-64"].size == 20 * 45 * 16 * 9
    assert drawn["x86-64"].sum() > 0
    for voxels in drawn.values():
        assert np.array_equal(voxels, drawn["x86-64"])


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_bad_calls_leave_nothing_to_valgrind(exported):
    """No byte that was never written decides anything, and all memory is given back."""
    older = ("-march=x86-64-v3", "-g", "-lm")  # valgrind knows no AVX-512
    build(exported, "known", *older, "calo4pqvae.cpp", "-x", "c", "stress.c")
    words = ("valgrind", "--error-exitcode=9", "--leak-check=full", "./known", "20")
    done = run(exported, *words)
    assert done.returncode == 0, done.stderr[-2000:]


def test_threads_draw_what_one_thread_draws_and_take_no_memory(exported):
    build(exported, "threads", "-std=c++17", "threads.cpp", "-pthread")
    assert run(exported, "./threads", "model.c4pqvae", "24").returncode == 0


def test_a_stored_state_is_forgotten():
    """Chains of one stored state scatter like those of random bits; too few sweeps show."""
    model, n = layered(load_pretrained().model), 3000
    state = torch.rand(1, 160, generator=torch.Generator().manual_seed(3)) < 0.5
    states = state.expand(32, 1, 160).numpy()
    e_inc = np.full(n, 2e3, np.float32)

    def drawn(sweeps, kept, seed):
        core = Core(to_bytes(pack(model, 0, kept)))
        return core.sample(e_inc, seed, 0, sweeps)[0].mean(axis=0)

    fresh = drawn(400, None, 1)
    error = np.sqrt(np.maximum(fresh * (1 - fresh), 1e-3) * 2 / n)
    assert deviation_p_value((drawn(130, states, 2) - fresh) / error) > 1e-4
    assert deviation_p_value((drawn(2, states, 2) - fresh) / error) < 1e-6


def test_other_models_are_refused(toy_geometry):
    model = build_model(load_config("quick", settings=["data.energy_gev=[1,10]"]), toy_geometry)
    with pytest.raises(ConfigError, match="layer after layer"):
        layered(model)
