"""Incident energies of a job."""

import numpy as np
from jaxtyping import Float

from calo4pqvae.errors import ConfigError

__all__ = ["Energies", "draw_energies"]

Energies = Float[np.ndarray, "showers 1"]


def draw_energies(n: int, low: float, high: float, seed: int) -> Energies:
    """Draw incident energies log-uniformly between low and high [MeV], or equal to both.

    Raises:
        ConfigError: the range is not rising, or the number is not positive.
    """
    if n < 1 or not 0 < low <= high:
        raise ConfigError(
            f"cannot draw {n} energies between {low} and {high} MeV; "
            "give a number of showers above zero and a rising range above zero"
        )
    uniform = np.random.default_rng(seed).uniform(size=(n, 1))
    return (low * (high / low) ** uniform).astype(np.float32)
