"""Random numbers from one explicit source, which may be recorded and replayed.

`SharedNoise` does not depend on how many processes share the work: a draw is made for the whole
batch on every process, and each keeps its own rows. The same seed then gives the same showers
and the same gradients on one process or on many.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae.errors import SamplerError

__all__ = [
    "ChainNoise",
    "RandomSource",
    "Recorder",
    "Replay",
    "RowNoise",
    "SharedNoise",
    "derive_seed",
]


class RandomSource(ABC):
    """Where a model takes its random numbers from: uniform ones, asked for in a fixed order."""

    @abstractmethod
    def uniform(self, rows: int, *shape: int) -> Float[Tensor, "..."]:
        """Draw numbers for `rows` showers, never exactly 0 or 1."""


class Recorder(RandomSource):
    """Pass on the numbers of a source, and keep them.

    Arguments:
        source: where the numbers come from.

    Attributes:
        draws: what was drawn so far, in order.

    Example:
        >>> recorder = Recorder(SharedNoise(seed=1))
        >>> first = recorder.uniform(2, 3)
        >>> torch.equal(Replay(recorder.draws).uniform(2, 3), first)
        True
    """

    def __init__(self, source: RandomSource) -> None:
        self.source, self.draws = source, list[Tensor]()

    def uniform(self, rows: int, *shape: int) -> Float[Tensor, "..."]:
        """Draw numbers for `rows` rows from the source."""
        self.draws.append(self.source.uniform(rows, *shape))
        return self.draws[-1].clone()


class Replay(RandomSource):
    """Give the numbers that are given, one tensor for each draw.

    Arguments:
        draws: numbers in (0, 1), in the order in which they will be asked for.

    Raises:
        SamplerError: in `uniform`, more or other numbers are asked for.

    Example:
        >>> replay = Replay([torch.tensor([0.25, 0.75])])
        >>> replay.uniform(2)
        tensor([0.2500, 0.7500])
    """

    def __init__(self, draws: Sequence[Tensor]) -> None:
        self.left = list(draws)

    def uniform(self, rows: int, *shape: int) -> Float[Tensor, "..."]:
        """Give the next numbers."""
        if not self.left or self.left[0].shape != (rows, *shape):
            kept = tuple(self.left[0].shape) if self.left else "none"
            raise SamplerError(
                f"random numbers of shape {(rows, *shape)} are asked for, {kept} come next; "
                "replay them for the same model and as many showers as were recorded"
            )
        return self.left.pop(0).clone()


class SharedNoise(RandomSource):
    """Uniform numbers in (0, 1) for this process's share of a batch.

    Arguments:
        seed: seed, equal on all processes.
        device: where the numbers are made and used.
        rank: number of this process.
        world_size: number of processes; all hold equally large shares.

    Example:
        >>> mine = SharedNoise(seed=1, rank=1, world_size=2).uniform(3)
        >>> torch.equal(mine, SharedNoise(seed=1).uniform(6)[3:])
        True
    """

    def __init__(
        self, seed: int, device: torch.device | str = "cpu", rank: int = 0, world_size: int = 1
    ) -> None:
        self.generator = torch.Generator(device).manual_seed(seed)
        self.rank, self.world_size = rank, world_size

    def uniform(self, rows: int, *shape: int) -> Float[Tensor, "..."]:
        """Draw numbers for `rows` rows of this process, never exactly 0 or 1."""
        everyone = (self.world_size * rows, *shape)
        draw = torch.rand(everyone, generator=self.generator, device=self.generator.device)
        mine = draw[self.rank * rows : (self.rank + 1) * rows]
        return mine.clamp_(2.0**-25, 1 - 2.0**-24)

    def key(self) -> int:
        """Draw an integer below 2^62, equal on all processes."""
        device = self.generator.device
        return int(torch.randint(2**62, (), generator=self.generator, device=device))

    def first(self, rows: int) -> int:
        """Number of this process's first row, of so many on each process."""
        return self.rank * rows

    def state(self) -> Tensor:
        """Return the generator's state, for a checkpoint."""
        return self.generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Continue from a stored state."""
        self.generator.set_state(state)


class RowNoise(SharedNoise):
    """Uniform numbers that depend on the number of a row, not on the rows drawn with it.

    Each row has a stream of its own, Philox4x64-10 (Salmon et al., SC 2011) with the key
    (seed, number of the row): any program can draw the same, such as the compiled core.

    Arguments:
        seed: seed.
        first: number of the first row that is asked for.
        device: where the numbers are used.

    Attributes:
        begin: number of the first row.
        used: numbers of each row that were drawn.

    Example:
        >>> torch.equal(RowNoise(3, 7).uniform(2, 5), RowNoise(3, 5).uniform(4, 5)[2:])
        True
    """

    def __init__(self, seed: int, first: int, device: torch.device | str = "cpu") -> None:
        super().__init__(seed, device)
        self.seed, self.begin, self.used = seed, first, 0

    def uniform(self, rows: int, *shape: int) -> Float[Tensor, "..."]:
        """Draw numbers for `rows` rows, never exactly 0 or 1."""
        from calo4pqvae._core.philox import fill_uniform

        each = math.prod(shape)
        numbers = np.empty((rows, each), dtype=np.float32)
        fill_uniform(np.uint64(self.seed), np.uint64(self.begin), self.used, numbers)
        self.used += each
        return torch.from_numpy(numbers).view(rows, *shape).to(self.generator.device)


class ChainNoise(SharedNoise):
    """Keys for samplers whose chains are some of those of a larger request.

    Attributes:
        begin: number of the first chain of the next call.
    """

    begin = 0

    def first(self, rows: int) -> int:
        """Number of the first chain."""
        del rows
        return self.begin


def derive_seed(*numbers: int) -> int:
    """Make one seed out of several numbers, different for each order and choice of them."""
    state = np.random.SeedSequence((len(numbers), *numbers)).generate_state(2)
    return int(state[0]) << 31 ^ int(state[1])
