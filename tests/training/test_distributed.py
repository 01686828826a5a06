"""Data parallel: two processes on halves of a batch do what one does on the whole.

Single-precision sums in another order differ by some 1e-7 of their largest term, and terms
cancel: gradients may differ by 2e-5 of the largest value of their tensor (6e-6 was seen).
Adam divides by the size of a gradient, and so turns rounding of the smallest gradients into
whole steps: weights may differ by 1e-3 after three steps (2e-4 was seen).
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing

from calo4pqvae.config import Config, load_config
from calo4pqvae.data.batches import Batch, ShowerBatches
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.training.loop import TERMS, Trainer
from calo4pqvae.training.processes import Processes

SHARED = (
    "data.energy_gev=[0.1,10]",
    "prior.initial_scale=0.2",
    "training.epochs=3",
    "training.batch_size=8",
    "training.sweeps=2",
    "training.kl_weight=[1,1]",
    "training.freeze_epoch=2",
    "training.prior_momentum=0.5",
)
DEPTH = (
    *SHARED,
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
    "training.negative_phase=pcd",
    "training.augment=true",
    "training.precision=float32",
)
CONV = (
    *SHARED,
    "prior.nodes_per_partition=60",
    "model.encoder_widths=[2,3,3,4]",
    "model.decoder_widths=[4,3,2,2]",
    "training.negative_phase=cd",
)
CASES = {"depth, pcd": ("quick", DEPTH), "conv3d, cd": ("paper", CONV)}
N_STEPS = 3

Record = dict[str, Tensor]


def trainer(
    name: str, folder: Path, file: ShowerFile, processes: Processes | None = None
) -> Trainer:
    preset, settings = CASES[name]
    config: Config = load_config(preset, settings=settings)
    batches = ShowerBatches([file], np.arange(32), config.training.batch_size, 1)
    check = ShowerBatches([file], np.arange(32, 40), 8, 1)
    model = build_model(config, file.geometry)
    return Trainer(model, config, batches, folder=folder, validation=check, processes=processes)


def observe(train: Trainer, n_showers: int | None = None) -> list[Record]:
    """Make some steps; after each, everything that two processes must agree on.

    With `n_showers`, steps see only the first showers of their batch.
    """
    share = (train.processes.rank, train.processes.world_size)
    records = []
    for batch in list(train.batches.epoch(0, 0, *share))[:N_STEPS]:
        train.sums.zero_()
        some = slice(n_showers)
        train.step(Batch(batch.e_inc[some], batch.showers[some], batch.rows[some]))
        record = {"terms": train.sums, "bias grad": train.model.prior.bias.grad}
        record |= {"coupling grad": train.model.prior.coupling.grad}
        record |= {f"grad {n}": p.grad for n, p in train.model.named_parameters()}
        record |= {f"value {n}": value for n, value in train.model.state_dict().items()}
        records.append({n: value.detach().clone() for n, value in record.items()})
        train.batch += 1
    return records


def work(rank: int, folder: str) -> None:
    """One of two processes: steps, then a run that is stopped in the second epoch."""
    torch.set_num_threads(1)
    where = Path(folder)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{where / 'meeting'}",
        rank=rank,
        world_size=2,
        timeout=timedelta(minutes=4),
    )
    both = Processes(rank, 2)
    for name in CASES:
        with ShowerFile(where / f"{name}.h5") as file:
            records = observe(trainer(name, where / name, file, both))
            torch.save(records, where / f"{name}.{rank}.pt")
            train = trainer(name, where / name, file, both)
            train.on_step = lambda step, t=train: (
                t.stop() if (step.epoch, step.batch) == (1, 2) else None
            )
            if rank == 1:
                come_late(train)
            assert not train.run()
    both.leave()


def come_late(train: Trainer, seconds: float = 1.0) -> None:
    """Give the other process the time to write the first checkpoint, if it does not wait.

    Whoever then took its own look at the folder for the truth would pass over the meeting
    that the other one waits in, and both would wait for ever.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and not train.checkpoint.exists():
        time.sleep(0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, toy_geometry: CylindricalGeometry) -> Path:
    """A folder with what two processes have done."""
    where = tmp_path_factory.mktemp("distributed")
    large = CylindricalGeometry.regular(23, 8, [float(r) for r in range(9)], threshold=0.05)
    for name, geometry in zip(CASES, (toy_geometry, large), strict=True):
        write_showers(where / f"{name}.h5", geometry)
        (where / name).mkdir()
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    # Both are forked from one process that has imported torch, which takes longer than they do.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["calo4pqvae.training.run", "torch._dynamo"])
    multiprocessing.start_processes(work, (str(where),), nprocs=2, start_method="forkserver")
    return where


