"""A small decoder with random weights, and showers for it."""

import pytest
import torch

from calo4pqvae.models.autoregressive.sectors import shear_odd_rings
from calo4pqvae.models.cellwise.decoder import CellDecoder

SEED = 11


@pytest.fixture
def decoder(toy_geometry, generator):
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        made = CellDecoder(toy_geometry.shape, toy_geometry.threshold, (4, 6, 8, 10))
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.2 * torch.randn(weight.shape, generator=generator))
    return made


@pytest.fixture
def showers(toy_showers, toy_geometry):
    e_inc, showers = toy_showers(60)
    made = torch.from_numpy(showers).view(-1, *toy_geometry.shape)
    return shear_odd_rings(made), torch.log(torch.from_numpy(e_inc) / 100) / 5
