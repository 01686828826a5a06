"""Find the two arrays of a shower file, or say in one sentence why that fails."""

import hashlib
from pathlib import Path

from calo4pqvae._core.atomic import part_path
from calo4pqvae._core.intake.hdf5 import Hdf5File
from calo4pqvae._core.intake.hdf5_rows import Rows
from calo4pqvae._core.intake.parsing import one_line, parsing
from calo4pqvae.errors import ShowerFileError

__all__ = [
    "INCIDENT_ENERGIES",
    "PRIOR_ENERGY",
    "SHOWERS",
    "find_arrays",
    "open_hdf5",
    "sha256_of",
]

INCIDENT_ENERGIES = "incident_energies"
SHOWERS = "showers"
PRIOR_ENERGY = "prior_energy"
"""Column of a shower file: energy of the state behind each shower, eq. (2), no unit."""


def open_hdf5(path: Path) -> Hdf5File:
    """Open a shower file for reading.

    Raises:
        ShowerFileError: the file is missing, a folder, empty, truncated, of another format,
            not readable by this user, being written, or takes data from elsewhere.
    """
    with parsing(path, "HDF5 file", ShowerFileError):
        if not path.exists() and part_path(path).exists():
            raise ShowerFileError(
                f"{one_line(path)}: is still being written or was left incomplete "
                f"({one_line(part_path(path).name)} exists); wait for its writer, or write it "
                "again"
            )
    return Hdf5File(path, (INCIDENT_ENERGIES, SHOWERS))


def sha256_of(path: Path) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_arrays(path: Path, file: Hdf5File) -> tuple[Rows, Rows]:
    """Return the rows of incident energies and showers.

    Raises:
        ShowerFileError: one is missing, holds no numbers, or cannot be trusted.
    """
    found = {name: file.dataset(name) for name in (INCIDENT_ENERGIES, SHOWERS)}
    missing = [name for name, rows in found.items() if rows is None]
    if missing:
        keys = one_line(sorted(map(str, file.file)))
        raise ShowerFileError(
            f"{path}: has no dataset {' and no dataset '.join(map(repr, missing))}, only the "
            f"keys {keys}; rename or add what is missing (CaloChallenge layout)"
        )
    e_inc, showers = (rows for rows in found.values() if rows is not None)
    return e_inc, showers
