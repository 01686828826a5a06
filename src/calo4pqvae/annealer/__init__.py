"""Quantum annealers as samplers of Boltzmann machines: mapping, temperature, safety, emulator.

An `AnnealerSampler` obeys the protocol of `boltzmann.samplers`, on a D-Wave solver or on the
emulator that stands in its place. The public names are those of ``__init__.pyi``, and are
imported when first used; docs/annealer-library.md shows them at work.
"""

from calo4pqvae._core.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
