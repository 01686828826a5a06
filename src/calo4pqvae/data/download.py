"""Download public shower files: resumable, and kept only with the published checksum."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from calo4pqvae._core.home import expanded
from calo4pqvae._core.optional import require
from calo4pqvae.data.registry import DATASETS, RemoteFile, find_dataset
from calo4pqvae.data.transfer import Transfer, writing_to
from calo4pqvae.errors import DownloadError

__all__ = ["download"]


def download(
    dataset: str,
    folder: str | Path,
    mirror: str | None = None,
    progress: bool = False,
    attempts: int = 3,
    datasets: Mapping[str, tuple[RemoteFile, ...]] = DATASETS,
) -> list[Path]:
    """Bring the files of a public dataset into a folder and verify them.

    A file that is there already with the right checksum is not fetched again; an interrupted
    transfer leaves ``name.part``, which the next call continues.

    Arguments:
        dataset: name of the dataset, such as ``"dataset-2"``.
        folder: where the files go; made if missing.
        mirror: where to fetch from in place of the publisher: an address to which the file
            names are appended, or a local folder.
        progress: whether to draw a progress bar on stderr.
        attempts: how often to try when the connection breaks.
        datasets: the known datasets.

    Returns:
        The paths of the files, in the order of the dataset.

    Raises:
        DownloadError: the dataset is unknown, a file cannot be fetched or written, or has
            another size or checksum than the published one.
        MissingExtraError: pooch is not installed.
    """
    files = find_dataset(dataset, datasets)
    folder = expanded(folder).resolve()
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return [
        _retrieve(file, folder, mirror, Transfer(file, folder, attempts, progress))
        for file in files
    ]


def _retrieve(file: RemoteFile, folder: Path, mirror: str | None, transfer: Transfer) -> Path:
    """Let pooch verify the file that is there, or the one that the transfer brings."""
    pooch = require("pooch", "download")
    url = _source(file, mirror)
    with _quiet(pooch.get_logger()), writing_to(folder):
        try:
            path = pooch.retrieve(
                url, file.checksum, fname=file.name, path=folder, downloader=transfer
            )
        except ValueError as error:
            raise DownloadError(
                f"{url}: the file that arrived does not have the published checksum "
                f"{file.checksum} and was removed; try again or use another mirror"
            ) from error
    return Path(path)


def _source(file: RemoteFile, mirror: str | None) -> str:
    """Address or local path to fetch a file from."""
    if mirror is None:
        return file.url
    if mirror.startswith(("http://", "https://")):
        return f"{mirror.rstrip('/')}/{file.name}"
    folder = expanded(mirror)
    if "://" in mirror or not folder.is_dir():
        raise DownloadError(
            f"{mirror}: is neither an http(s) address nor a folder; name a mirror of that kind"
        )
    return str(folder / file.name)


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Hold back pooch's own messages, which would break the progress bar."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
