"""bfloat16 is computed in where the processor has it, and replaced, with a word, elsewhere."""

from pathlib import Path

import numpy as np
import pytest
import torch

from calo4pqvae.cli.inspect import describe
from calo4pqvae.config import load_config
from calo4pqvae.data.energies import draw_energies
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.storage import load_model
from calo4pqvae.training import arithmetic as module
from calo4pqvae.training.arithmetic import (
    arithmetic,
    describe_arithmetic,
    has_bfloat16,
    name_arithmetic,
)
from calo4pqvae.training.refit import refit
from calo4pqvae.training.run import train

CPUINFO = Path("/proc/cpuinfo")
CPU = torch.device("cpu")


def product(precision: str) -> torch.dtype:
    one = torch.ones(2, 2)
    with arithmetic(precision, CPU):
        return (one @ one).dtype


@pytest.mark.parametrize("has", [False, True])
def test_a_processor_computes_in_what_it_has(
    has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_bfloat16", lambda _: has)
    assert product("float32") is torch.float32
    assert product("bfloat16") is (torch.bfloat16 if has else torch.float32)
    assert describe_arithmetic("float32", CPU) is None
    assert name_arithmetic("float32", CPU) == "float32"
    assert name_arithmetic("bfloat16", CPU) == ("bfloat16" if has else "float32")
    told = describe_arithmetic("bfloat16", CPU)
    assert told is None if has else told is not None and "float32" in told


@pytest.mark.skipif(not CPUINFO.exists(), reason="this system has no /proc/cpuinfo")
def test_what_the_system_says_of_the_processor_is_found() -> None:
    flags = set(CPUINFO.read_text(encoding="utf-8").split())
    if "avx512_bf16" in flags and torch.backends.mkldnn.is_available():
        assert has_bfloat16(CPU)
    if "avx2" in flags and not flags & {"avx512bw", "avx_ne_convert"}:
        assert not has_bfloat16(CPU)


def test_training_says_what_it_computes_in(
    tmp_path: Path, toy_geometry: CylindricalGeometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_bfloat16", lambda _: False)
    rng, notes = np.random.default_rng(1), []
    e_inc = draw_energies(40, 1e3, 1e4, seed=1)
    with ShowerWriter(tmp_path / "mine.h5", toy_geometry) as writer:
        voxels = rng.exponential(1, (40, toy_geometry.n_voxels)) * e_inc / toy_geometry.n_voxels
        writer.append(e_inc, voxels.astype(np.float32))
    settings = ["training.epochs=1", "prior.nodes_per_partition=12", "training.batch_size=8"]
    with ShowerFile(tmp_path / "mine.h5") as file:
        config = load_config("quick", settings=settings)
        assert train(config, [file], tmp_path / "run", on_note=notes.append)
        told = dict(describe(tmp_path / "run" / "model"))
        assert told["training.precision"] == "bfloat16"
        assert told["provenance.arithmetic"] == "float32"
        monkeypatch.setattr(module, "has_bfloat16", lambda _: True)
        refit(tmp_path / "run", [file])  # elsewhere; the networks are those of before
    assert load_model(tmp_path / "run").provenance["arithmetic"] == "float32"
    assert sum("bfloat16" in note for note in notes) == 1
