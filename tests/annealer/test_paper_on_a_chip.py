"""The paper's model on a chip of an existing size, holes and all: 4 x 290 of 1,202 qubits."""

import numpy as np
import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.annealer import AnnealerSampler, EmulatedAnnealer, Settings, WorkingGraph, place
from calo4pqvae.config import load_config
from calo4pqvae.errors import AnnealerError
from calo4pqvae.generation.request import request_of
from calo4pqvae.models.build import build_graph, build_model


@pytest.fixture(scope="module")
def chip():
    """Zephyr(6,4) with as many working qubits and couplers as a chip of that size had."""
    return WorkingGraph.perfect("zephyr", (6, 4)).with_defects(
        qubits=1202, couplers=10_537, seed=1
    )


@pytest.fixture
def small(chip, tmp_path):
    chip.save(tmp_path / "chip.json")
    return [
        f"prior.working_graph={tmp_path / 'chip.json'}",
        "prior.nodes_per_partition=290",
        "data.energy_gev=[0.1,10]",
        "model.encoder_widths=[2,2,2,4]",
        "model.decoder_widths=[4,2,2]",
    ]


def test_four_times_290_nodes_are_laid_where_qubits_work(chip, small, toy_geometry):
    """Every node a working qubit, every coupling a working coupler, nothing shifted."""
    model = build_model(load_config("paper-compact", settings=small), toy_geometry)
    graph = model.prior.graph
    assert graph.sizes == (290, 290, 290, 290)
    assert float(graph.degree.float().mean()) > 17
    placement = place(graph, chip)
    assert np.array_equal(placement.qubits[0], graph.labels.numpy())
    working = {tuple(pair) for pair in chip.couplers.tolist()}
    used = graph.labels[graph.edges].T.sort(dim=1).values.tolist()
    assert {tuple(pair) for pair in used} <= working


def test_the_energy_reaches_nearly_every_node(small):
    """The clamped neighbours of a free node leave gaps of 0.27 in the median."""
    graph = build_graph(load_config("paper-compact", settings=small))
    clamped = graph.edges[0] < 290
    reached = torch.bincount(graph.edges[1][clamped], minlength=graph.n_nodes)[290:]
    assert int((reached == 0).sum()) <= 10
    assert float(reached.float().mean()) > 5


def test_it_is_sampled_there_with_held_qubits(chip, small, toy_geometry):
    model = build_model(load_config("paper-compact", settings=small), toy_geometry)
    model.prior.coupling += 0.2 * torch.randn(
        model.prior.graph.n_edges, generator=torch.Generator().manual_seed(1)
    )
    annealer = EmulatedAnnealer("system4", beta=8.5, graph=chip, sweeps=5)
    sampler = AnnealerSampler(
        model.prior.graph, annealer, SharedNoise(1), Settings(beta=8.5, conditioning="flux")
    )
    request = request_of(model, np.full((20, 1), 1e3, np.float32))
    ((problem, clamped),) = request.parts()
    states = sampler.sample(problem, clamped)
    assert torch.equal(states[:, :290], clamped)
    assert sampler.usage.moved_reads == 0


def test_the_perfect_lattice_of_4_x_302_does_not_fit(chip):
    graph = build_graph(load_config("paper-compact", settings=["data.energy_gev=[1,10]"]))
    with pytest.raises(AnnealerError, match="qubits"):
        place(graph, chip)
