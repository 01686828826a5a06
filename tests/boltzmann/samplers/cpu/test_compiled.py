"""The compiled sampler against plain numpy, bit by bit, whatever threads, tiles or masks."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from numba import njit, prange

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import FourPartiteGraph, PartiteGraph
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.neighbours import Neighbours
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.cpu import compiled, fixed_point, lanes
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs, pack, seed_streams, unpack
from calo4pqvae.boltzmann.samplers.cpu.fixed_point import (
    ARITHMETIC,
    EXACT_SCALE,
    round_problem,
)
from calo4pqvae.boltzmann.samplers.cpu.kernel import round_biases
from calo4pqvae.boltzmann.samplers.cpu.lanes import LANES
from calo4pqvae.errors import SamplerError
from calo4pqvae.testing import ConformanceError, check_sampler

U64 = np.uint64


def rotated(x, k):
    return (x << np.uint32(k)) | (x >> np.uint32(32 - k))


class PlainStreams:
    """xoshiro128++ written once more, one generator for each pair of chains."""

    def __init__(self, key, tile, tiles):
        words = seed_streams(key, tile, tiles).reshape(tiles, 4, LANES // 2)
        self.s = [words[:, k].reshape(-1).copy() for k in range(4)]

    def draw(self):
        s0, s1, s2, s3 = self.s
        word = rotated(s0 + s3, 7) + s0
        t = s1 << np.uint32(9)
        s2, s3 = s2 ^ s0, s3 ^ s1
        s1, s0 = s1 ^ s2, s0 ^ s3
        self.s = [s0, s1, s2 ^ t, rotated(s3, 11)]
        return np.stack([word & np.uint32(0xFFFF), word >> np.uint32(16)], 1).reshape(-1)


def plain_gibbs(problem, clamped, sweeps, start, key, first):
    """One node after the other in double precision, with the kernel's random numbers."""
    n0, chains = clamped.shape[1], len(clamped)
    state = torch.cat([clamped, start[:, n0:]], 1).numpy().astype(float)
    i, j = problem.graph.edges.numpy()
    matrix = np.zeros((problem.graph.n_nodes,) * 2)
    matrix[i, j] = matrix[j, i] = (
        np.rint(problem.coupling.double().numpy() * EXACT_SCALE) / EXACT_SCALE
    )
    bias = np.rint(problem.bias.double().numpy() * EXACT_SCALE) / EXACT_SCALE
    chain = np.arange(first, first + chains, dtype=np.uint64)
    tile = first // LANES
    streams = PlainStreams(key, tile, (first + chains - 1) // LANES - tile + 1)
    mix = compiled._mix
    for sweep in range(sweeps):
        moment = mix(np.array([key + sweep], U64))
        for node in range(n0, problem.graph.n_nodes):
            upper = streams.draw()[first % LANES :][:chains]
            lower = mix(mix(moment ^ U64(node)) ^ chain) >> U64(11)
            u = (upper + lower * 2.0**-53) * 2.0**-16
            field = state @ matrix[node] + np.broadcast_to(bias, (chains, len(matrix)))[:, node]
            with np.errstate(over="ignore"):
                state[:, node] = u * (1 + np.exp(-field)) < 1
    return torch.from_numpy(state > 0.5)


def random_problem(graph, scale, rows, seed=0, dtype=torch.float32):
    """Normal couplings, and biases that balance them up to normal deviations."""
    generator = torch.Generator().manual_seed(seed)
    coupling = scale * torch.randn(graph.n_edges, generator=generator, dtype=dtype)
    bias = scale * torch.randn(rows, graph.n_nodes, generator=generator, dtype=dtype)
    bias -= bias.new_zeros(graph.n_nodes).index_add(
        0, graph.edges.flatten(), coupling.repeat(2) / 2
    )
    return BoltzmannProblem(graph, bias, coupling)


def request(graph, chains, seed=0):
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(chains, graph.n_nodes, generator=generator) < 0.5
    return torch.rand(chains, graph.sizes[0], generator=generator) < 0.5, start


UNEVEN = FourPartiteGraph(
    (2, 1, 40, 3),
    torch.tensor(
        [[0, i] for i in range(3, 43)] + [[i, 44] for i in range(2, 43)]
    ).T.contiguous(),
    torch.arange(46),
)
GRAPHS = {
    "zephyr": zephyr(30),
    "complete": FourPartiteGraph.complete((5, 7, 9, 11)),
    "two partitions": PartiteGraph.complete((0, 12)),
    "six partitions": PartiteGraph.complete((2, 5, 1, 0, 4, 6)),
    "uneven": UNEVEN,
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("scale", [0.0, 1e-3, 0.3, 3.0, 40.0, 1000.0, 30000.0])
def test_every_bit_is_that_of_plain_double_precision(name, scale):
    graph = GRAPHS[name]
    for chains, rows, rank in ((1, 1, 0), (150, 1, 0), (150, 150, 3)):
        problem = random_problem(graph, scale, rows)
        clamped, start = request(graph, chains)
        noise = SharedNoise(5, rank=rank, world_size=4)
        got = CompiledGibbs(graph, noise).sample(problem, clamped, 12, start)
        key = SharedNoise(5).key()
        wanted = plain_gibbs(problem, clamped, 12, start, key, rank * chains)
        assert torch.equal(got, wanted)


def test_ambiguous_comparisons_are_rare_but_happen_and_matter(monkeypatch):
    """With the bound of the rounding taken away, some bits are wrong: the twin fails."""
    graph = zephyr(30)
    problem = random_problem(graph, 1.0, 1)
    clamped, start = request(graph, 2000)
    sampler = CompiledGibbs(graph, SharedNoise(5))
    right = sampler.sample(problem, clamped, 30, start)
    rate = sampler.ambiguous / (30 * 90 * 2000)
    assert 1e-5 < rate < 3e-3
    trusting = round_problem

    def careless(*given):
        fixed, one = trusting(*given), np.array([1, 1, 0, 0], np.uint16)
        return fixed._replace(limits=fixed.limits * one + np.array([0, 0, 15, 0], np.uint16))

    monkeypatch.setattr(compiled, "round_problem", careless)
    wrong = CompiledGibbs(graph, SharedNoise(5)).sample(problem, clamped, 30, start)
    assert not torch.equal(right, wrong)


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_threads_change_nothing(threads):
    graph = zephyr(12)
    problem = random_problem(graph, 1.0, 500)
    clamped, start = request(graph, 500)
    one = CompiledGibbs(graph, SharedNoise(1), 1).sample(problem, clamped, 5, start)
    many = CompiledGibbs(graph, SharedNoise(1), threads).sample(problem, clamped, 5, start)
    assert torch.equal(one, many)


@pytest.mark.parametrize("share", [1, 7, 64, 129, 300])
def test_a_chain_does_not_notice_how_many_run_with_it(share):
    graph = zephyr(12)
    world_size, n = 3, 3 * share
    problem = random_problem(graph, 1.0, n)
    clamped, _ = request(graph, n)
    together = CompiledGibbs(graph, SharedNoise(1)).sample(problem, clamped, 5)
    for rank in range(world_size):
        mine = slice(rank * share, (rank + 1) * share)
        part = BoltzmannProblem(graph, problem.bias[mine], problem.coupling)
        sampler = CompiledGibbs(graph, SharedNoise(1, rank=rank, world_size=world_size))
        assert torch.equal(sampler.sample(part, clamped[mine], 5), together[mine])


@pytest.mark.parametrize(("chains", "lead"), [(1, 0), (128, 0), (129, 0), (5, 127), (300, 60)])
def test_packing_is_undone_by_unpacking(chains, lead):
    states = np.random.default_rng(0).random((chains, 11)) < 0.5
    tiles = pack(states, lead)
    assert tiles.shape == (-(-(chains + lead) // LANES), 11 * LANES // 32)
    assert np.array_equal(unpack(tiles, lead, chains), states)
    assert np.unpackbits(np.ascontiguousarray(tiles).view(np.uint8)).sum() == states.sum()


def test_streams_of_a_tile_do_not_depend_on_the_tiles_before_it():
    everything = seed_streams(17, 0, 9)
    assert np.array_equal(seed_streams(17, 4, 3), everything[4:7])
    assert len(np.unique(everything)) == everything.size
    assert not np.isin(seed_streams(18, 0, 9), everything).any()


@njit(parallel=True)
def largest_miss(power_of):  # pragma: no cover - compiled
    """Largest |u - threshold| at which the kernel's comparison can be wrong, for each field."""
    worst = np.zeros(65536, np.int64)
    for size in prange(65536):
        e = 2.0 ** (-np.float64(size) / 4096)
        probability = 65536 * e / (1 + e)
        for u in range(65536):
            missed = (power_of[size] * (65535 - u)) >> 16
            sure = u + 1 <= probability if u < missed else u >= probability
            if not sure:
                worst[size] = max(worst[size], abs(u - missed))
    return worst


def test_every_field_and_every_random_number_is_within_the_stated_error():
    size = np.arange(65536)
    x = (size << 4) & 0xFFFF
    slope = 45337 - ((x * (15195 - ((x * 2630) >> 16))) >> 16)
    power = (65535 - ((x * slope) >> 16)) >> (size >> 12)
    assert 0 < largest_miss(power).max() < ARITHMETIC


def test_the_bound_of_the_rounding_holds_for_every_state_of_the_neighbours():
    graph = FourPartiteGraph.complete((3, 3, 3, 3))
    problem = random_problem(graph, 2.0, 1, dtype=torch.float64)
    neighbours, bias = Neighbours.of(graph), problem.bias.numpy()
    fixed = round_problem(neighbours, problem.coupling.numpy(), bias[0], bias[0])
    unit = fixed_point.UNIT * 2.0 ** fixed.limits[:, 0]
    rounded_bias = round_biases(bias, unit, 0, 0).view(np.int16)
    states = (np.arange(512)[:, None] >> np.arange(9)) & 1
    for node in range(graph.n_nodes):
        entries = slice(*fixed.first[node : node + 2])
        exact = bias[0, node] + states @ (fixed.exact[entries] / EXACT_SCALE)
        rounded = rounded_bias[node] + states @ fixed.weight[entries].view(np.int16).astype(int)
        bound = 2.0 ** -float(fixed.limits[node, 2]) / 1.25
        assert np.abs(rounded).max() <= 32767
        assert np.abs(rounded * unit[node] - exact).max() <= bound


@pytest.mark.parametrize(("load", "store"), [("whole", "packed"), ("unpacked", "whole")])
def test_both_kinds_of_masks_are_the_same(load, store):
    load_mask = getattr(lanes, f"load_{load}_mask")
    store_mask = getattr(lanes, f"store_{store}_mask")

    @njit
    def copied(words, out):
        store_mask(out, np.uint64(0), load_mask(words, np.uint64(0)))

    words = np.random.default_rng(0).integers(0, 2**32, LANES // 32, dtype=np.uint32)
    out = np.zeros_like(words)
    copied(words, out)
    assert np.array_equal(out, words)


OTHER_PROCESSOR = """
import torch
from calo4pqvae.boltzmann.lattices import zephyr
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.samplers.cpu import lanes
lanes.load_mask, lanes.store_mask = lanes.load_unpacked_mask, lanes.store_packed_mask
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs
graph = zephyr(12)
coupling = torch.linspace(-1, 1, graph.n_edges)
problem = BoltzmannProblem(graph, torch.zeros(1, 48), coupling)
states = CompiledGibbs(graph, SharedNoise(1)).sample(problem, torch.zeros(200, 12).bool(), 9)
print("".join(str(int(bit)) for bit in states.flatten()))
"""


def test_a_processor_without_wide_vectors_draws_the_same(tmp_path):
    seen = []
    for name in ("x86-64-v3", ""):
        environment = {"NUMBA_CACHE_DIR": str(tmp_path / name), "OMP_NUM_THREADS": "1"}
        if name:
            environment |= {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ""}
        done = subprocess.run(
            [sys.executable, "-c", OTHER_PROCESSOR],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        seen.append(done.stdout)
    assert seen[0] == seen[1]
    assert 1000 < seen[0].count("1") < 8600


WITHOUT_CACHE = """
from numba.core import caching
caching.CacheImpl._locator_classes = []
from calo4pqvae.boltzmann.samplers.cpu import kernel
import numpy as np
print(kernel.mix(np.uint64(1)))
"""


def test_the_kernel_runs_where_no_cache_can_be_written():
    command = [sys.executable, "-c", WITHOUT_CACHE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == int(compiled._mix(np.array([1], U64))[0])


def test_fields_beyond_64_bits_are_refused():
    graph = zephyr(3)
    problem = BoltzmannProblem(graph, torch.full((1, 12), 1e8), torch.zeros(graph.n_edges))
    with pytest.raises(SamplerError, match=r"field of node 0 can be 1e\+08 nats"):
        CompiledGibbs(graph, SharedNoise(0)).sample(problem, torch.zeros(2, 3).bool(), 1)


def test_impossible_threads_are_refused():
    with pytest.raises(SamplerError, match="at least 1 thread"):
        CompiledGibbs(zephyr(3), SharedNoise(0), 0)


def make(graph, seed):
    return CompiledGibbs(graph, SharedNoise(seed))


TWINS = {
    "couplings rounded to halves of a nat": (
        "round_problem",
        lambda given: lambda nb, w, *b: given(nb, np.round(2 * w) / 2, *b),
    ),
    "all tiles with the numbers of the first": (
        "seed_streams",
        lambda given: lambda key, tile, tiles: np.tile(given(key, tile, 1), (tiles, 1)),
    ),
    "every call with the same key": (
        "seed_streams",
        lambda given: lambda _, tile, tiles: given(1, tile, tiles),
    ),
    "biases of the next node": (
        "round_biases",
        lambda given: lambda bias, *more: given(np.roll(bias, 1, axis=1), *more),
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_wrong_twins_of_the_kernel_are_refused(name, monkeypatch):
    attribute, spoil = TWINS[name]
    monkeypatch.setattr(compiled, attribute, spoil(getattr(compiled, attribute)))
    with pytest.raises(ConformanceError):
        check_sampler(make)
