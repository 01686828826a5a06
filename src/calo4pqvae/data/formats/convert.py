"""From any format into any other."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, get_args

from calo4pqvae._core.atomic import check_target
from calo4pqvae._core.intake import parsing
from calo4pqvae._core.intake.files import read_part
from calo4pqvae._core.intake.hdf5 import Hdf5File
from calo4pqvae.data.formats import points, sparse
from calo4pqvae.data.formats.dense import open_dense, write_dense
from calo4pqvae.data.formats.hits import Source
from calo4pqvae.data.formats.root import open_root, write_root
from calo4pqvae.errors import OutputError, ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry

__all__ = ["FORMATS", "Format", "convert", "format_for", "open_any"]

Format = Literal["dense", "sparse", "ttree", "rntuple", "showerdata"]
FORMATS: tuple[Format, ...] = get_args(Format)

SUFFIXES = {".root": ("ttree", "rntuple")}
HDF5 = (".h5", ".hdf5")


def format_for(path: Path, wanted: Format | None = None) -> Format:
    """Say in which format a file is written: as wanted, else by its name.

    Raises:
        OutputError: the name belongs to another format.
    """
    suffix = path.suffix.lower()
    if suffix not in (".root", *HDF5):
        raise OutputError(f"{path}: name a file .root, .h5 or .hdf5")
    in_root = wanted in SUFFIXES[".root"] if wanted else suffix == ".root"
    if in_root != (suffix == ".root"):
        raise OutputError(
            f"{path}: {wanted} is written as {'.root' if in_root else 'HDF5 (.h5, .hdf5)'}; "
            "choose another name"
        )
    return wanted or ("ttree" if in_root else "dense")


def open_any(
    path: Path, geometry: CylindricalGeometry | None = None
) -> AbstractContextManager[Source]:
    """Open a file of showers in whichever format it is.

    Arguments:
        path: the file.
        geometry: the cylinder of a dense file that does not describe its own.

    Raises:
        ShowerFileError: it is in none, or damaged.
    """
    if read_part(path, "file of showers", 4, error=ShowerFileError) == b"root":
        return open_root(path)
    file = Hdf5File(path, ())
    try:
        with parsing(path, "HDF5 file", ShowerFileError):
            names = set(file.file)
    finally:
        file.close()
    if sparse.VOXEL in names:
        return sparse.open_sparse(path)
    if "num_points" in names:
        return points.open_points(path)
    return open_dense(path, geometry)


def convert(
    source: Source,
    target: Path,
    wanted: Format,
    *,
    overwrite: bool = False,
    compression: str = "gzip",
) -> None:
    """Write showers in a format, whole or not at all.

    Arguments:
        source: the showers, see `open_any`.
        target: the file.
        wanted: the format.
        overwrite: whether the file may be replaced.
        compression: of the formats in HDF5 that have one, ``dense`` and ``sparse``.

    Raises:
        OutputError: the file exists, or cannot be written.
        ShowerFileError: the showers are damaged, or would lose something.
        MissingExtraError: the format needs libraries that are not installed.

    Example:
        >>> from calo4pqvae.data.sample import sample_path
        >>> target = Path(tempfile.mkdtemp()) / "hits.h5"
        >>> with open_any(sample_path()) as source:
        ...     convert(source, target, "sparse")
        >>> with open_any(target) as source:
        ...     source.n
        1425
    """
    check_target(target, overwrite)
    if wanted == "dense":
        write_dense(source, target, compression)
    elif wanted == "sparse":
        sparse.write_sparse(source, target, compression)
    elif wanted == "showerdata":
        points.write_points(source, target)
    else:
        write_root(source, target, wanted)
