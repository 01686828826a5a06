"""Philox4x64-10 (Salmon et al., SC 2011) in compiled loops, as numpy's `Philox` counts it."""

from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled

__all__ = ["fill_uniform"]

_ROUNDS = 10
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_HALF, _LOW, _TOP = np.uint64(32), np.uint64(0xFFFFFFFF), np.uint64(8)


@compiled()
@no_type_check
def fill_uniform(seed, first, used, out):  # noqa: ANN001, ANN202
    """Fill rows with numbers in (0, 1), single precision, eight of each block of the generator.

    Arguments:
        seed: first word of the key.
        first: number of the first row; a row's number is the second word of its key.
        used: numbers of each row that come before.
        out: receives the numbers.
    """
    n = out.shape[1]
    for row in range(len(out)):
        at, index = -(used % 8), np.uint64(used // 8)
        number = first + np.uint64(row)
        while at < n:
            for word in _block(seed, number, index):
                for half in (word & _LOW, word >> _HALF):
                    if 0 <= at < n:
                        u = np.float32(half >> _TOP) * np.float32(2**-24)
                        out[row, at] = max(u, np.float32(2**-25))
                    at += 1
            index += np.uint64(1)


@compiled()
@no_type_check
def _block(k0, k1, index):  # noqa: ANN001, ANN202 - compiled
    c0, c1, c2, c3 = index + np.uint64(1), np.uint64(0), np.uint64(0), np.uint64(0)
    for _ in range(_ROUNDS):
        high0, high1 = _high(_M0, c0), _high(_M1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, _M1 * c2, high0 ^ c3 ^ k1, _M0 * c0
        k0 += _W0
        k1 += _W1
    return c0, c1, c2, c3


@compiled()
@no_type_check
def _high(a, b):  # noqa: ANN001, ANN202 - compiled
    """Give the upper half of a product; compilers know this form as one instruction."""
    low, high = a & _LOW, a >> _HALF
    one = high * (b & _LOW) + (low * (b & _LOW) >> _HALF)
    other = low * (b >> _HALF) + (one & _LOW)
    return high * (b >> _HALF) + (one >> _HALF) + (other >> _HALF)
