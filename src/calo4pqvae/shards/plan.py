"""How a sequence of showers is cut into shards."""

from dataclasses import dataclass
from typing import NamedTuple

from calo4pqvae.errors import ConfigError

__all__ = ["GRAIN", "MOST_SHARDS", "Plan", "Shard"]

GRAIN = 512
"""Shards begin at multiples of this number where they are long: showers that are computed
together then lie in one shard, and whole chunks of the file as well."""

_LONG = 8 * GRAIN

MOST_SHARDS = 100_000
"""Shards of one folder: their manifest is read as a whole, 30 MB."""


class Shard(NamedTuple):
    """Showers first .. first + n - 1 of a sequence, in a file of their own."""

    number: int
    first: int
    n: int

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"shard-{self.number:06d}.h5"

    @property
    def range(self) -> str:
        """Which showers, for messages."""
        return f"{self.first} to {self.first + self.n - 1}"


@dataclass(frozen=True)
class Plan:
    """Showers first .. first + n - 1 in a number of shards of nearly the same size.

    Arguments:
        first, n: which showers.
        count: number of shards.

    Raises:
        ConfigError: there is no shard, or too many, or there are fewer showers than shards.

    Example:
        >>> [shard.n for shard in Plan(first=0, n=10, count=3).shards]
        [3, 3, 4]
    """

    first: int
    n: int
    count: int

    def __post_init__(self) -> None:
        if self.first < 0 or not 1 <= self.count <= min(self.n, MOST_SHARDS):
            raise ConfigError(
                f"{self.n} showers from number {self.first} on cannot be cut into "
                f"{self.count} shards; each needs a shower, numbers begin at 0, and a folder "
                f"has at most {MOST_SHARDS}"
            )

    @property
    def shards(self) -> list[Shard]:
        """All shards, in order."""
        ends = [self._end(number) for number in range(self.count + 1)]
        return [Shard(k, ends[k], ends[k + 1] - ends[k]) for k in range(self.count)]

    def _end(self, number: int) -> int:
        """Where the first `number` shards end."""
        end = self.first + self.n * number // self.count
        if number in (0, self.count) or self.n < _LONG * self.count:
            return end
        return (end + GRAIN // 2) // GRAIN * GRAIN
