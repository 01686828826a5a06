"""The public names: listed once, each with an example that is true, none lost in silence."""

import doctest
import importlib
import math
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import calo4pqvae
from calo4pqvae import annealer, boltzmann

PAGE = (Path(__file__).parents[1] / "docs" / "api.md").read_text("utf-8")
ROW = re.compile(r"^\| `([\w.]+)` \| (`.*`) \|$", re.MULTILINE)
LISTED = {home: re.findall(r"`([^`]+)`", names) for home, names in ROW.findall(PAGE)}

WITHOUT_EXAMPLE = {
    boltzmann: {"Sampler", "CudaGibbs"},  # a protocol, and what needs a GPU
    annealer: set(annealer.__all__)
    - {
        *("AnnealerSampler", "EmulatedAnnealer", "Request", "Settings", "WorkingGraph"),
        *("access_time", "measure_temperature", "place", "pseudo_likelihood", "read_memory"),
    },
    calo4pqvae: {"__version__"}
    | ({"simulate"} if find_spec("geant4_pybind") is None else set()),
}
EXAMPLES = [
    pytest.param(home, name, id=f"{home.__name__}.{name}")
    for home, without in WITHOUT_EXAMPLE.items()
    for name in sorted(set(home.__all__) - without)
]


def difference(listed: list[str], names: list[str]) -> str:
    """Say what is missing on either side."""
    public = {name for name in names if not name.startswith("_")}
    gone = "".join(f"{n} has gone: rename or announce it first; " for n in set(listed) - public)
    return gone + "".join(f"{n} is not listed; " for n in public - set(listed))


@pytest.mark.parametrize("home", LISTED)
def test_the_list_is_that_of_the_code(home: str) -> None:
    package = importlib.import_module(home)
    assert difference(LISTED[home], package.__all__) == ""
    for name in LISTED[home]:
        getattr(package, name)


def test_a_name_that_disappears_and_one_that_is_not_listed_are_noticed() -> None:
    assert difference(["a", "b"], ["a", "__version__"]) == (
        "b has gone: rename or announce it first; "
    )
    assert difference(["a"], ["a", "b"]) == "b is not listed; "
    assert {"calo4pqvae", "calo4pqvae.boltzmann", "calo4pqvae.annealer"} <= set(LISTED)


def test_an_old_name_gives_the_new_object_and_warns() -> None:
    told = re.findall(r"^\| `calo4pqvae\.(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert dict(told) == calo4pqvae.RENAMED
    for old, new in told:
        assert old not in calo4pqvae.__all__
        with pytest.warns(DeprecationWarning, match=f"calo4pqvae.{old} is now called {new}"):
            assert getattr(calo4pqvae, old) is getattr(calo4pqvae, new)


@pytest.mark.filterwarnings("ignore:.*:calo4pqvae.errors.PhysicsWarning")
@pytest.mark.parametrize(("home", "name"), EXAMPLES)
def test_the_example_in_the_docstring_is_true(home, name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    known = {"torch": torch, "np": np, "math": math}
    for room in (calo4pqvae, annealer, boltzmann, home):
        known |= {other: getattr(room, other) for other in room.__all__}
    tests = doctest.DocTestFinder().find(getattr(home, name), name, globs=known)
    runner = doctest.DocTestRunner(
        optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    )
    complaints: list[str] = []
    for test in tests:
        runner.run(test, out=complaints.append)
    assert "".join(complaints) == ""
    assert runner.summarize(verbose=False).attempted > 0
