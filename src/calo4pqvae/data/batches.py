"""Feed a training loop: shuffled batches that are the same on every run and every rank."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ConfigError, GeometryError

__all__ = ["Batch", "ShowerBatches"]

BLOCK = 256
PIECE = 2048


@dataclass(frozen=True, eq=False)
class Batch:
    """Some showers with their incident energies, and where they come from.

    Arguments:
        e_inc: incident energies [MeV], float32.
        showers: voxel energies [MeV], float32.
        rows: row numbers over the concatenated files, int64.
    """

    e_inc: Float[np.ndarray, "batch 1"]
    showers: Float[np.ndarray, "batch voxels"]
    rows: Int[np.ndarray, " batch"]


class ShowerBatches:
    """Shuffled batches of some rows of one or more shower files.

    Up to `buffer` showers are held in memory. If all rows fit, the files are read once;
    otherwise blocks of 256 neighbouring rows are shuffled, the buffer is filled with such
    blocks, and its content is shuffled. The order of an epoch depends on the seed and the
    epoch's number only, for given rows, `batch_size` and `buffer`.

    Arguments:
        files: open shower files with the same number of voxels.
        rows: wanted row numbers, counted over all files, one after another.
        batch_size: showers in a batch, over all ranks.
        seed: seed of the order.
        buffer: most showers held in memory, at least one batch.

    Raises:
        ConfigError: there are fewer rows than a batch holds, or rows are repeated or do not
            exist.
        GeometryError: the files have different numbers of voxels.
    """

    def __init__(
        self,
        files: Sequence[ShowerFile],
        rows: Int[np.ndarray, " rows"],
        batch_size: int,
        seed: int,
        buffer: int = 65536,
    ) -> None:
        self._files = list(files)
        self._ends = np.cumsum([len(file) for file in files])
        self._rows = np.sort(rows).astype(np.int64)
        self.batch_size = batch_size
        self.seed = seed
        self._batches_in_buffer = max(1, buffer // max(1, batch_size))
        self._check()
        self._fits = len(rows) <= buffer
        self._kept: _Store | None = None

    @property
    def n_batches(self) -> int:
        """Number of whole batches in an epoch; the incomplete last one is left out."""
        return len(self._rows) // self.batch_size

    def epoch(
        self, number: int, start: int = 0, rank: int = 0, world_size: int = 1
    ) -> Iterator[Batch]:
        """Yield the batches of one epoch.

        Arguments:
            number: the epoch, from 0; each has its own order.
            start: batches to skip, unread; the others are the same as without skipping.
            rank: which of `world_size` equal, contiguous slices of every batch to yield.
            world_size: number of ranks that share each batch.

        Raises:
            ConfigError: the batch size is not divisible by `world_size`.
        """
        if self.batch_size % world_size:
            raise ConfigError(
                f"a batch of {self.batch_size} showers cannot be shared by {world_size} ranks "
                f"equally; choose a batch size divisible by {world_size}"
            )
        batches = self._order(number).reshape(self.n_batches, world_size, -1)[:, rank]
        return self._batches(batches, start)

    def _batches(self, batches: Int[np.ndarray, "n share"], start: int) -> Iterator[Batch]:
        """Yield the batches from `start` on, one buffer after another."""
        step = len(batches) if self._fits else self._batches_in_buffer
        for first in range(start - start % step, len(batches), step):
            pending = batches[max(first, start) : first + step]
            store = self._store(pending)
            for rows in pending:
                yield store.take(rows)
            del store  # before the next buffer is read

    def _store(self, batches: Int[np.ndarray, "n share"]) -> "_Store":
        """Hold the showers of these batches; all showers, kept for good, if they fit."""
        if not self._fits:
            return self._read(np.sort(batches.ravel()))
        if self._kept is None:
            self._kept = self._read(self._rows)
        return self._kept

    def _order(self, number: int) -> Int[np.ndarray, " rows"]:
        """Rows of all whole batches of an epoch, in the order of that epoch."""
        random = np.random.default_rng([self.seed, number])
        blocks = np.split(self._rows, np.flatnonzero(np.diff(self._rows // BLOCK)) + 1)
        order = np.concatenate([blocks[i] for i in random.permutation(len(blocks))])
        step = len(order) if self._fits else self._batches_in_buffer * self.batch_size
        for first in range(0, len(order), step):
            random.shuffle(order[first : first + step])
        return order[: self.n_batches * self.batch_size]

    def _read(self, rows: Int[np.ndarray, " rows"]) -> "_Store":
        """Read rows in rising order, a piece at a time."""
        showers = np.empty((len(rows), self._files[0].geometry.n_voxels), dtype=np.float32)
        e_inc = np.empty((len(rows), 1), dtype=np.float32)
        starts = self._ends - [len(file) for file in self._files]
        cuts = np.searchsorted(rows, self._ends)
        for file, offset, low, high in zip(
            self._files, starts, np.r_[0, cuts[:-1]], cuts, strict=True
        ):
            for first in range(low, high, PIECE):
                here = slice(first, min(first + PIECE, high))
                e_inc[here] = file.e_inc(rows[here] - offset)
                showers[here] = file.showers(rows[here] - offset)
        return _Store(rows, e_inc, showers)

    def _check(self) -> None:
        """Refuse what cannot give a batch."""
        n_showers, rows = (self._ends[-1] if self._files else 0), self._rows
        if self.batch_size < 1 or len(rows) < self.batch_size:
            raise ConfigError(
                f"{len(rows)} showers do not fill one batch of {self.batch_size}; choose a "
                f"smaller batch size >= 1 or give more showers"
            )
        if rows[0] < 0 or rows[-1] >= n_showers or len(np.unique(rows)) < len(rows):
            raise ConfigError(
                f"the rows {rows[0]} to {rows[-1]} are repeated or lie outside the {n_showers} "
                f"showers of the files; use the split that was made for these files"
            )
        voxels = {file.geometry.n_voxels for file in self._files}
        if len(voxels) > 1:
            raise GeometryError(
                f"the shower files have {sorted(voxels)} voxels; train on files of one geometry"
            )


@dataclass(frozen=True, eq=False)
class _Store:
    """Showers in memory, found again by their row numbers, which rise."""

    rows: Int[np.ndarray, " rows"]
    e_inc: Float[np.ndarray, "rows 1"]
    showers: Float[np.ndarray, "rows voxels"]

    def take(self, rows: Int[np.ndarray, " batch"]) -> Batch:
        """Copy some rows into a batch, in the order asked for."""
        places = np.searchsorted(self.rows, rows)
        return Batch(self.e_inc[places], self.showers[places], rows)
