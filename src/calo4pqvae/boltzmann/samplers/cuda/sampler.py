r"""Block Gibbs sampling by a CUDA kernel: the sampler of choice on a GPU.

`gibbs.cu` sweeps tiles of 4 to 32 chains, one tile per thread block, all states in shared
memory.

What an update costs, counted in machine code for compute capability 9.0 (nvcc 13.0, tiles of
32 chains, 64 registers) on Zephyr with 302 nodes per partition: 18.3 neighbours, 19.4 with idle
and waiting threads, take 1.64 instructions each (a predicated addition, 1/8 of a move of bits
into predicates, and shares of what 32 chains have in common), which is 32; the random number, a
quarter of Philox4x32-10, 10; the decision 6; the rest 2. Biases of each chain take 2 more. A
multiprocessor issues 128 instructions of threads per clock, hence at most 2.5 updates, and 132
of them at 1.755 GHz, as on an H200, at most 0.59e12 per second. Integer logic is then busy
for 69 % of the time, additions and products for 56 %, special functions for 17 %. All this is
counted; what is measured is for `bench sampler` to say.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from calo4pqvae._core.optional import require
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import check_noise, check_request
from calo4pqvae.boltzmann.samplers.cuda.columns import Columns, spread_biases
from calo4pqvae.errors import SamplerError

__all__ = ["LANES", "CudaGibbs"]

LANES = (32, 16, 8, 4)
"""Numbers of chains that a tile can have: as many as a word has bits, and at least the four
that share a random number."""

TILES = 2
"""Tiles are made smaller while there are fewer per multiprocessor: one loads its states while
the other sweeps."""

MOST_THREADS = 512
"""Largest number of threads per block, for which a multiprocessor has 64 registers each and
room for two blocks; larger partitions are drawn in several rounds."""

SOURCE = Path(__file__).with_name("gibbs.cu")


class Grid(NamedTuple):
    """How a kernel is launched: chains per tile, tiles, threads, bytes of shared memory."""

    lanes: int
    tiles: int
    threads: int
    shared: int


class CudaGibbs:
    r"""Draw chains with partition 0 clamped on a CUDA device.

    One sweep draws the nodes of the other partitions in turn from
    $p(z_i = 1 | rest) = \sigma(b_i + \sum_j W_{ij} z_j)$. Problems are rounded to float32 and
    fields summed in it; apart from that, probabilities are right to 2e-7. A chain's random
    numbers depend on the seed, the call and the chain's own number, so that neither the number
    of the other chains nor the size of tiles changes it. They are not those of the samplers on
    a CPU.

    Arguments:
        graph: nodes and couplers.
        noise: source of one key per call, and of the number of the first chain.
        lanes: chains per tile, one of `LANES`; as fits the number of chains when absent.

    Raises:
        MissingExtraError: CuPy is not installed.
        SamplerError: the noise is not a CUDA device's, the GPU's shared memory does not hold
            the graph, or there are no tiles of that size.
    """

    numbers_chains = True

    def __init__(
        self, graph: PartiteGraph, noise: SharedNoise, lanes: int | None = None
    ) -> None:
        check_noise(noise)
        if lanes is not None and lanes not in LANES:
            raise SamplerError(f"tiles have 4, 8, 16 or 32 chains, not {lanes}")
        self.graph, self.noise, self.lanes = graph, noise, lanes
        self._kernels = self._load_kernels(noise.generator.device)
        self.device = self._kernels.device
        most = self._kernels.shared_bytes // 4
        if graph.n_nodes > most:
            raise SamplerError(
                f"the graph has {graph.n_nodes} nodes, the GPU's shared memory holds {most}; "
                "take the sampler in torch"
            )
        self._columns = Columns.of(graph, self.device)

    @torch.no_grad()
    def sample(
        self,
        problem: BoltzmannProblem,
        clamped: Bool[Tensor, "chains clamped"],
        sweeps: int,
        start: Bool[Tensor, "chains nodes"] | None = None,
    ) -> Bool[Tensor, "chains nodes"]:
        """Run every chain for a number of sweeps and return its last state.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            clamped: state of the clamped partition of each chain.
            sweeps: number of sweeps.
            start: initial states; random bits when absent. Its clamped partition is
                replaced by `clamped`.

        Raises:
            SamplerError: the request is one that `check_request` refuses, lies on another
                device, or has fields above `LARGEST_FIELD`.
        """
        check_request(problem, clamped, sweeps, start, self.graph)
        if clamped.device != self.device:
            raise SamplerError(
                f"problem and states lie on {clamped.device}, the sampler on {self.device}"
            )
        key, chains = self.noise.key(), len(clamped)
        states = clamped.new_empty(chains, self.graph.n_nodes)
        if not chains:
            return states
        lanes = self.lanes or fitting_lanes(chains, self._kernels.multiprocessors)
        first = self.noise.first(chains)
        tiles = -(-(first % lanes + chains) // lanes)
        weight = self._columns.weights(problem.coupling)
        bias = spread_biases(problem.bias, first % lanes, tiles * lanes)
        self._columns.check_fields(weight, bias)
        tensors = (
            *(self._columns.entries(weight), self._columns.column, self._columns.ends, bias),
            *(None if start is None else start.contiguous(), clamped.contiguous(), states),
        )
        numbers = (
            *map(np.int64, (chains, first)),
            *map(np.int32, (states.shape[1], clamped.shape[1], len(self.graph.sizes))),
            np.int32(len(bias) > 1),
            *map(np.uint32, (key & 0xFFFFFFFF, key >> 32, sweeps)),
        )
        grid = Grid(lanes, tiles, threads_of(self.graph), 4 * self.graph.n_nodes)
        self._kernels.launch(grid, (*map(_address, tensors), *numbers))
        return states

    def _load_kernels(self, device: torch.device) -> Any:
        return CupyKernels(device)


class CupyKernels:
    """The kernels for one GPU, each compiled by NVRTC when it is first launched.

    Attributes:
        device: the GPU with its number.
        multiprocessors: how many it has.
        shared_bytes: shared memory that a block can have.
    """

    def __init__(self, device: torch.device) -> None:
        if device.type != "cuda":
            raise SamplerError("the CUDA sampler runs on a CUDA device only")
        self._cupy = require("cupy", "cuda")
        number = torch.cuda.current_device() if device.index is None else device.index
        self.device = torch.device("cuda", number)
        attributes = self._cupy.cuda.Device(number).attributes
        self.multiprocessors = attributes["MultiProcessorCount"]
        self.shared_bytes = attributes["MaxSharedMemoryPerBlockOptin"]
        self._made: dict[int, Any] = {}

    def launch(self, grid: Grid, arguments: tuple[np.generic, ...]) -> None:
        """Sweep all tiles, on torch's current stream."""
        with self._cupy.cuda.Device(self.device.index), self._stream():
            if grid.lanes not in self._made:
                self._made[grid.lanes] = self._make(grid.lanes)
            kernel = self._made[grid.lanes]
            kernel((grid.tiles,), (grid.threads,), arguments, shared_mem=grid.shared)

    def _stream(self) -> Any:
        handle = torch.cuda.current_stream(self.device).cuda_stream
        cuda = self._cupy.cuda
        if hasattr(cuda.Stream, "from_external"):
            return cuda.Stream.from_external(_Handle(handle))
        return cuda.ExternalStream(handle, self.device.index)  # CuPy before 14

    def _make(self, lanes: int) -> Any:
        options = ("--std=c++17", "--use_fast_math", *definitions(lanes))
        module = self._cupy.RawModule(code=SOURCE.read_text("utf-8"), options=options)
        kernel = module.get_function("sweep_chains")
        kernel.max_dynamic_shared_size_bytes = self.shared_bytes
        return kernel


class _Handle(NamedTuple):
    """A stream under CUDA's stream protocol, which not every torch follows."""

    address: int

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.address


def definitions(lanes: int) -> tuple[str, str]:
    """Say to a compiler what the kernel's text leaves open."""
    return f"-DLANES={lanes}", f"-DMOST_THREADS={MOST_THREADS}"


def fitting_lanes(chains: int, multiprocessors: int) -> int:
    """Choose the largest tiles that keep all multiprocessors busy, or the smallest."""
    enough = (lanes for lanes in LANES if chains >= lanes * TILES * multiprocessors)
    return next(enough, LANES[-1])


def threads_of(graph: PartiteGraph) -> int:
    """Count the full warps that draw the largest partition in as few rounds as possible."""
    largest = max(graph.sizes[1:])
    rounds = -(-largest // MOST_THREADS)
    return 32 * -(-largest // (32 * rounds))


def _address(tensor: Tensor | None) -> np.uint64:
    return np.uint64(0 if tensor is None else tensor.data_ptr())
