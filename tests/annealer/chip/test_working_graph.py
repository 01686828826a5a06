"""Working graphs and placement: against Ocean's lattices, with holes, on other chips."""

import json
from dataclasses import replace

import dwave.graphs
import numpy as np
import pytest
import torch
from dwave.system.coupling_groups import coupling_groups

from calo4pqvae.annealer.chip.constants import CHIPS
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.programs.placement import place
from calo4pqvae.annealer.programs.ranges import Ranges, coupling_group, range_factor
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.lattices import pegasus, zephyr
from calo4pqvae.config import load_config
from calo4pqvae.errors import AnnealerError, SamplerError
from calo4pqvae.models.build import build_graph


@pytest.mark.parametrize("kind", ["zephyr", "pegasus"])
def test_perfect_graphs_are_those_of_ocean(kind):
    theirs = getattr(dwave.graphs, f"{kind}_graph")(4)
    grid = (4, 4) if kind == "zephyr" else (4,)
    ours = WorkingGraph.perfect(kind, grid)
    assert ours.qubits.tolist() == sorted(theirs.nodes)
    assert ours.couplers.tolist() == sorted(map(sorted, theirs.edges))


def test_coupling_groups_are_those_of_ocean():
    graph = WorkingGraph.perfect("zephyr", (3, 4))
    member = coupling_group("zephyr", (3, 4), graph.couplers, grouped=True)
    groups: dict[int, set] = {}
    for pair, ends in zip(graph.couplers.tolist(), member.T.tolist(), strict=True):
        for end in ends:
            groups.setdefault(end, set()).add(tuple(pair))
    theirs = coupling_groups(dwave.graphs.zephyr_graph(3))
    wanted = {frozenset(tuple(sorted(pair)) for pair in group) for group in theirs}
    assert {frozenset(group) for group in groups.values()} == wanted - {frozenset()}


@pytest.mark.parametrize("name", ["system4", "prototype2.6"])
def test_published_chips_hold_models_of_the_papers_size(name):
    """Four partitions of 290 or more, with more than 97 % of the couplers kept."""
    chip = CHIPS[name]
    graph = WorkingGraph.perfect(chip.topology, chip.grid, chip.name)
    graph = graph.with_defects(chip.qubits, chip.couplers, seed=1)
    model = graph.lay_out()
    assert min(model.sizes) == max(model.sizes) >= 290
    assert model.n_edges > 0.97 * len(graph.couplers)
    assert graph.has_couplers(model.labels.numpy()[model.edges.numpy().T]).all()
    assert place(model, graph).copies == 1
    assert graph.fingerprint in model.lattice


def test_files_hold_what_is_missing(chip, tmp_path):
    broken = chip.with_defects(150, 1000, seed=2)
    broken.save(tmp_path / "graph.json")
    again = WorkingGraph.load(tmp_path / "graph.json")
    assert again.fingerprint == broken.fingerprint != chip.fingerprint
    assert len(json.loads((tmp_path / "graph.json").read_text())["missing_qubits"]) == 10
    config = load_config(
        "quick",
        settings=[
            f"prior.working_graph={tmp_path / 'graph.json'}",
            "prior.nodes_per_partition=30",
        ],
    )
    graph = build_graph(config)
    assert place(graph, broken).copies == 1
    assert FourPartiteGraph.from_dict(graph.to_dict()).lattice == graph.lattice


@pytest.mark.parametrize(
    ("kind", "grid"),
    [("zephir", (3, 4)), ("zephyr", ()), ("zephyr", (0, 4)), ("pegasus", (-2,))],
)
def test_lattices_of_no_chip_are_refused(kind, grid):
    with pytest.raises(AnnealerError, match=f"no chip has the lattice {kind}.*; name zephyr"):
        WorkingGraph.perfect(kind, grid, "x")


@pytest.mark.parametrize(
    ("qubits", "couplers"), [(-5, 1), (161, 1), (160, -1), (160, 1225), (0, 1225)]
)
def test_no_other_number_is_left_than_there_is(chip, qubits, couplers):
    assert (len(chip.qubits), len(chip.couplers)) == (160, 1224)
    with pytest.raises(AnnealerError, match=rf"; {qubits} and {couplers} of them cannot be"):
        chip.with_defects(qubits, couplers, seed=1)


