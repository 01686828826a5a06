"""Formulas between dollars become MathML, which browsers draw without scripts or font files."""

import re
from typing import Any

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

__all__ = ["MathML", "makeExtension"]

_DISPLAY = r"\$\$(.+?)\$\$"
_INLINE = r"(?<![\\\w$])\$([^\s$](?:[^$]*[^\s$\\])?)\$(?![\w$])"

_FUNCTION = re.compile(r"<mi>(ln|exp|max|min)</mi>(?!<mo)")
"""Names of functions, which stand apart from what they are applied to."""


class _Formula(InlineProcessor):
    """One formula; what it becomes is hidden from all other rules."""

    display = "inline"

    def handleMatch(self, m: Any, data: str) -> tuple[str, int, int]:  # noqa: ARG002, N802
        made = convert(m[1].replace("\n", " "), display=self.display)
        made = _FUNCTION.sub(r'\g<0><mspace width="0.17em"/>', made)
        if self.display == "block":  # scrolls by itself where the page is narrow
            made = f'<span class="formula">{made}</span>'
        return self.md.htmlStash.store(made), m.start(0), m.end(0)


class _Display(_Formula):
    """A formula on a line of its own."""

    display = "block"


class MathML(Extension):
    """Rules for ``$inline$`` and ``$$displayed$$`` formulas."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register both rules: after code (190), before backslashes (180)."""
        md.inlinePatterns.register(_Display(_DISPLAY, md), "mathml-display", 186)
        md.inlinePatterns.register(_Formula(_INLINE, md), "mathml-inline", 185)


def makeExtension(**settings: Any) -> MathML:  # noqa: N802
    """What Markdown calls."""
    return MathML(**settings)
