"""Voxels of given layer energies, layer after layer and group after group of sectors."""

from calo4pqvae.models.autoregressive.drawing.draws import draw_voxels
from calo4pqvae.models.autoregressive.drawing.likelihood import calibration, losses

__all__ = ["calibration", "draw_voxels", "losses"]
