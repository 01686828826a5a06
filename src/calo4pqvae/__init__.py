"""Calorimeter showers from a discrete VAE with a four-partite Boltzmann prior.

The names in ``__init__.pyi`` are all that a newcomer needs; they are imported when first used,
so that importing the package costs nothing.
"""

from calo4pqvae._core.lazy import attach_stub

RENAMED = {"BoltzmannPrior": "BoltzmannMachine"}
"""Names of earlier versions, which warn (docs/api.md)."""

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__, RENAMED)
