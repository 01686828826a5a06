"""Compiled loops that allocate the hits of a layer to its cells: see `Allocation`.

Cells come with their odds, e^score, in single precision: sums over all remaining cells are most
of the work, and they compile to vector instructions as long as no function is called there.
Sectors are in the order of drawing.
"""

import math
from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled
from calo4pqvae.models.cellwise.allocation import (
    COUNTED,
    FIRST_STEPS,
    LARGEST_SHIFT,
    LARGEST_STEP,
    LEAST_EXPECTED,
    LEAST_VARIANCE,
)
from calo4pqvae.models.cellwise.hit_list import HitList

__all__ = ["FARTHEST", "allocate", "allocate_back", "find_offsets"]

FARTHEST = 40.0
"""Largest score, and constant, either way: the odds of both together are finite."""

_LEAST_TAIL = 1e-30
_LEAST_RATIO, _LARGEST_RATIO = math.exp(-LARGEST_SHIFT), math.exp(LARGEST_SHIFT)


@compiled(error_model="numpy", fastmath={"reassoc", "contract"})
@no_type_check
def _expected(odds, factor):  # noqa: ANN001, ANN202 - compiled
    """Add up p and p (1 - p) of cells with these odds, times a factor that all share."""
    one, total, spread = np.float32(1), np.float32(0), np.float32(0)
    for k in range(len(odds)):
        x = odds[k] * factor
        rest = one / (one + x)
        p = x * rest
        total += p
        spread += p * rest
    return total, spread


@compiled()
@no_type_check
def _settled(odds, some, constant, steps):  # noqa: ANN001, ANN202 - compiled
    """Move the constant until the remaining cells expect so many hits."""
    for _ in range(steps):
        total, spread = _expected(odds, _factor(constant))
        step = (some - total) / max(spread, LEAST_VARIANCE)
        constant += min(max(step, -LARGEST_STEP), LARGEST_STEP)
    return constant


@compiled()
@no_type_check
def _factor(constant):  # noqa: ANN001, ANN202 - compiled
    return np.float32(math.exp(min(max(constant, -FARTHEST), FARTHEST)))


