"""The programs in examples/ run, and find what they say they find."""

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bars_and_stripes_are_learnt_and_the_bounds_hold_the_exact_value() -> None:
    """Untrained, a pattern has the likelihood 1/64; trained to the end, 1/10."""
    module = load("bars_and_stripes")
    assert len(module.bars_and_stripes()) == 10
    found = module.main()
    assert -math.log(14) < found["exact"] < -math.log(10)
    slack = 5 * found["error"]
    assert found["lower"] - slack < found["exact"] < found["upper"] + slack
    assert found["upper"] - found["lower"] < 0.5


def test_the_temperature_of_an_emulated_chip_is_found() -> None:
    """Within four errors, and energies within four of theirs: 1e-4 of free seeds fail."""
    pytest.importorskip("dwave.system")
    found = load("annealer_temperature").main()
    assert abs(found["beta"] - 7.3) < 4 * found["error"] + 0.02 * 7.3  # lasting control errors
    assert abs(found["annealer"] - found["block Gibbs"]) < 4 * 0.55
