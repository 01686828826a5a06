"""Block Gibbs sampling by compiled code on all cores: the sampler of choice on a CPU."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Bool, UInt32, UInt64
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.neighbours import Neighbours
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import check_noise, check_request
from calo4pqvae.boltzmann.samplers.cpu.fixed_point import UNIT, round_problem
from calo4pqvae.boltzmann.samplers.cpu.kernel import WORDS, Tile, round_biases, sweep_tile
from calo4pqvae.boltzmann.samplers.cpu.lanes import LANES
from calo4pqvae.errors import SamplerError

__all__ = ["CompiledGibbs"]


class CompiledGibbs:
    r"""Draw chains with partition 0 clamped, billions of updates per second.

    One sweep draws the nodes of the other partitions in turn from
    $p(z_i = 1 | rest) = \sigma(b_i + \sum_j W_{ij} z_j)$, exactly; see `samplers.cpu.kernel`.
    A chain's random numbers depend on the seed, the call and the chain's own number, so that
    neither the number of threads nor that of the other chains changes it.

    Arguments:
        graph: nodes and couplers.
        noise: source of one key per call, and of the number of the first chain.
        threads: threads to use; as many as torch uses when absent.

    Attributes:
        ambiguous: updates of the last call whose comparison in 16 bits was ambiguous.

    Raises:
        SamplerError: the noise is not the CPU's, or there is not at least 1 thread.

    Example:
        >>> graph = zephyr(12).unclamped()
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 48), torch.ones(graph.n_edges))
        >>> sampler = CompiledGibbs(graph, SharedNoise(seed=1))
        >>> states = sampler.sample(problem, graph.nothing_clamped(1000), sweeps=20)
        >>> states.float().mean() > 0.9
        tensor(True)
    """

    numbers_chains = True

    def __init__(
        self, graph: PartiteGraph, noise: SharedNoise, threads: int | None = None
    ) -> None:
        check_noise(noise)
        if noise.generator.device.type != "cpu":
            raise SamplerError("the compiled sampler runs on the CPU only")
        if threads is not None and threads < 1:
            raise SamplerError(f"a sampler needs at least 1 thread, not {threads}")
        self.graph, self.noise, self.threads = graph, noise, threads
        self.device = noise.generator.device
        self.ambiguous = 0
        self._neighbours = Neighbours.of(graph)

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
            SamplerError: the request is one that `check_request` refuses.
        """
        check_request(problem, clamped, sweeps, start, self.graph)
        chains, n0 = clamped.shape
        key, first = self.noise.key(), self.noise.first(chains)
        if start is None:
            states = random_states(key, first, chains, self.graph.n_nodes)
        else:
            states = start.numpy().copy()
        states[:, :n0] = clamped.numpy()
        ends = np.cumsum(self.graph.sizes).astype(np.uint64)
        return torch.from_numpy(self.sweep(problem, states, sweeps, ends, key, first))

    def sweep(
        self,
        problem: BoltzmannProblem,
        states: Bool[np.ndarray, "chains nodes"],
        sweeps: int,
        ends: UInt64[np.ndarray, " partitions"],
        key: int,
        first: int = 0,
    ) -> Bool[np.ndarray, "chains nodes"]:
        """Sweep chains from given states; `sample` is this with partition 0 held.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            states: states to start from.
            sweeps: number of sweeps.
            ends: end of the nodes that are held, then of each partition that is drawn.
            key: key of the random numbers of this call.
            first: number of the first chain, counted over the whole job.
        """
        chains, lead = len(states), first % LANES
        tiles = pack(states, lead)
        streams = seed_streams(key, first // LANES, len(tiles))
        bias = np.ascontiguousarray(problem.bias.detach().numpy())
        fixed = round_problem(
            self._neighbours,
            problem.coupling.detach().numpy(),
            bias.min(axis=0),
            bias.max(axis=0),
        )
        unit = UNIT * 2.0 ** fixed.limits[:, 0]

        def run(number: int) -> int:
            at = number * LANES - lead
            row, begin, end = max(at, 0), max(-at, 0), min(chains - at, LANES)
            tile = Tile(row, begin, end, first + at, np.uint64(key))
            field = round_biases(bias, unit, *((row, begin) if len(bias) > 1 else (0, 0)))
            return sweep_tile(
                tiles[number], streams[number], tile, ends, sweeps, field, bias, fixed
            )

        self.ambiguous = sum(self._map(run, len(tiles)))
        return unpack(tiles, lead, chains)

    def _map(self, run: Callable[[int], int], n_tiles: int) -> list[int]:
        threads = min(self.threads or torch.get_num_threads(), n_tiles)
        if threads < 2:
            return [run(tile) for tile in range(n_tiles)]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(run, range(n_tiles)))


def pack(
    states: Bool[np.ndarray, "chains nodes"], lead: int
) -> UInt32[np.ndarray, "tiles words"]:
    """Turn states into words of 32 chains, the first chain `lead` lanes from the beginning."""
    chains, nodes = states.shape
    tiles = -(-(lead + chains) // LANES)
    lanes = np.zeros((nodes, tiles * LANES), np.bool_)
    lanes[:, lead : lead + chains] = states.T
    bits = np.packbits(lanes, axis=1, bitorder="little")
    words = bits.view("<u4").reshape(nodes, tiles, WORDS)
    return np.ascontiguousarray(words.swapaxes(0, 1)).reshape(tiles, -1)


def unpack(
    tiles: UInt32[np.ndarray, "tiles words"], lead: int, chains: int
) -> Bool[np.ndarray, "chains nodes"]:
    """Turn words of 32 chains into states."""
    words = tiles.reshape(len(tiles), -1, WORDS).swapaxes(0, 1)
    bits = np.ascontiguousarray(words).reshape(words.shape[0], -1).view(np.uint8)
    lanes = np.unpackbits(bits, axis=1, bitorder="little")
    # torch transposes bytes block by block, ten times as fast as numpy.
    states = torch.from_numpy(lanes[:, lead : lead + chains]).T.contiguous()
    return states.numpy().view(np.bool_)


def seed_streams(key: int, tile: int, tiles: int) -> UInt32[np.ndarray, "tiles words"]:
    """Seed the generators of tiles: four words for each pair of chains, from its number."""
    pair = np.arange(tile * LANES // 2, (tile + tiles) * LANES // 2, dtype=np.uint64)
    number = pair.reshape(tiles, 1, -1) * np.uint64(4) + np.arange(4, dtype=np.uint64)[:, None]
    hashed = _mix(_mix(number) ^ np.uint64(key))
    return (hashed >> np.uint64(32)).astype(np.uint32).reshape(tiles, -1)


def random_states(
    key: int, first: int, chains: int, nodes: int
) -> Bool[np.ndarray, "chains nodes"]:
    """Toss a coin for every node, from the key and the chain's number."""
    words = -(-nodes // 64)
    chain = np.arange(first, first + chains, dtype=np.uint64)[:, None]
    number = chain * np.uint64(words) + np.arange(words, dtype=np.uint64)
    hashed = _mix(_mix(number ^ np.uint64(1 << 63)) ^ np.uint64(key))
    return np.unpackbits(hashed.view(np.uint8), axis=1, count=nodes).view(np.bool_)


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
