r"""One tile of chains, swept by compiled code.

A tile is 128 chains side by side. Their states are one bit each, so that a node's state in all
chains is one mask, and adding a coupling to the fields is one masked addition for every 32 (or
16, or 8) chains. States of a tile stay in the nearest cache for all sweeps.

A node is up if u < $\sigma(f)$. The kernel compares in 16-bit integers, with f in fixed point.
Where that is ambiguous, a fallback compares again with the exact f and a u of 64 bits
(`fixed_point`). That makes 1 update in 1,000 or so slow, and every sample independent of how f
was rounded.

Random numbers are xoshiro128++ (Blackman and Vigna, ACM Trans. Math. Softw. 47, 2021), one
stream for each pair of chains; the fallback's lower bits are hashed from their place.
"""

from typing import NamedTuple, no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled
from calo4pqvae.boltzmann.samplers.cpu import lanes as v
from calo4pqvae.boltzmann.samplers.cpu.fixed_point import ARITHMETIC, EXACT_SCALE
from calo4pqvae.boltzmann.samplers.cpu.lanes import LANES

__all__ = ["WORDS", "Tile", "mix", "round_biases", "sweep_tile"]

WORDS = LANES // 32
"""Words of 32 bits that hold a node's states in one tile."""

NODES_PER_DRAW = 32
"""Nodes whose random numbers are drawn at once: 8 kB of them, a quarter of the first cache."""