@compiled()
@no_type_check
def _line_up(odds, past, first, rest):  # noqa: ANN001, ANN202 - compiled
    """Line up the odds of the cells of a stage, and of later ones from their past alone."""
    count, n_r = odds.shape
    for place in range(len(rest) // n_r):
        own = odds[place] if place < count else past[first + place]
        for r in range(n_r):
            rest[place * n_r + r] = own[r]


@compiled()
@no_type_check
def _shift(some, expected, places):  # noqa: ANN001, ANN202 - compiled
    """Give the factor of the odds between expected and actual hits, as a fraction.

    A division takes longer than all else that is done for a cell.
    """
    least = LEAST_EXPECTED
    over = max(some, least) * max(places - expected, least)
    under = max(expected, least) * max(places - some, least)
    return min(max(over, _LEAST_RATIO * under), _LARGEST_RATIO * under), under


@compiled()
@no_type_check
def _count_tails(mine, factor, n_r, some, tails):  # noqa: ANN001, ANN202 - compiled
    """Find the probability that the last cells of a layer have so many hits, up to `some`.

    Row j is of the cells after the first j, in the order of drawing: inwards in each sector.
    """
    last = len(mine)
    tails[last, : some + 1] = 0
    tails[last, 0] = 1
    for j in range(last - 1, -1, -1):
        x = float(mine[j // n_r * n_r + n_r - 1 - j % n_r] * factor)
        p = x / (1 + x)
        for m in range(some, 0, -1):
            tails[j, m] = p * tails[j + 1, m - 1] + (1 - p) * tails[j + 1, m]
        tails[j, 0] = (1 - p) * tails[j + 1, 0]


@compiled()
@no_type_check
def _counted(tails, j, some):  # noqa: ANN001, ANN202 - compiled
    """Give the factor of the odds of cell j when the cells after it are counted, a fraction."""
    with_hit = tails[j + 1, int(some) - 1] if some > 0.5 else 0.0
    return with_hit, tails[j + 1, int(some)]


@compiled()
@no_type_check
def _tell(rest, far, sectors, first, count, k, r):  # noqa: ANN001, ANN202 - compiled
    """Tell later sectors of a stage of a hit: change the odds of cells in its ring."""
    n_alpha, n_r = len(sectors), len(rest) // (len(sectors) - first)
    for later in range(k + 1, count):
        apart = abs(sectors[first + later] - sectors[first + k])
        shift = far[min(r, len(far) - 1), min(apart, n_alpha - apart) - 1]
        rest[later * n_r + r] *= np.float32(math.exp(shift))


@compiled(error_model="numpy")
@no_type_check
def allocate(  # noqa: ANN201
    odds, past, uniforms, non_empty, far, sectors, first, c, n_left, hits, made: HitList,  # noqa: ANN001
):  # fmt: skip
    """Decide the cells of a stage one by one.

    Arguments:
        odds: of the stage's cells.
        past: odds of all cells from their past alone.
        uniforms: numbers in (0, 1) of all cells of all showers.
        non_empty: numbers of the showers.
        far: added to the score of a cell for each hit in its ring in an earlier sector of the
            stage, by group of rings and distance in sectors.
        sectors: numbers of all sectors.
        first: place of the stage's first sector.
        c: constant of each layer, changed in place.
        n_left: hits that are left in each layer, changed in place.
        hits: of all cells, receives those of the stage; 0 before.
        made: list of hits, receives those of the stage.
    """
    count, n_r = odds.shape[1], odds.shape[2]
    n_alpha = past.shape[1]
    own, rest = np.zeros(n_r), np.zeros((n_alpha - first) * n_r, dtype=np.float32)
    tails = np.zeros((COUNTED * n_r + 1, COUNTED * n_r + 1))
    for n in range(len(odds)):
        some, constant, places = float(n_left[n]), float(c[n]), (n_alpha - first) * n_r
        if some <= 0:
            continue
        _line_up(odds[n], past[n], first, rest)
        b, number = non_empty[n], made.starts[n, first]
        for k in range(count):
            mine = rest[k * n_r :]
            constant = _settled(mine, some, constant, FIRST_STEPS if k == 0 else 1)
            factor = _factor(constant)
            for r in range(n_r):
                x = float(mine[r] * factor)
                own[r] = x / (1 + x)
            expected, counted = some, n_alpha - first - k <= COUNTED
            if counted:
                _count_tails(mine, factor, n_r, int(some), tails)
            for r in range(n_r - 1, -1, -1):
                over, under = _shift(some, expected, places)
                if counted:
                    over, under = _counted(tails, n_r - 1 - r, some)
                u = float(uniforms[b, (first + k) * n_r + r])
                wanted = own[r] * over * u > (1 - own[r]) * under * (1 - u)
                if (wanted and some > 0) or some >= places:
                    hits[n, first + k, r], made.rings[n, number] = 1, r
                    number += 1
                    some -= 1
                    _tell(rest, far[n], sectors, first, count, k, r)
                places -= 1
                expected -= own[r]
            made.starts[n, first + k + 1 :] = number
            if some <= 0:
                break
        c[n], n_left[n] = constant, some


@compiled(error_model="numpy")
@no_type_check
def find_offsets(odds, past, first, c, n_left, hits, made, constants):  # noqa: ANN001, ANN201
    """Give the constant c of each cell of a stage whose hits are known.

    Arguments:
        odds: of the stage's cells.
        past: odds of all cells from their past alone.
        first: place of the stage's first sector.
        c: constant of each layer, changed in place.
        n_left: hits that are left in each layer, changed in place.
        hits: of the stage's cells.
        made: receives c of each cell.
        constants: receives c as each sector finds it.
    """
    count, n_r = odds.shape[1], odds.shape[2]
    n_alpha = past.shape[1]
    rest = np.zeros((n_alpha - first) * n_r, dtype=np.float32)
    tails = np.zeros((COUNTED * n_r + 1, COUNTED * n_r + 1))
    for n in range(len(odds)):
        some, constant, places = float(n_left[n]), float(c[n]), (n_alpha - first) * n_r
        _line_up(odds[n], past[n], first, rest)
        for k in range(count):
            mine = rest[k * n_r :]
            constant = _settled(mine, some, constant, FIRST_STEPS if k == 0 else 1)
            constants[n, k], factor = constant, _factor(constant)
            expected, counted = some, n_alpha - first - k <= COUNTED
            if counted:
                _count_tails(mine, factor, n_r, int(some), tails)
            for r in range(n_r - 1, -1, -1):
                over, under = _shift(some, expected, places)
                if counted:
                    over, under = _counted(tails, n_r - 1 - r, some)
                    over, under = max(over, _LEAST_TAIL), max(under, _LEAST_TAIL)
                made[n, k, r] = constant + math.log(over / under)
                some -= hits[n, k, r]
                places -= 1
                x = float(mine[r] * factor)
                expected -= x / (1 + x)
        c[n], n_left[n] = constant, some


@compiled()
@no_type_check
def allocate_back(scores, past, first, constants, steep, of_scores, of_past):  # noqa: ANN001, ANN201, PLR0912
    """Carry gradients of the constants of cells back to the scores that decide them.

    Where the Newton steps have arrived, c moves by -w / V when a score of a remaining cell
    moves by 1, with w = q (1 - q) and V their sum; a cell that is decided has no more say.
    Cells whose successors are counted pass nothing back: each of their terms has mean zero.

    `steep` are gradients with respect to the constant of each cell; `of_scores` and `of_past`
    receive those that are wanted.
    """
    count, n_r = scores.shape[1], scores.shape[2]
    n_alpha = past.shape[1]
    w, own = np.zeros((n_alpha, n_r)), np.zeros(n_r)
    for n in range(len(scores)):
        for k in range(min(count, n_alpha - first - COUNTED)):
            constant, spread = constants[n, k], 0.0
            for place in range(k, count):
                for r in range(n_r):
                    q = 1 / (1 + math.exp(-(scores[n, place, r] + constant)))
                    w[place, r] = q * (1 - q)
                    spread += w[place, r]
            for place in range(first + count, n_alpha):
                for r in range(n_r):
                    q = 1 / (1 + math.exp(-(past[n, place, r] + constant)))
                    w[place, r] = q * (1 - q)
                    spread += w[place, r]
            spread = max(spread, LEAST_VARIANCE)
            slope, decided, rest = 0.0, 0.0, spread
            for r in range(n_r - 1, -1, -1):
                slope += steep[n, k, r] * (1 + decided / rest)
                decided += w[k, r]
                rest = max(rest - w[k, r], LEAST_VARIANCE)
            slope /= spread
            for place in range(k, count):
                for r in range(n_r):
                    of_scores[n, place, r] -= w[place, r] * slope
            for place in range(first + count, n_alpha):
                for r in range(n_r):
                    of_past[n, place, r] -= w[place, r] * slope
            later, rest = 0.0, spread
            for r in range(n_r - 1, 0, -1):
                rest = max(rest - w[k, r], LEAST_VARIANCE)
                own[r] = rest
            for r in range(n_r):
                of_scores[n, k, r] += w[k, r] * later
                later += steep[n, k, r] / (own[r + 1] if r + 1 < n_r else spread)
