"""The layered model: bits of layer energies, then the voxels layer after layer."""
