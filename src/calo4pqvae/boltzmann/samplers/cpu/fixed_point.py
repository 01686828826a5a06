r"""Biases and couplings as 16-bit integers, with a bound of what the rounding can change.

The field of a node, $f = b + \sum_j W_j z_j$, is summed in units of $2^s \ln 2 / 4096$, with s
so large that the sum fits into 16 bits for all states of the neighbours. The kernel then knows
$\log_2 e^{|f|}$ to a few parts in 4096. It compares a uniform number of 16 bits with
$\sigma(f)$; if the two are closer than the rounding bound, the comparison is ambiguous, and is
made again with the exact field and more random bits (the fallback). The samples are therefore
those of the problem as given, not of a rounded one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt16, UInt32

from calo4pqvae.boltzmann.neighbours import Neighbours
from calo4pqvae.errors import SamplerError

__all__ = ["FixedPoint", "round_problem"]

UNIT = np.log(2) / 4096
"""Fields are known in multiples of this [nats] where they are smaller than 5.5 nats, which is
what 15 bits of it hold."""

EXACT_SCALE = 2.0**40
"""The fallback sums fields in units of its inverse, as integers: no order of summation changes
them, and `LARGEST_FIELD` leaves them within 64 bits."""

LARGEST = 32767
"""Largest field in units: 16 bits with their sign."""

ARITHMETIC = 6
"""By so much, in 2^-16, the kernel can miss the sigmoid of a field that it knows exactly: less
than that, says a test of all fields with all random numbers."""

LARGEST_FIELD = 2.0**22
"""Problems with larger fields are refused: 64 bits would overflow [nats]."""

LARGEST_BOUND = 0.1
"""Fields whose rounding bound is larger always take the fallback [nats]. Up to here, 1.25 times
the bound covers what it does to $e^f$."""


class FixedPoint(NamedTuple):
    """What the kernel needs to know of a problem, apart from its biases.

    Attributes:
        first: first entry of each node, and the number of all entries.
        node: neighbour of each entry.
        exact: coupling of each entry, times `EXACT_SCALE`.
        weight: the same in units of the first node.
        limits: of each node its shift s; the largest field, in units, that is still told
            apart; the m of $2^{-m}$, at least 1.25 times the rounding bound of its field
            [nats]; and 65535 if every comparison counts as ambiguous, otherwise 0.
    """

    first: UInt32[np.ndarray, " starts"]
    node: UInt32[np.ndarray, " entries"]
    exact: Int[np.ndarray, " entries"]
    weight: UInt16[np.ndarray, " entries"]
    limits: UInt16[np.ndarray, "nodes 4"]


def round_problem(
    neighbours: Neighbours,
    coupling: Float[np.ndarray, " edges"],
    least: Float[np.ndarray, " nodes"],
    most: Float[np.ndarray, " nodes"],
) -> FixedPoint:
    """Round the couplings of a problem whose biases lie between `least` and `most`.

    Raises:
        SamplerError: a field can exceed `LARGEST_FIELD`.
    """
    given = coupling[neighbours.edge].astype(np.float64)
    highest = most + neighbours.sum(np.maximum(given, 0))
    lowest = least + neighbours.sum(np.minimum(given, 0))
    largest = np.maximum(highest, -lowest)
    if largest.max() > LARGEST_FIELD:
        raise SamplerError(
            f"the field of node {largest.argmax()} can be {largest.max():.3g} nats; "
            f"the sampler holds fields up to {LARGEST_FIELD:.3g}"
        )
    reach = largest / (LARGEST - neighbours.degree)
    shift = np.ceil(np.log2(np.maximum(reach / UNIT, 1))).clip(max=15)
    scaled = given / np.repeat(UNIT * 2**shift, neighbours.degree)
    weight = np.rint(scaled)
    bound = (neighbours.largest_sum(weight - scaled) + 0.5) * UNIT * 2**shift
    never = (bound > LARGEST_BOUND) | (reach > UNIT * 2**shift)
    margin = np.floor(-np.log2(1.25 * bound)).clip(0, 15)
    limits = np.stack([shift, 65535 // 2**shift, margin, 65535 * never], axis=1)
    return FixedPoint(
        first=neighbours.first,
        node=neighbours.node,
        exact=np.rint(given * EXACT_SCALE).astype(np.int64),
        weight=_sixteen_bits(weight),
        limits=_sixteen_bits(limits),
    )


def _sixteen_bits(whole: np.ndarray) -> np.ndarray:
    """Keep the lower 16 bits, in two's complement."""
    return (whole.astype(np.int64) & 0xFFFF).astype(np.uint16)
