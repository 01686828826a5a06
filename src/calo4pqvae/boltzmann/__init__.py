"""Boltzmann machines on graphs: samplers, gradients, normalisers, and how fast chains mix.

A graph has nodes in partitions, of which the first may be clamped; a problem adds biases and
couplings; a sampler draws its states; a machine is a problem that can be trained. The public
names are those of ``__init__.pyi``, and are imported when first used; docs/boltzmann.md shows
them at work.
"""

from calo4pqvae._core.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
