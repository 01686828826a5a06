"""The public names of `calo4pqvae.annealer`: what importing costs."""

import subprocess
import sys

from calo4pqvae import annealer


def test_importing_it_brings_in_neither_torch_nor_ocean_nor_showers():
    program = "import sys, calo4pqvae.annealer; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    strangers = {"torch", "dimod", "dwave", "h5py", "matplotlib"}
    assert strangers.isdisjoint(name.split(".")[0] for name in done.stdout.split())


def test_each_name_of_the_stub_exists():
    assert set(annealer.__all__) <= set(dir(annealer))
    assert [name for name in annealer.__all__ if getattr(annealer, name, None) is None] == []
