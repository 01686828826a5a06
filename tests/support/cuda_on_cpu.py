"""The CUDA sampler on a CPU: its kernel's very text compiled by g++, launched by ctypes."""

import ctypes
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import torch

from calo4pqvae.boltzmann.samplers.cuda.sampler import SOURCE, CudaGibbs, Grid, definitions

HEADER = Path(__file__).with_name("cuda_on_cpu.h")
TAIL = """
extern "C" void launch(int tiles, int threads, void **arguments)
{
    run(sweep_chains, tiles, threads, arguments);
}
"""


class KernelsOnCpu:
    """Takes the place of `CupyKernels`: the same text, compiled by g++.

    A twin is a text that is replaced by another. All nodes are drawn by one thread unless a
    number of threads is set.
    """

    device, multiprocessors, shared_bytes = torch.device("cpu"), 132, 4 * 58112

    def __init__(self, folder, twin=("", "")):
        self.folder, self.twin, self.made, self.threads = folder, twin, {}, 1

    def launch(self, grid, arguments):
        if grid.lanes not in self.made:
            self.made[grid.lanes] = self.make(grid.lanes)
        cells = [np.array(argument) for argument in arguments]
        places = (ctypes.c_void_p * len(cells))(*(cell.ctypes.data for cell in cells))
        self.made[grid.lanes](grid.tiles, self.threads, places)

    def make(self, lanes):
        text = SOURCE.read_text("utf-8")
        assert self.twin[0] in text
        text = f'#include "{HEADER}"\n{text.replace(*self.twin)}{TAIL}'
        library = self.folder / f"{abs(hash(self.twin))}-{lanes}.so"
        options = ["-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-x", "c++"]
        command = ["g++", *options, *definitions(lanes), "-", "-o", str(library)]
        subprocess.run(command, input=text, text=True, check=True)
        return ctypes.CDLL(str(library)).launch


class OnCpu(CudaGibbs):
    """The sampler with kernels on the CPU."""

    def __init__(self, graph, noise, kernels, lanes=None):
        self.given = kernels
        super().__init__(graph, noise, lanes)

    def _load_kernels(self, device):  # noqa: ARG002
        return self.given


class Cupy(ModuleType):
    """As much of CuPy as the sampler uses, for a GPU that is not there.

    Arguments:
        kernels: run what is launched.
    """

    def __init__(self, kernels):
        super().__init__("cupy")
        self.kernels, self.launches, self.options = kernels, [], ()
        self.cuda = SimpleNamespace(Device=_Place, Stream=_Place)

    def RawModule(self, code, options):
        """Make a module whose only kernel is the one at hand, if that is what is asked for."""
        assert code == SOURCE.read_text("utf-8")
        self.options = options
        return SimpleNamespace(get_function={"sweep_chains": _Kernel(self)}.get)


class _Kernel:
    def __init__(self, cupy):
        self.cupy = cupy

    def __call__(self, grid, block, arguments, shared_mem):
        self.cupy.launches.append((grid, block, shared_mem, _Place.entered[-1]))
        self.cupy.kernels.launch(Grid(8, grid[0], block[0], shared_mem), arguments)


class _Place:
    """A device or a stream, which can be entered."""

    entered: list = []  # noqa: RUF012
    attributes = {"MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 232448}  # noqa: RUF012

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.entered.append(self.name)

    def __exit__(self, *_):
        self.entered.pop()

    @classmethod
    def from_external(cls, stream):
        return cls(stream.__cuda_stream__())
