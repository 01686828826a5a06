"""Descriptions of detectors: those of the package, and what is refused."""

import pytest
import yaml

from calo4pqvae.errors import ConfigError, GeometryError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.simulation.stack import Slab, Stack
from calo4pqvae.simulation.stacks import load_stack, stacks

TUNGSTEN = {"material": "W", "mm": 1.4}
SILICON = {"material": "Si", "mm": 0.3, "sensitive": True}

GOOD = {
    "slabs": [TUNGSTEN, SILICON],
    "layers": 3,
    "alpha": 4,
    "r_edges_mm": [0, 5, 10],
    "sampling_fraction": 0.03,
    "threshold_kev": 1,
}


def test_the_challenge_s_cells():
    assert load_stack("dataset-2").geometry == CylindricalGeometry.dataset_2()
    assert load_stack("dataset-3").geometry == CylindricalGeometry.dataset_3()


@pytest.mark.parametrize("name", stacks())
def test_round_trip(name):
    stack = load_stack(name)
    assert Stack.from_dict(stack.to_dict()) == stack


def test_dataset_2_is_153_mm_deep_and_reads_pairs():
    placed = list(load_stack("dataset-2").placed())
    assert len(placed) == 180
    assert load_stack("dataset-2").depth == pytest.approx(153)
    assert placed[-1].front + placed[-1].thickness == pytest.approx(153)
    assert [p.layer for p in placed[:8]] == [None, 0, None, 0, None, 1, None, 1]


def test_gaps():
    stack = Stack(
        (Slab("Pb", 2.0, at_mm=1.0), Slab("G4_lAr", 3.0, sensitive=True, at_mm=5.0)),
        layers=2, alpha=1, r_edges_mm=(0.0, 10.0), sampling_fraction=0.1, threshold_kev=1.0,
        period_mm=10.0,
    )  # fmt: skip
    assert [(p.front, p.layer) for p in stack.placed()] == [
        (1, None), (5, 0), (11, None), (15, 1),
    ]  # fmt: skip


BAD = {
    "overlaps W, which ends at 1.4 mm": {"slabs": [TUNGSTEN, {**SILICON, "at_mm": 1}]},
    "overlaps the front": {"slabs": [{**SILICON, "at_mm": -0.1}]},
    "repetitions overlap": {"period_mm": 1.5},
    "stick out": {"half_width_mm": 9},
    "sensitive": {"slabs": [TUNGSTEN]},
    "thickness": {"slabs": [{"material": "W", "mm": 0, "sensitive": True}]},
    "sampling_fraction": {"sampling_fraction": 0},
    "layers": {"layers": 0},
    "ring edges": {"r_edges_mm": [0, 5, 5]},
    "azimuth": {"alpha": 0},
}  # fmt: skip


@pytest.mark.parametrize("reason", BAD)
def test_refusals(reason):
    with pytest.raises(GeometryError, match=reason):
        Stack.from_dict({**GOOD, **BAD[reason]})


@pytest.mark.parametrize(
    "change", [{"colour": 1}, {"layers": "many"}, {"slabs": [{"mm": 1}]}, {"scoring": "none"}]
)
def test_malformed_descriptions(change):
    with pytest.raises(ConfigError, match="is no description of a stack"):
        Stack.from_dict({**GOOD, **change})


def test_files(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    assert load_stack(str(path)).layers == 3
    path.write_text("slabs: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_stack(str(path))
    with pytest.raises(ConfigError, match="choose one of dataset-2"):
        load_stack("dataset-4")
