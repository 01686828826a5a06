"""Shape and type aliases used in signatures that take torch tensors.

Axis names: ``batch`` showers or chains, ``layer``, ``alpha`` and ``r`` the cylinder's axes,
``nodes`` and ``edges`` those of the prior's graph, ``latents`` the nodes of partitions 1-3.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Bits", "Edges", "IncidentEnergy", "Showers"]

Showers = Float[Tensor, "batch layer alpha r"]
"""Voxel energies [MeV] or transformed voxels on a regular cylinder."""

IncidentEnergy = Float[Tensor, "batch 1"]
"""Incident energies [MeV]."""


Bits = Bool[Tensor, "batch nodes"]
"""States of all nodes of the prior."""

Edges = Int[Tensor, "2 edges"]
"""Pairs of node numbers, the smaller first."""