def test_all_may_be_broken_and_none(chip):
    assert chip.with_defects(160, 1224).fingerprint == chip.fingerprint
    bare = chip.with_defects(0, 0)
    assert (len(bare.qubits), len(bare.couplers)) == (0, 0)


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "other"}', "{}"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(AnnealerError, match=r"a\.json"):
        WorkingGraph.load(tmp_path / "a.json")


def test_too_large_a_model_is_refused(chip):
    with pytest.raises(SamplerError, match="do not fit"):
        chip.lay_out(41)


@pytest.mark.parametrize(
    ("model", "chip", "copies"),
    [
        (zephyr(302), WorkingGraph.perfect("zephyr", (12, 4)), 2),
        (zephyr(36), WorkingGraph.perfect("zephyr", (6, 4)), 4),
        (pegasus(20), WorkingGraph.perfect("pegasus", (6,)), 4),
    ],
    ids=["paper on Z12", "Z2 on Z6", "pegasus"],
)
def test_copies_lie_side_by_side(model, chip, copies):
    found = place(model, chip, None)
    assert found.copies >= copies
    assert len(np.unique(found.qubits)) == found.qubits.size
    for qubits in found.qubits:
        assert chip.has_couplers(qubits[model.edges.numpy().T]).all()


def test_a_hole_is_avoided_where_there_is_room():
    model = zephyr(36)
    chip = WorkingGraph.perfect("zephyr", (3, 4))
    first = place(model, chip).qubits[0]
    kept = chip.qubits[chip.qubits != first[0]]
    couplers = chip.couplers[(chip.couplers != first[0]).all(axis=1)]
    assert first[0] not in place(model, replace(chip, qubits=kept, couplers=couplers)).qubits


def test_what_is_missing_is_named(chip, model_graph):
    lost = int(model_graph.labels[5])
    couplers = chip.couplers[(chip.couplers != lost).all(axis=1)]
    broken = replace(chip, qubits=chip.qubits[chip.qubits != lost], couplers=couplers)
    with pytest.raises(
        AnnealerError, match=rf"1 of the model's 144 qubits \({lost}\)"
    ) as caught:
        place(model_graph, broken)
    assert caught.value.remedy == "working graph"


def test_other_lattices_are_refused(chip):
    for graph in (pegasus(20), FourPartiteGraph.complete((2, 2, 2, 2))):
        with pytest.raises(AnnealerError, match=r"prior\.lattice=zephyr"):
            place(graph, chip)
    with pytest.raises(AnnealerError, match="is larger than"):
        place(zephyr(302), chip)


def test_sums_of_couplings_are_checked():
    """Couplings of -2 are allowed one by one, twelve at one end of a qubit are not."""
    ranges = Ranges((-6.0, 6.0), (-2.0, 1.0), (-13.0, 10.0), grouped=True)
    graph = WorkingGraph.perfect("zephyr", (3, 4))
    member = coupling_group("zephyr", (3, 4), graph.couplers, grouped=True)
    j = np.full(len(graph.couplers), -2.0)
    report = ranges.check(np.zeros((1, len(graph.qubits))), j, member)
    assert (report.fields, report.couplings) == (0, 0)
    assert report.sums > 0
    assert report.excess == pytest.approx(20 / 13)
    assert range_factor(report, "rescale") == report.excess
    for policy in ("refuse", "clip"):
        with pytest.raises(AnnealerError, match="sums of couplings"):
            range_factor(report, policy)
    assert ranges.check(np.zeros((1, 3)), j / 2, member).inside


def test_labels_are_qubits_of_the_chip(chip):
    holes = chip.with_defects(150, 1100, seed=5)
    graph = holes.lay_out(30)
    assert holes.has_qubits(graph.labels.numpy()).all()
    assert torch.equal(graph.labels.unique(), graph.labels.sort().values)
