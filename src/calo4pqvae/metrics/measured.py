"""A file measured once for all scores: high-level features and voxel spectrum."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.metrics.features import FEATURE_SETS, Features, column_names
from calo4pqvae.metrics.official_bins import VoxelSpectrum, voxel_edges

__all__ = ["Measured"]


@dataclass(frozen=True)
class Measured:
    """Showers of one file, measured in bounded memory.

    Arguments:
        features: the official high-level features.
        spectrum: voxels of each shower by energy, in the bins of the reference.
    """

    features: Features
    spectrum: VoxelSpectrum

    @classmethod
    def reference(
        cls, file: ShowerFile, rows: Int[np.ndarray, " rows"] | None = None
    ) -> "Measured":
        """Measure showers of Geant4; they fix the bins.

        Raises:
            ConfigError: no shower holds any energy.
        """
        edges = voxel_edges(file, rows)
        spectrum = VoxelSpectrum.from_file(file, edges, rows)
        return cls(Features.from_file(file, rows), spectrum)

    def like(self, file: ShowerFile) -> "Measured":
        """Measure showers of a model in the bins of this reference."""
        spectrum = VoxelSpectrum.from_file(file, self.spectrum.edges)
        return Measured(Features.from_file(file), spectrum)

    def take(self, rows: Int[np.ndarray, " rows"]) -> "Measured":
        """Keep some of the showers."""
        spectrum = replace(self.spectrum, counts=self.spectrum.counts[:, rows])
        return Measured(self.features.take(rows), spectrum)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def legacy(self) -> Features:
        """The features of before November 2023, which are the first of the official ones."""
        columns = column_names(self.features.geometry, FEATURE_SETS[1])
        values = self.features.values[:, : len(columns)]
        return replace(
            self.features, values=values, columns=columns, feature_set=FEATURE_SETS[1]
        )
