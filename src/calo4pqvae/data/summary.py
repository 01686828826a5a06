"""The plainest figures of a shower file, from one pass over it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from calo4pqvae.data.shower_file import ShowerFile

__all__ = ["Summary", "summarise"]


class Summary(NamedTuple):
    """Figures over all showers of a file.

    Attributes:
        lowest, highest: incident energies [MeV].
        response: mean of deposited over incident energy.
        sparsity: share of voxels without energy.
        hits: voxels with energy.
        smallest: least energy of a hit [MeV]; infinite without any.
        faint: hits below the readout threshold.
    """

    lowest: float
    highest: float
    response: float
    sparsity: float
    hits: int
    smallest: float
    faint: int


def summarise(file: ShowerFile, on_showers: Callable[[int], None] = lambda _: None) -> Summary:
    """Read a file once, in chunks.

    Arguments:
        file: the showers.
        on_showers: told the number of showers of each chunk.

    Raises:
        ShowerFileError: an energy is no energy.
    """
    e_inc = file.e_inc()
    response, hits, faint, smallest = 0.0, 0, 0, np.inf
    for energies, showers in file.chunks():
        response += float((showers.sum(1, dtype=np.float64) / energies[:, 0]).sum())
        hits += int(np.count_nonzero(showers))
        smallest = min(smallest, float(showers.min(initial=np.inf, where=showers > 0)))
        faint += int(np.count_nonzero((showers > 0) & (showers < file.geometry.threshold)))
        on_showers(len(showers))
    n_voxels = len(file) * file.geometry.n_voxels
    return Summary(
        *(float(e_inc.min()), float(e_inc.max()), response / len(file)),
        *(1 - hits / n_voxels, hits, smallest, faint),
    )
