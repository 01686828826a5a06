"""A file measured once for all scores: high-level features and voxel spectrum."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.classifiers.classifier import low_level
from calo4pqvae.evaluation.features.high_level import FEATURE_SETS, Features, column_names
from calo4pqvae.evaluation.separation.bins import VoxelSpectrum, voxel_edges

__all__ = ["Measured"]

_SEED = 42


@dataclass(frozen=True)
class Measured:
    """Showers of one file, measured in bounded memory.

    Arguments:
        features: the official high-level features.
        spectrum: voxels of each shower by energy, in the bins of the reference.
        voxels: low-level inputs of a classifier, for some showers drawn at random, kept in a
            temporary file; None when nobody asked for them.
    """

    features: Features
    spectrum: VoxelSpectrum
    voxels: Float[np.ndarray, "some columns"] | None = None

    @classmethod
    def reference(
        cls, file: ShowerFile, rows: Int[np.ndarray, " rows"] | None = None, voxels: int = 0
    ) -> "Measured":
        """Measure showers of Geant4; they fix the bins.

        Arguments:
            file: an open shower file.
            rows: the rows to use; None takes all.
            voxels: of how many showers to keep the voxels, at most.

        Raises:
            ConfigError: no shower holds any energy.
        """
        spectrum = VoxelSpectrum.from_file(file, voxel_edges(file, rows), rows)
        return cls(Features.from_file(file, rows), spectrum, _voxels(file, rows, voxels))

    def like(self, file: ShowerFile, voxels: int = 0) -> "Measured":
        """Measure showers of a model in the bins of this reference."""
        spectrum = VoxelSpectrum.from_file(file, self.spectrum.edges)
        return Measured(Features.from_file(file), spectrum, _voxels(file, None, voxels))

    def take(self, rows: Int[np.ndarray, " rows"]) -> "Measured":
        """Keep some of the showers, without their voxels."""
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


def _voxels(file: ShowerFile, rows: np.ndarray | None, at_most: int) -> np.ndarray | None:
    """Read the voxels of some showers into a file that vanishes with the array."""
    if at_most == 0:
        return None
    every = np.arange(len(file)) if rows is None else rows
    chosen = np.sort(np.random.default_rng(_SEED).permutation(every)[:at_most])
    with NamedTemporaryFile() as store:
        return low_level(file, chosen, Path(store.name))
