"""The one sequence: any part of it, in any batches, by any threads, to the last bit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from calo4pqvae.config import load_config
from calo4pqvae.data.energies import EnergySequence
from calo4pqvae.generation import sequence
from calo4pqvae.generation.maker import ShowerMaker
from calo4pqvae.generation.sequence import ShowerSequence
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model
from calo4pqvae.shards.plan import Shard

BEST = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=6",
    "prior.initial_scale=0.5",
    "model.level_bits=[1,1,2,1,1]",
    "model.copula_bins=3",
    "model.decoder_widths=[4,6,8,10]",
)
N = 700
ENERGIES = EnergySequence.drawn(100.0, 1e4, seed=3)


@pytest.fixture(scope="module")
def model() -> ShowerModel:
    """An untrained model of the preset `best` on a small cylinder."""
    geometry = CylindricalGeometry.regular(6, 4, [0.0, 5.0, 10.0, 15.0], threshold=0.05)
    torch.manual_seed(1)
    return build_model(load_config("best", settings=[*BEST]), geometry).eval()


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks of 256 chains, so that 700 showers are several of them."""
    monkeypatch.setattr(sequence, "CHAINS", 256)
    monkeypatch.setattr(ShowerModel, "decoded_together", lambda *_: 64)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def part(model: ShowerModel, first: int, n: int, size: int = 1024, **more: object) -> tuple:
    options = {"sweeps": 5, "seed": 7, "sampler": "auto", **more}
    showers = ShowerSequence(model, ENERGIES, **options)  # type: ignore[arg-type]
    pieces = list(showers.batches(first, n, size))
    assert all(len(piece.e_inc) <= size for piece in pieces)
    return tuple(np.concatenate(parts) for parts in zip(*pieces, strict=True))


@pytest.fixture(scope="module")
def whole(model: ShowerModel) -> tuple:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence, "CHAINS", 256)
        patch.setattr(ShowerModel, "decoded_together", lambda *_: 64)
        return part(model, 0, N)


@pytest.mark.parametrize(
    ("first", "n", "size"),
    [(0, N, 7), (0, 1, 1), (699, 1, 1), (255, 3, 2), (100, 333, 50), (256, 256, 512)],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_any_part_is_the_same_to_the_last_bit(
    model: ShowerModel, whole: tuple, first: int, n: int, size: int, threads: int
) -> None:
    torch.set_num_threads(threads)
    for mine, all_of_it in zip(part(model, first, n, size), whole, strict=True):
        np.testing.assert_array_equal(mine, all_of_it[first : first + n])


def test_a_sampler_without_numbered_chains_gives_the_same_parts(model: ShowerModel) -> None:
    every = part(model, 0, 300, sampler="torch")
    for mine, all_of_it in zip(part(model, 130, 150, sampler="torch"), every, strict=True):
        np.testing.assert_array_equal(mine, all_of_it[130:280])


def test_showers_differ_by_number_seed_and_sweeps(model: ShowerModel, whole: tuple) -> None:
    assert len(np.unique(whole[1], axis=0)) > 0.99 * N
    for other in (part(model, 0, 64, seed=8), part(model, 0, 64, sweeps=9)):
        assert not np.array_equal(other[1], whole[1][:64])


def test_energies_of_a_part_are_those_of_the_whole() -> None:
    for energies in (ENERGIES, EnergySequence.given(ENERGIES.take(5, 13))):
        every = energies.take(0, 5000)
        for first, n in ((0, 1), (1, 7), (13, 13), (4095, 905)):
            np.testing.assert_array_equal(energies.take(first, n), every[first : first + n])


def test_energies_beside_the_part_need_not_fit_the_model(model: ShowerModel) -> None:
    """A file of energies that is used in part, next to one that no model covers."""
    mine, other = ENERGIES.take(0, 40), np.full((1, 1), 9e9, np.float32)
    energies = EnergySequence.given(np.concatenate([mine, other]))
    showers = ShowerSequence(model, energies, sweeps=2, seed=1)
    assert sum(len(piece.e_inc) for piece in showers.batches(0, 40, 64)) == 40


def test_what_showers_depend_on_is_in_the_facts(
    model: ShowerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tmp_path / "m", model, load_config("best", settings=[*BEST]), {})
    energies = {"low_mev": 200.0, "high_mev": 300.0, "seed": 1}

    def facts(**more: object) -> dict:
        options = {"model": str(tmp_path / "m"), "energies": energies, **more}
        return ShowerMaker(**options).facts  # type: ignore[arg-type]

    same = facts()
    assert facts(batch_size=3, compression="lzf") == same
    others = [
        facts(seed=1),
        facts(sweeps=3),
        facts(sampler="torch"),
        facts(energies={**energies, "seed": 2}),
        facts(energies={**energies, "high_mev": 400.0}),
    ]
    torch.set_num_threads(1)
    with torch.no_grad():
        next(model.parameters()).add_(1e-6)
    save_model(tmp_path / "m", model, load_config("best", settings=[*BEST]), {})
    others.append(facts())
    monkeypatch.setattr("llvmlite.binding.get_host_cpu_name", lambda: "z80")
    others.append(facts())
    assert all(other != same for other in others)
    maker = ShowerMaker(str(tmp_path / "m"), energies, sweeps=2)
    maker.make(Shard(0, 9, 5), tmp_path / "a.h5")
