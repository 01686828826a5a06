"""How the docstrings of this package are read for the site."""

from typing import Any

import griffe

__all__ = ["Examples"]


class Examples(griffe.Extension):
    """One example stands under ``Example:``; the reader of Google's style knows the plural."""

    def on_instance(self, *, obj: griffe.Object, **more: Any) -> None:
        """Read the singular as the plural."""
        del more
        if obj.docstring:
            lines = obj.docstring.value.split("\n")
            obj.docstring.value = "\n".join(
                "Examples:" if line == "Example:" else line for line in lines
            )
