"""From the decoder's numbers to voxel energies: what a voxel is, given its parameters.

`PointVoxels` is the paper's: a hit mask times a value. `DrawnVoxels` draws the value of each
hit from a learnt distribution, which the spread of real deposits needs. `SharedVoxels` draws
hits that share the energy of their layer.
"""

from calo4pqvae.models.voxels.base import VoxelModel
from calo4pqvae.models.voxels.drawn import DrawnVoxels
from calo4pqvae.models.voxels.point import PointVoxels
from calo4pqvae.models.voxels.shared import SharedVoxels

__all__ = ["DrawnVoxels", "PointVoxels", "SharedVoxels", "VoxelModel"]
