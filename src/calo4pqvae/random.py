"""Random numbers that do not depend on how many processes share the work.

A draw is made for the whole batch on every process, and each keeps its own rows. The same
seed then gives the same showers and the same gradients on one process or on many.
"""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["SharedNoise"]


class SharedNoise:
    """Uniform numbers in (0, 1) for this process's share of a batch.

    Arguments:
        seed: seed, equal on all processes.
        device: where the numbers are made and used.
        rank: number of this process.
        world: number of processes; all hold equally large shares.
    """

    def __init__(
        self, seed: int, device: torch.device | str = "cpu", rank: int = 0, world: int = 1
    ) -> None:
        self.generator = torch.Generator(device).manual_seed(seed)
        self.rank, self.world = rank, world

    def uniform(self, rows: int, *shape: int) -> Float[Tensor, "..."]:
        """Draw numbers for `rows` rows of this process, never exactly 0 or 1."""
        everyone = (self.world * rows, *shape)
        draw = torch.rand(everyone, generator=self.generator, device=self.generator.device)
        mine = draw[self.rank * rows : (self.rank + 1) * rows]
        return mine.clamp_(2.0**-25, 1 - 2.0**-24)

    def state(self) -> Tensor:
        """Return the generator's state, for a checkpoint."""
        return self.generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Continue from a stored state."""
        self.generator.set_state(state)
