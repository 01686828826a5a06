"""Bring one remote file into a folder, continuing where an interrupted transfer ended."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from calo4pqvae._core.atomic import Part
from calo4pqvae._core.optional import require
from calo4pqvae.data.registry import RemoteFile
from calo4pqvae.errors import DownloadError

__all__ = ["Transfer", "writing_to"]

PIECE = 2**16  # what a broken connection costs at most
TIMEOUT = 60.0


@dataclass(frozen=True)
class Transfer:
    """A downloader for pooch that resumes over HTTP, or copies from a local folder.

    The bytes go to ``name.part`` in the folder, which stays there when the transfer breaks;
    the next one asks the server for the rest (HTTP ``Range``), and starts over if the server
    sends the whole file instead.

    Arguments:
        file: the file to bring, with its published size.
        folder: where ``name.part`` lies.
        attempts: how often to try when the connection breaks.
        progress: whether to draw a progress bar on stderr.
    """

    file: RemoteFile
    folder: Path
    attempts: int = 3
    progress: bool = False

    @property
    def part(self) -> Path:
        """Where the bytes lie until all have arrived."""
        return self.folder / f"{self.file.name}.part"

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Bring the file at `url`, an address or a local path, to `output_file`.

        Raises:
            DownloadError: it cannot be reached, has another size, or does not fit the disk.
        """
        with writing_to(self.folder), self._claimed():
            if "://" in url:
                self._fetch(url)
            else:
                self._copy(Path(url))
            self._check_arrived()
            self.part.replace(output_file)

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Keep others from the part, and leave none that is empty."""
        part = Part(self.folder / self.file.name, keep=True)
        try:
            yield
        finally:
            if _size(self.part):
                part.release()
            else:
                part.discard()

    def _copy(self, source: Path) -> None:
        """Copy from a local mirror."""
        if not source.is_file():
            raise DownloadError(
                f"{source}: the mirror does not hold this file; choose another mirror or none"
            )
        self._check_size(source.stat().st_size)
        self._check_room(source.stat().st_size)
        shutil.copyfile(source, self.part)

    def _fetch(self, url: str) -> None:
        """Fetch over HTTP, once more after each broken connection."""
        requests = require("requests", "download")
        for attempt in range(1, self.attempts + 1):
            try:
                return self._request(requests, url)
            except requests.RequestException as error:
                if attempt == self.attempts:
                    raise DownloadError(
                        f"{url}: the connection failed after {_size(self.part)} bytes "
                        f"({type(error).__name__}); run again to continue from there"
                    ) from error
        return None

    def _request(self, requests: ModuleType, url: str) -> None:
        """Ask for the bytes that are missing and append them."""
        have = _size(self.part)
        if have and have == self.file.n_bytes:
            return None
        headers = {"Accept-Encoding": "identity"} | (
            {"Range": f"bytes={have}-"} if have else {}
        )
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:
                os.truncate(self.part, 0)  # as long as the file or longer: no beginning of it
                return self._request(requests, url)
            if response.status_code not in {200, 206}:
                raise DownloadError(
                    f"{url}: the server answered {response.status_code} {response.reason}; try "
                    f"again later or use a mirror"
                )
            start = have if _continues(response, have) else 0
            rest = int(response.headers.get("Content-Length", 0))
            if rest:
                self._check_size(start + rest)
            self._check_room(rest)
            with self.part.open("ab" if start else "wb") as stream:
                self._save(response.iter_content(PIECE), stream, start, start + rest)
        return None

    def _save(self, pieces: Iterator[bytes], stream: BinaryIO, done: int, total: int) -> None:
        """Write the pieces as they come."""
        with _progress_bar(self.file.name, done, total, self.progress) as advance:
            for piece in pieces:
                stream.write(piece)
                advance(len(piece))

    def _check_size(self, n_bytes: int) -> None:
        """Refuse a source of another size before any byte is fetched."""
        if self.file.n_bytes is not None and n_bytes != self.file.n_bytes:
            raise DownloadError(
                f"{self.file.name}: the source offers {n_bytes} bytes, published were "
                f"{self.file.n_bytes}; use another mirror or none"
            )

    def _check_room(self, n_bytes: int) -> None:
        """Refuse to start when the disk cannot hold the rest of the file."""
        free = shutil.disk_usage(self.folder).free
        if n_bytes > free:
            raise DownloadError(
                f"{self.folder}: {self.file.name} needs {n_bytes} more bytes and the disk has "
                f"{free}; free some space or choose another folder"
            )

    def _check_arrived(self) -> None:
        """Compare the size of what arrived with the published one."""
        have, wanted = _size(self.part), self.file.n_bytes
        if wanted is None or have == wanted:
            return
        if have > wanted:
            os.truncate(self.part, 0)
        raise DownloadError(
            f"{self.file.name}: {have} bytes arrived where {wanted} were published; run again "
            f"to continue"
        )


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn a failure of the file system into a `DownloadError` that names the folder."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{folder}: cannot be written ({error.strerror or error}); free some space or "
            f"choose another folder, then run again to continue"
        ) from error


@contextmanager
def _progress_bar(
    name: str, done: int, total: int, shown: bool
) -> Iterator[Callable[[int], None]]:
    """Draw the progress on stderr; yields a function that takes the bytes just arrived."""
    if not shown:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, completed=done, total=total or None)
        yield lambda n_bytes: bar.advance(task, n_bytes)


def _size(path: Path) -> int:
    """Size of a file [bytes], 0 when there is none."""
    return path.stat().st_size if path.exists() else 0


def _continues(response: Any, have: int) -> bool:
    """Whether the server sends the bytes from `have` on, and not the whole file."""
    sent = response.headers.get("Content-Range", "")
    return response.status_code == 206 and sent.startswith(f"bytes {have}-")
