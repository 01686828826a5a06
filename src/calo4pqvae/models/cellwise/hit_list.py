"""Hits of layers as lists: most cells are empty."""

from typing import NamedTuple

import numpy as np

__all__ = ["HitList"]


class HitList(NamedTuple):
    """The hits of a layer of some showers, in the order of drawing.

    Attributes:
        row_of: row of each shower, -1 if the layer is empty.
        starts: of the hits of each sector, and their end.
        rings: of the hits.
        scaled: their scaled logarithmic energies.
    """

    row_of: np.ndarray
    starts: np.ndarray
    rings: np.ndarray
    scaled: np.ndarray

    @classmethod
    def empty(cls, row_of: np.ndarray, rows: int, shape: tuple[int, int]) -> "HitList":
        """Give lists without hits, with room for all cells."""
        n_alpha, n_r = shape
        rings = np.empty((rows, n_alpha * n_r), dtype=np.int32)
        starts = np.zeros((rows, n_alpha + 1), dtype=np.int32)
        return cls(row_of, starts, rings, np.empty(rings.shape, dtype=np.float32))