def write_showers(path: Path, geometry: CylindricalGeometry) -> None:
    """Forty showers that fall with depth and radius, every third voxel empty."""
    rng = np.random.default_rng(3)
    e_inc = 10 ** rng.uniform(2, 4, (40, 1))
    mean = np.exp(-geometry.layer_of_voxel / 4 - geometry.r_of_voxel / 3)
    voxels = mean * rng.gamma(2.0, 0.5, (40, geometry.n_voxels))
    voxels *= (rng.random(voxels.shape) > 1 / 3) * e_inc / mean.sum()
    with ShowerWriter(path, geometry) as writer:
        writer.append(e_inc.astype(np.float32), voxels.astype(np.float32))


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def alone(case: str, folder: Path, tmp_path: Path) -> Callable[[], Trainer]:
    """A function: the trainer that has the whole batch to itself."""
    with ShowerFile(folder / f"{case}.h5") as file:
        yield lambda: trainer(case, tmp_path, file)


def difference(one: Tensor, other: Tensor) -> float:
    """Largest difference over the largest value."""
    one, other = one.double(), other.double()
    return float((one - other).abs().max() / one.abs().max().clamp(min=1e-30))


@pytest.mark.parametrize("rank", [0, 1])
def test_every_step_has_the_same_terms_and_gradients(
    case: str, rank: int, folder: Path, alone: Callable[[], Trainer]
) -> None:
    """Loss terms, moments' difference, gradients, weights, batch normalisation.

    A network's gradient must agree to 2e-5 of the largest gradient in that network, which
    sets the size of float32 rounding in back-propagation, and to 1e-3 of the tensor's own
    maximum: a tensor of few channels whose sum nearly cancels keeps the rounding of its terms.
    Weights may differ by 3e-3: Adam divides a gradient near its epsilon by its own size.
    """
    found = torch.load(folder / f"{case}.{rank}.pt")
    for step, expected in enumerate(observe(alone())):
        assert set(found[step]) == set(expected)
        largest = {"encoder": 0.0, "decoder": 0.0}
        for name, value in expected.items():
            if name.startswith("grad "):
                network = name.removeprefix("grad ").split(".")[0]
                largest[network] = max(largest[network], float(value.abs().max()))
        for name, value in expected.items():
            network = name.removeprefix("grad ").split(".")[0]
            weights = name.startswith("value") and "running" not in name
            limit = 3e-3 if weights else 1e-3 if network in largest else 2e-5
            assert difference(value, found[step][name]) < limit, (step, name)
            if network in largest:
                apart = float((value - found[step][name]).abs().max())
                assert apart < 2e-5 * largest[network], (step, name)


def test_half_a_batch_alone_gives_something_else(alone: Callable[[], Trainer]) -> None:
    """The comparison above can tell: without talk, a share has other numbers throughout."""
    whole, half = observe(alone())[0], observe(alone(), n_showers=4)[0]
    names = ["terms", "bias grad", "coupling grad"]
    names += [name for name in whole if name.startswith("grad") or "running" in name]
    for name in names:
        limit = 2e-3 if name.startswith("grad ") else 5e-5
        assert difference(whole[name], half[name]) > limit, name


def test_one_process_continues_what_two_began(
    case: str, folder: Path, tmp_path: Path, alone: Callable[[], Trainer]
) -> None:
    uninterrupted = alone()
    assert uninterrupted.run()
    expected = log_of(tmp_path)
    shutil.copytree(folder / case, tmp_path, dirs_exist_ok=True)
    assert len(log_of(tmp_path)) == 1
    resumed = alone()
    resumed.resume()
    assert (resumed.epoch, resumed.batch) == (1, 2)
    assert resumed.run()
    for name, value in uninterrupted.model.state_dict().items():
        assert difference(value, resumed.model.state_dict()[name]) < 5e-3, name
    for one, other in zip(expected, log_of(tmp_path), strict=True):
        seen = [term for term in TERMS if one[term] is not None]
        assert {"positive_energy", "negative_energy"} <= set(seen)
        for term in seen:
            assert one[term] == pytest.approx(other[term], rel=2e-3, abs=1e-3), term
        for term, value in one["validation"].items():
            assert value == pytest.approx(other["validation"][term], rel=2e-3, abs=1e-3), term


def log_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
