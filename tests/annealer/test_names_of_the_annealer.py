"""The public names of `calo4pqvae.annealer`: what importing costs, and their examples."""

import doctest
import subprocess
import sys

import pytest
import torch

from calo4pqvae import annealer, boltzmann

WITH_EXAMPLE = (
    "AnnealerSampler",
    "EmulatedAnnealer",
    "Request",
    "Settings",
    "WorkingGraph",
    "access_time",
    "measure_temperature",
    "place",
    "pseudo_likelihood",
    "read_memory",
)


def test_importing_it_brings_in_neither_torch_nor_ocean_nor_showers():
    program = "import sys, calo4pqvae.annealer; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    strangers = {"torch", "dimod", "dwave", "h5py", "matplotlib"}
    assert strangers.isdisjoint(name.split(".")[0] for name in done.stdout.split())


def test_each_name_of_the_stub_exists():
    assert set(WITH_EXAMPLE) <= set(annealer.__all__) <= set(dir(annealer))
    assert [name for name in annealer.__all__ if getattr(annealer, name, None) is None] == []


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_the_example_in_the_docstring_is_true(name):
    known = {"torch": torch}
    for room in (boltzmann, annealer):
        known |= {other: getattr(room, other) for other in room.__all__}
    tests = doctest.DocTestFinder().find(getattr(annealer, name), name, globs=known)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    complaints: list[str] = []
    for test in tests:
        runner.run(test, out=complaints.append)
    assert "".join(complaints) == ""
    assert runner.summarize(verbose=False).attempted > 0
