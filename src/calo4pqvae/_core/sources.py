"""Which files of its package a module is made of, found by reading its imports."""

import ast
import hashlib
from pathlib import Path

__all__ = ["digest_of_sources", "sources_of"]


def digest_of_sources(path: Path) -> str:
    """Digest of a module and of everything that it imports from its own package.

    Constants count as functions do: compiled code has both in it.

    Arguments:
        path: the module's file.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    root = _root(path)
    for source in sorted(sources_of(path)):
        digest.update(f"{source.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def sources_of(path: Path) -> set[Path]:
    """Files of a module and of all modules of its package that it imports, at any distance."""
    root, found, waiting = _root(path), set[Path](), [path]
    while waiting:
        source = waiting.pop()
        if source not in found:
            found.add(source)
            waiting += _imported(source, root)
    return found


def _root(path: Path) -> Path:
    """Folder that holds the whole package of a module."""
    folder = path.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def _imported(source: Path, root: Path) -> list[Path]:
    """Files under `root` that are named by any import of a file."""
    names = []
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(source.relative_to(root).parts[: -node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    package = source.relative_to(root).parts[0]
    parts = [name.split(".") for name in names]
    places = [root.joinpath(*words) for words in parts if words[0] == package]
    # What a whole package offers may come from any module that its own file imports.
    files = [f for p in places for f in (p.with_suffix(".py"), p / "__init__.py")]
    return [file for file in files if file.is_file()]
