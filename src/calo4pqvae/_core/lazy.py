"""Public names of a package, imported when first used, listed once in its ``__init__.pyi``.

The stub is what type checkers and editors read; this reads the same list, as SPEC 1 of
Scientific Python proposes (https://scientific-python.org/specs/spec-0001/).
"""

import ast
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["attach_stub"]


def attach_stub(
    package: str, file: str, renamed: Mapping[str, str] = MappingProxyType({})
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make ``__getattr__``, ``__dir__`` and ``__all__`` of a package from its stub.

    Arguments:
        package: its ``__name__``.
        file: its ``__file__``, beside which the stub lies.
        renamed: old names and what they are called now; they warn, and are not listed.
    """
    tree = ast.parse(Path(file).with_suffix(".pyi").read_text("utf-8"))
    homes = {
        alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    }

    def find(name: str) -> Any:
        if name in renamed:
            new = renamed[name]
            warnings.warn(
                f"{package}.{name} is now called {new}; the old name goes in a later version",
                DeprecationWarning,
                stacklevel=2,
            )
            return find(new)
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return find, names, sorted(homes)
