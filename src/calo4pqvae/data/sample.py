"""The bundled sample of Geant4 showers, and the split that goes with it."""

from pathlib import Path

from calo4pqvae.data.splits import Split

__all__ = ["sample_path", "sample_split"]

FILES = Path(__file__).parent / "files"


def sample_path() -> Path:
    """Locate the bundled "W-Si Geant4 sample" (HDF5, CaloChallenge layout).

    Electrons of 1 to 100 GeV, log-uniform, on the 45 x 16 x 9 mesh of dataset 2; the file's
    attributes tell how it was made. It is not CaloChallenge dataset 2: its response is 0.955
    and its resolution 12.5 % / sqrt(E [GeV]).

    Example:
        >>> sample_path().name
        'geant4_wsi_sample.h5'
    """
    return FILES / "geant4_wsi_sample.h5"


def sample_split() -> Split:
    """Load the fixed split of the bundled sample: 1000 train, 100 validation, the rest test."""
    return Split.load(FILES / "geant4_wsi_sample.split.json")