_LANES, _WORDS, _HALF = np.uint64(LANES), np.uint64(WORDS), np.uint64(LANES // 2)
_ONE, _NONE = np.uint64(1), np.uint64(0)
_CHUNK = np.uint64(NODES_PER_DRAW)
_SHIFT, _CAP, _MARGIN, _WIDTH = (np.uint64(column) for column in range(4))


class Tile(NamedTuple):
    """Which chains a tile holds, and the key of their call.

    Attributes:
        row: row of the request that the first lane in use holds.
        begin: that lane.
        end: last lane in use, plus 1.
        number: number of the chain that lane 0 would hold, counted over the whole job.
        key: key of this call.
    """

    row: int
    begin: int
    end: int
    number: int
    key: np.uint64


class Scratch(NamedTuple):
    """What a tile works with, for `NODES_PER_DRAW` nodes at a time.

    Attributes:
        noise: 16 random bits of each node and lane.
        sums: field of each node and lane, in units.
        ambiguous: one bit for each node and lane whose comparison is ambiguous.
        nodes: numbers of the nodes that have such a bit.
    """

    noise: np.ndarray
    sums: np.ndarray
    ambiguous: np.ndarray
    nodes: np.ndarray


@compiled()
@no_type_check
def mix(z):
    """Scramble 64 bits (finaliser of SplitMix64)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled(inline="always")
@no_type_check
def draw(stream, noise, n):
    """Advance the streams of a tile and write n vectors of 16-bit numbers."""
    a, b = v.load32(stream, _NONE), v.load32(stream, _HALF)
    c, d = v.load32(stream, _LANES), v.load32(stream, _LANES + _HALF)
    for k in range(n):
        word = v.add32(v.rotate32(v.add32(a, d), 7), a)
        v.store16(noise, k * _LANES, v.halves(word))
        t = v.left32(b, 9)
        c, d = v.xor32(c, a), v.xor32(d, b)
        b, a = v.xor32(b, c), v.xor32(a, d)
        c, d = v.xor32(c, t), v.rotate32(d, 11)
    v.store32(stream, _NONE, a)
    v.store32(stream, _HALF, b)
    v.store32(stream, _LANES, c)
    v.store32(stream, _LANES + _HALF, d)


@compiled(inline="always")
@no_type_check
def flip_threshold(size, rest):
    """Compute 2^16 e (1 - u) for e = 2^(-size / 4096) and rest = 2^16 (1 - u).

    The likelier state is missed if that exceeds 2^16 u. 2^(-x) for x below 1 is a cubic
    polynomial with errors below 5 / 2^16.
    """
    x = v.left16(size, 4)
    slope = v.subtract16(v.equal_lanes(15195), v.product_high16(x, 2630))
    slope = v.subtract16(v.equal_lanes(45337), v.product_high16(x, slope))
    e = v.right16(v.not16(v.product_high16(x, slope)), v.right16(size, 12))
    return v.product_high16(e, rest)


@compiled()
@no_type_check
def is_up(state, i, lane, bias, fixed, u):
    """Decide about one node of one chain with the exact field."""
    field = np.int64(np.rint(bias * EXACT_SCALE))
    place, bit = np.uint64(lane >> 5), np.uint32(lane & 31)
    for entry in range(fixed.first[i], fixed.first[i + _ONE]):
        word = state[np.uint64(fixed.node[entry]) * _WORDS + place]
        field += fixed.exact[entry] & -np.int64((word >> bit) & np.uint32(1))
    return u * (1.0 + np.exp(-np.float64(field) / EXACT_SCALE)) < 1.0


@compiled()
@no_type_check
def fall_back(state, begin, found, scratch, tile, bias, fixed, moment):
    """Draw nodes anew, with 64 random bits, in chains whose comparison was ambiguous."""
    count = 0
    for place in range(found * _WORDS):
        k, word = np.uint64(scratch.nodes[place // _WORDS]), place % _WORDS
        i, left = begin + k, scratch.ambiguous[k * _WORDS + word]
        while left:
            bit = v.lowest_bit(left)
            left &= left - np.uint32(1)
            lane = np.int64(word * np.uint64(32) + bit)
            if not tile.begin <= lane < tile.end:
                continue
            count += 1
            upper = scratch.noise[k * _LANES + np.uint64(lane)]
            lower = mix(mix(moment ^ i) ^ np.uint64(tile.number + lane)) >> np.uint64(11)
            u = (np.float64(upper) + np.float64(lower) * 2.0**-53) * 2.0**-16
            row = tile.row + lane - tile.begin if bias.shape[0] > 1 else 0
            mask, where = np.uint32(1) << bit, i * _WORDS + word
            if is_up(state, i, lane, bias[row, i], fixed, u):
                state[where] |= mask
            else:
                state[where] &= ~mask
    return count


@compiled(inline="always")
@no_type_check
def add_up(state, begin, n, field, per_lane, fixed, sums):
    """Sum the fields of n nodes."""
    for k in range(n):
        i = begin + k
        x = v.load16(field, i * _LANES) if per_lane else v.equal_lanes(field[i])
        for entry in range(fixed.first[i], fixed.first[i + _ONE]):
            up = v.load_mask(state, np.uint64(fixed.node[entry]) * _WORDS)
            x = v.add_where(x, up, fixed.weight[entry])
        v.store16(sums, k * _LANES, x)


@compiled(inline="always")
@no_type_check
def compare(state, begin, n, limits, scratch):
    """Draw n nodes by their fields; list and mark those with an ambiguous comparison."""
    found = _NONE
    for k in range(n):
        i = begin + k
        x = v.load16(scratch.sums, k * _LANES)
        size = v.left16(v.least16(v.magnitude16(x), limits[i, _CAP]), limits[i, _SHIFT])
        rest = v.xor16(v.load16(scratch.noise, k * _LANES), v.sign16(x))
        missed, u = flip_threshold(size, rest), v.not16(rest)
        v.store_mask(state, i * _WORDS, v.xor_masks(v.below(u, missed), v.not_negative(x)))
        margin = v.add16(v.right16(missed, limits[i, _MARGIN]), ARITHMETIC)
        distance = v.add16(v.subtract16(u, missed), margin)
        width = v.most16(v.add16(margin, margin), limits[i, _WIDTH])
        ambiguous = v.at_most(distance, width)
        v.store_mask(scratch.ambiguous, k * _WORDS, ambiguous)
        scratch.nodes[found] = k
        found += np.uint64(v.any_lane(ambiguous))
    return found


@compiled()
@no_type_check
def round_biases(bias, unit, row, lane):
    """Round the biases of a tile's chains; chain `row` and its followers go to `lane` on.

    One row of biases becomes one number per node, many become one per node and lane.
    """
    rows, nodes = bias.shape
    width = 1 if rows == 1 else LANES
    field = np.zeros(nodes * width, np.uint16)
    used = min(rows - row, width - lane)
    for begin in range(0, nodes, 16):  # a block of both arrays stays in the first cache
        for k in range(used):
            for i in range(begin, min(begin + 16, nodes)):
                field[i * width + lane + k] = np.int64(np.rint(bias[row + k, i] / unit[i]))
    return field


@compiled()
@no_type_check
def sweep_tile(state, stream, tile, ends, sweeps, field, bias, fixed):
    """Sweep the partitions after the first in place, and count the ambiguous comparisons.

    Arguments:
        state: words of each node, node after node.
        stream: states of the random number generators.
        tile: the chains.
        ends: number of the last node of each partition, plus 1.
        sweeps: number of sweeps.
        field: biases in fixed point, one per node, or one per node and lane.
        bias: biases as given, of all chains or of each.
        fixed: the problem in fixed point.
    """
    per_lane = field.size > fixed.limits.shape[0]
    noise = np.empty(NODES_PER_DRAW * LANES, np.uint16)
    scratch = Scratch(
        noise,
        np.empty_like(noise),
        np.empty(NODES_PER_DRAW * WORDS, np.uint32),
        np.empty(NODES_PER_DRAW + 1, np.uint32),
    )
    count = 0
    for sweep in range(sweeps):
        moment = mix(tile.key + np.uint64(sweep))
        for partition in range(1, ends.size):
            for begin in range(ends[partition - 1], ends[partition], _CHUNK):
                n = min(_CHUNK, ends[partition] - begin)
                draw(stream, scratch.noise, n)
                add_up(state, begin, n, field, per_lane, fixed, scratch.sums)
                found = compare(state, begin, n, fixed.limits, scratch)
                if found:
                    count += fall_back(state, begin, found, scratch, tile, bias, fixed, moment)
    return count
