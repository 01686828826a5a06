"""How an annealer is used."""

from dataclasses import dataclass
from typing import Literal

from calo4pqvae.annealer.programs.programmer import Conditioning
from calo4pqvae.annealer.programs.ranges import OutOfRange
from calo4pqvae.errors import ConfigError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """How an annealer is used.

    Attributes:
        beta: its inverse temperature, by which values are divided; `matching` measures it.
        conditioning: ``fold`` or ``flux`` (`programmer.Conditioning`).
        mode: ``shared`` reads many states per programming where chains have equal biases and
            codes; ``single`` programs anew for each chain, as in the paper.
        gauges: 0 for none; else spins are reversed at random in each programming, and a group
            of equal chains is spread over at least so many programmings.
        copies: copies of the model side by side; as many as fit when None.
        out_of_range: what to do with values that the chip cannot hold.
        holding_field: field that holds clamped qubits; the recommended one when None.
        anneal_us: annealing time [us].
        most_reads: reads per programming at most; as many as the chip allows when None.
        limit_s: access time that may be spent [s]; None for any.
        relax: sweeps of block Gibbs sampling from each state that was read; 0 for none.
        fields: ``h``, or ``flux`` to program all fields as flux biases, which is the only way
            under a fast anneal, and anneal fast.

    Example:
        >>> Settings(beta=8.5, conditioning="flux", limit_s=2.0).mode
        'shared'
    """

    beta: float
    conditioning: Conditioning = "fold"
    mode: Literal["shared", "single"] = "shared"
    gauges: int = 0
    copies: int | None = 1
    out_of_range: OutOfRange = "refuse"
    holding_field: float | None = None
    anneal_us: float = 20.0
    most_reads: int | None = None
    limit_s: float | None = None
    relax: int = 0
    fields: Literal["h", "flux"] = "h"

    @property
    def fast(self) -> bool:
        """Whether the anneal is a fast one."""
        return self.fields == "flux"

    def __post_init__(self) -> None:
        least = min(self.gauges, self.relax)
        if not 0 < self.beta < float("inf") or self.anneal_us <= 0 or least < 0:
            raise ConfigError(
                f"an annealer needs an inverse temperature and an annealing time above zero "
                f"and no negative number of gauges or sweeps, not {self.beta}, "
                f"{self.anneal_us} us, {self.gauges} and {self.relax}"
            )
