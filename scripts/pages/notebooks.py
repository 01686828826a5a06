"""Notebooks: sources in `docs/notebooks/*.py`, executed when the site is built."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

__all__ = ["notebook_pages"]


def notebook_pages(sources: Path, target: Path, cache: Path, execute: bool) -> None:
    """Write each notebook as a page, with its figures, and as a notebook to take away.

    Arguments:
        sources: folder of the sources, in jupytext's percent format.
        target: folder of the pages.
        cache: what has been executed, by the digest of its source.
        execute: whether to execute what has changed; otherwise code is shown as it is.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    for source in sorted(sources.glob("*.py")):
        digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
        made = cache / f"{source.stem}-{digest}"
        if not made.is_dir():
            if not execute:
                _write(source, _read(source), target)
                continue
            shutil.rmtree(cache / "work", ignore_errors=True)
            (cache / "work").mkdir(parents=True)
            _write(source, _executed(source), cache / "work")
            (cache / "work").rename(made)
        shutil.copytree(made, target, dirs_exist_ok=True)


def _read(source: Path) -> Any:
    import jupytext

    return jupytext.read(source)


def _executed(source: Path) -> Any:
    import tempfile

    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook = _read(source)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as sockets:
        # No port is opened; the path is absolute, because the kernel works in another folder.
        manager = {"transport": "ipc", "ip": f"{sockets}/kernel"}
        client = NotebookClient(
            notebook,
            timeout=600,
            startup_timeout=300,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            config=Config({"KernelManager": manager}),
        )
        client.execute()
    return notebook


def _write(source: Path, notebook: Any, folder: Path) -> None:
    """Markdown with figures beside it, and the notebook itself."""
    import nbformat
    from nbconvert import MarkdownExporter

    folder.mkdir(parents=True, exist_ok=True)
    text, resources = MarkdownExporter().from_notebook_node(notebook)
    for name, content in resources["outputs"].items():
        (folder / f"{source.stem}-{name}").write_bytes(content)
        text = text.replace(f"]({name})", f"]({source.stem}-{name})")
    nbformat.write(notebook, folder / f"{source.stem}.ipynb")
    text += f"\n---\n\n*[Take this page away as a notebook]({source.stem}.ipynb).*\n"
    (folder / f"{source.stem}.md").write_text(text, encoding="utf-8")
