"""Standard streams that never end a command: closed ones, and those that know few characters.

A table holds characters such as the plus-minus sign. Where the encoding of a stream has none of
them (PYTHONIOENCODING=ascii, an old locale), they are written in other words, or as a question
mark.
"""

import codecs
import os
import sys
from pathlib import Path

__all__ = ["forgive_streams"]

_WORDS = {
    "±": "+-", "×": "x", "−": "-", "–": "-", "—": "-", "χ": "chi", "²": "^2", "σ": "sigma",
    "η": "eta", "φ": "phi", "α": "alpha", "µ": "u", "⁻": "^-", "³": "3", "→": "->", "é": "e",
    "…": "...", "’": "'",
}  # fmt: skip
_NAME = "calo4pqvae.in-other-words"


def forgive_streams() -> None:
    """Let stdout and stderr write whatever they are given, and closed ones swallow it."""
    codecs.register_error(_NAME, _in_other_words)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115, for good
            setattr(sys, name, nowhere)
        elif getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_NAME)


def _in_other_words(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_WORDS.get(character, "?") for character in lost), error.end
