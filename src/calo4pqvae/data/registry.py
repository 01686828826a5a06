"""The public shower files that can be downloaded, with their sizes and checksums."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from calo4pqvae.errors import DownloadError

__all__ = ["DATASETS", "RemoteFile", "find_dataset"]


@dataclass(frozen=True)
class RemoteFile:
    """One published file.

    Arguments:
        name: name of the file.
        url: where it is published.
        checksum: algorithm and hexadecimal digest, as in ``md5:0123..``.
        n_bytes: size of the file [bytes]; None where only the checksum was published.
    """

    name: str
    url: str
    checksum: str
    n_bytes: int | None = None


def _zenodo(record: int, name: str, md5: str, n_bytes: int | None = None) -> RemoteFile:
    url = f"https://zenodo.org/records/{record}/files/{name}?download=1"
    return RemoteFile(name, url, f"md5:{md5}", n_bytes)


DATASETS: Mapping[str, tuple[RemoteFile, ...]] = MappingProxyType(
    {
        "dataset-1-photons": (
            _zenodo(8099322, "dataset_1_photons_1.hdf5", "005d2adeda7db034b388112661265656"),
            _zenodo(8099322, "dataset_1_photons_2.hdf5", "4767715ed56e99565fd9c67340661e70"),
        ),
        "dataset-2": (
            _zenodo(
                6366271, "dataset_2_1.hdf5", "e590333e9a2da51b258288d74bd8357a", 1_356_475_617
            ),
            _zenodo(
                6366271, "dataset_2_2.hdf5", "7a56fd68aa53ded37c2ac445694d9736", 1_366_708_391
            ),
        ),
    }
)
"""Files of each dataset of the CaloChallenge 2022: first the one to train on, then the test."""


def find_dataset(
    name: str, datasets: Mapping[str, tuple[RemoteFile, ...]] = DATASETS
) -> tuple[RemoteFile, ...]:
    """Look up the files of a dataset.

    Raises:
        DownloadError: the name is unknown; the message lists the known ones.
    """
    if name not in datasets:
        raise DownloadError(f"unknown dataset {name!r}; choose from {', '.join(datasets)}")
    return datasets[name]
