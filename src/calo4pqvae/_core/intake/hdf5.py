"""HDF5 from outside: the first opening in a child, then datasets that are whole.

A file may take data from other files (external links, virtual datasets, raw files) that lie in
its own folder, the one that the user named with it, or below; all of them must be there.
"""

import os
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py

from calo4pqvae._core.intake.child import in_child
from calo4pqvae._core.intake.files import regular_file
from calo4pqvae._core.intake.hdf5_file import find_item, folders_of, open_file
from calo4pqvae._core.intake.hdf5_layout import FILTER_LIBRARY, check_layout
from calo4pqvae._core.intake.hdf5_rows import Rows
from calo4pqvae._core.intake.parsing import one_line, parsing
from calo4pqvae.errors import ShowerFileError

__all__ = ["Hdf5File"]

LONGEST_ATTRIBUTES = 2**20
"""Bytes of one attribute of the file; descriptions of detectors have some kB."""

_PREFIXES = ("HDF5_VDS_PREFIX", "HDF5_EXTFILE_PREFIX")
_known: dict[tuple[object, ...], bool] = {}


class Hdf5File:
    """An HDF5 file from outside, open for reading.

    Arguments:
        path: the file.
        names: datasets that will be read, if they are there.

    Raises:
        ShowerFileError: the file or one of the datasets cannot be trusted, see `check_layout`.
    """

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        regular_file(path, "HDF5 file", ShowerFileError)
        self.path, self._folders = path, folders_of(path)
        self._opened = ExitStack()
        self._rows: dict[str, Rows] = {}
        self._look(names)
        self.file = self._opened.enter_context(open_file(path))

    def dataset(self, name: str) -> Rows | None:
        """Open a dataset after a look at how it is stored; None where there is none.

        Raises:
            ShowerFileError: it cannot be trusted.
        """
        if name in self._rows:
            return self._rows[name]
        self._look((name,))
        with parsing(self.path, "HDF5 file", ShowerFileError):
            found = find_item(self.file, name, self._folders, self._opened)
            if not isinstance(found, h5py.Dataset):
                return None
            self._rows[name] = Rows(self.path, found)
        return self._rows[name]

    def close(self) -> None:
        """Close the file and all that its links led into."""
        self._opened.close()

    def _look(self, names: tuple[str, ...]) -> None:
        """Look at the file in a child, unless that was done and it has not changed."""
        found = regular_file(self.path, "HDF5 file", ShowerFileError)
        key = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        if all(_known.get((*key, name)) for name in names):
            return
        seen = in_child(lambda: self._examine(names), one_line(self.path), ShowerFileError)
        if seen["filters"]:  # the child has them, and this process needs them, too
            import_module(FILTER_LIBRARY)
        for name, whole in seen["alone"].items():
            _known[*key, name] = whole

    def _examine(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Touch all that will be touched.

        Returns:
            of each dataset if it needs no other file, and whether the library of filters had
            to be loaded.
        """
        alone = {}
        with ExitStack() as opened:
            file = opened.enter_context(open_file(self.path))
            list(file)
            _read_attributes(self.path, file)
            for name in names:
                found = find_item(file, name, self._folders, opened)
                alone[name] = not isinstance(found, h5py.Dataset)
                if isinstance(found, h5py.Dataset):
                    alone[name] = check_layout(found, self._folders) and found.file == file
                    _check_prefixes(self.path, alone[name])
                    Rows(self.path, found)[:1]
        return {"alone": alone, "filters": FILTER_LIBRARY in sys.modules}


def _read_attributes(path: Path, file: h5py.File) -> None:
    for name in file.attrs:
        attribute = file.attrs.get_id(name)
        size = attribute.get_space().get_select_npoints() * attribute.get_type().get_size()
        if size > LONGEST_ATTRIBUTES:
            raise ShowerFileError(
                f"{one_line(path)}: its attribute {one_line(name)} has {size:,} bytes, more "
                f"than {LONGEST_ATTRIBUTES:,}; write the file again without it"
            )
        file.attrs[name]


def _check_prefixes(path: Path, alone: bool) -> None:
    """Refuse to be sent to folders that nobody can see in the file."""
    for name in _PREFIXES:
        if not alone and os.environ.get(name):
            raise ShowerFileError(
                f"{one_line(path)}: takes data from other files, and {name} is set; unset it"
            )
