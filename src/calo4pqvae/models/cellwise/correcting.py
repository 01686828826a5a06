"""Steps of the corrections of draws, from what is counted in draws and in Geant4's showers."""

import numpy as np
import torch

from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.counting import Counts, Remainders, SortedHits

__all__ = ["correct_energies", "correct_last", "correct_levels", "correct_scores"]

STEP, STEP_OF_BONDS, STEP_OF_ENERGIES = 0.8, 0.4, 0.5
"""Shares of a correction that are made in a round: what one moves, others feel."""

ASSUMED, FEW, FEWEST = 20, 5, 200
"""Hits that are taken for right beside those counted, and pairs that are far; hits that a table
of energies needs."""

LEAST_FREE, LARGEST = 0.2, 0.3
"""Free share of a ring that its correction counts on; largest step of a score."""

FARTHEST = 0.5
"""What a logarithmic energy is moved by at most."""

LEAST_STEP = 1e-4
"""Between two quantiles of what is left for the last hit."""

_EDGES = (
    *(0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4),
    *(0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.96, 0.98, 0.99, 0.995, 0.998),
)
"""Quantiles of real energies between which they are counted."""


def correct_scores(tables: DrawCorrections, wanted: Counts, drawn: Counts) -> None:
    """Move scores of rings, and weights of hits beside and far, by what their hits are off."""
    scale = (wanted.layers / drawn.layers.clamp(min=1))[..., None]
    rings = torch.log((wanted.rings + ASSUMED) / (drawn.rings * scale + ASSUMED))
    bonds = torch.log((wanted.pairs + ASSUMED) / (drawn.pairs * scale + ASSUMED))
    far = (wanted.far + FEW) / (drawn.far * scale[..., None] + FEW)
    full = wanted.rings / (wanted.layers[:, None] * tables.n_alpha).clamp(min=1)
    rings = rings / (1 - full).clamp(min=LEAST_FREE)
    weight = wanted.rings / wanted.rings.sum(dim=-1, keepdim=True).clamp(min=1)
    rings = rings - (rings * weight).sum(dim=-1, keepdim=True)
    tables.rings += (STEP * rings).float().clamp(-LARGEST, LARGEST)
    beside, before = (STEP_OF_BONDS * bonds).float().split(2, dim=1)
    tables.bonds += beside
    tables.depths += before
    tables.far += (STEP_OF_BONDS * far.log()).float()


def correct_last(tables: DrawCorrections, real: Remainders, drawn: Remainders) -> None:
    """Take quantiles of what is left for last hits from draws, and from Geant4."""
    for row in range(len(tables.last)):
        sides = [one.left[one.row == row] for one in (drawn, real)]
        if min(map(len, sides)) >= FEWEST:
            found = np.stack([np.quantile(side, tables.LAST) for side in sides])
            found += LEAST_STEP * np.arange(found.shape[1])  # quantiles must rise
            tables.last[row] = torch.from_numpy(found).float()


def correct_levels(tables: DrawCorrections, real: SortedHits, hits: SortedHits) -> None:
    """Weigh levels by how many real hits there are for each drawn one where they led to.

    Counted are energies of hits, and shares of their layers' energy: the largest hit of a
    layer is a matter of its share.
    """
    knots = tables.knots.numpy().astype(np.float64)
    flat = tables.levels.view(-1, len(knots))
    for row, level in enumerate(hits.levels):
        if min(len(real.rows[row]), len(level)) < FEWEST:
            continue
        ratio = _ratio(real.rows[row], hits.rows[row]) * _ratio(
            real.shares[row], hits.shares[row]
        )
        cell = np.clip(np.searchsorted(knots, level, side="right") - 1, 0, len(knots) - 2)
        sums, n = (np.bincount(cell, w, len(knots) - 1) for w in (ratio**0.5, None))
        weight = np.diff(flat[row].double().numpy())
        weight = weight * ((sums + ASSUMED) / (n + ASSUMED)) ** STEP
        shares = np.concatenate([[0.0], weight.cumsum() / weight.sum()])
        flat[row] = torch.from_numpy(shares).float()


def _ratio(true: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Give for each drawn number how many real ones there are where it lies."""
    edges = np.unique(np.quantile(true, _EDGES))
    place = np.searchsorted(edges, made)
    counted = np.bincount(np.searchsorted(edges, true), minlength=len(edges) + 1)
    share = np.bincount(place, minlength=len(edges) + 1) * (len(true) / len(made))
    return ((counted + ASSUMED / 4) / (share + ASSUMED / 4))[place]


def correct_energies(
    tables: DrawCorrections, real: SortedHits, hits: SortedHits, threshold: float
) -> None:
    """Move logarithmic energies of hits to those that as many real hits lie below."""
    grid = np.arange(tables.N_MOVES) * tables.SPACING
    n_rows, n_ranges = tables.moves.shape[:2]
    for row in range(n_rows):
        groups = slice(row * tables.GROUPS, (row + 1) * tables.GROUPS)
        sides = []
        for side in (real, hits):
            energy, ring = (np.concatenate(part[groups]) for part in (side.rows, side.rings))
            of = tables.range_of(torch.from_numpy(ring)).numpy()
            y = np.log(np.maximum(energy / threshold, 1.0))
            sides.append([np.sort(y[of == k]) for k in range(n_ranges)])
        for k, (true, made) in enumerate(zip(*sides, strict=True)):
            if min(len(true), len(made)) < FEWEST:
                continue
            moved = grid + tables.moves[row, k].double().numpy()
            part = np.searchsorted(made, moved) / len(made)
            inside = (part > FEW / len(made)) & (part < 1 - FEW / len(made))
            if not inside.any():
                continue
            step = np.quantile(true, part) - moved
            step = np.interp(grid, grid[inside], step[inside])
            moved = np.maximum.accumulate(moved + STEP_OF_ENERGIES * step)
            tables.moves[row, k] = torch.from_numpy(moved - grid).clamp(-FARTHEST, FARTHEST)
