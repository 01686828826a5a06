"""The limit on the annealer's time, which every single submission has to pass."""

from calo4pqvae._core.numbers import plain
from calo4pqvae.errors import AnnealerError

__all__ = ["Account"]

_ROUNDING = 1 + 1e-9


class Account:
    """Adds up what was charged and what was promised.

    Arguments:
        limit_s: access time that may be spent [s]; None for any.

    Attributes:
        charged: what answers have cost [us].
        promised: what submissions that are planned or on their way will cost [us].
    """

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s = limit_s
        self._promised: dict[str, float] = {}
        self.charged, self.promised = 0.0, 0.0

    def promise(self, key: str, time: float) -> None:
        """Set time aside for a submission that will be made [us]."""
        self.promised += time - self._promised.get(key, 0.0)
        self._promised[key] = time

    def forget(self) -> None:
        """Take back all promises: their submissions will not be made."""
        self._promised.clear()
        self.promised = 0.0

    def allow(self, key: str, time: float) -> None:
        """Refuse a submission that the limit has no room for; called before it is sent.

        Arguments:
            key: name of the submission.
            time: access time that it takes [us].

        Raises:
            AnnealerError: with all that is promised, it would exceed the limit.
        """
        total = self.charged + self.promised + (0.0 if key in self._promised else time)
        if self.limit_s is not None and 1e-6 * total > self.limit_s * _ROUNDING:
            raise AnnealerError(
                f"submission {key} would bring the annealer's time to {plain(1e-6 * total)} s, "
                f"more than the {plain(self.limit_s)} s allowed; it was not sent: go on "
                "with the same command and a larger limit"
            )
        self.promise(key, self._promised.get(key, time))

    def charge(self, key: str, time: float) -> None:
        """Enter what a submission has cost, in place of what was promised [us]."""
        self.promised -= self._promised.pop(key, 0.0)
        self.charged += time
