"""Fixtures for training: tiny configurations and files of toy showers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from calo4pqvae.config import Config, load_config
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.geometry import CylindricalGeometry

TINY = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=12",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
    "training.batch_size=16",
    "training.epochs=2",
    "training.freeze_epoch=2",
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors on a shared machine: threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def configure() -> Callable[..., Config]:
    """A function of further settings: the preset ``quick``, with the smallest networks."""
    return lambda *settings: load_config("quick", settings=[*TINY, *settings])


@pytest.fixture
def shower_path(
    tmp_path: Path,
    toy_geometry: CylindricalGeometry,
    toy_showers: Callable[[int], tuple[np.ndarray, np.ndarray]],
) -> Path:
    """A file of 100 toy showers: 80 train in five batches, 10 validate, 10 test."""
    path = tmp_path / "showers.h5"
    with ShowerWriter(path, toy_geometry) as writer:
        writer.append(*toy_showers(100))
    return path


@pytest.fixture
def showers(shower_path: Path) -> Iterator[ShowerFile]:
    """The same file, open."""
    with ShowerFile(shower_path) as file:
        yield file
