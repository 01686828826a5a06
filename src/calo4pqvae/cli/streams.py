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
    _fill_standard_places()
    codecs.register_error(_NAME, _in_other_words)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115, for good
            setattr(sys, name, nowhere)
        elif getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_NAME)


def _fill_standard_places() -> None:
    """Open what is closed of the first three descriptors.

    Otherwise the next file that is opened takes the place of stdout, and whatever a library
    prints is written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _in_other_words(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_WORDS.get(character, "?") for character in lost), error.end
