"""Values from files and from NumPy, as JSON can hold them.

JSON knows no NaN and no infinity. An attribute of a file is data, not arithmetic: such numbers
become the texts "nan", "inf" and "-inf" there. A number of our own that is not finite is
undefined and becomes null.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["attribute", "without_nan"]

MAX_VALUES = 1000
"""An attribute of more values is described, not copied."""


def attribute(value: Any) -> Any:
    """Turn an attribute of a file, whatever its type, to what JSON knows.

    Numbers, texts, lists and truth values stay; NaN and infinity become texts; bytes are read
    as UTF-8, with a mark for what is none; everything else becomes the text that it prints as.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist() if value.size <= MAX_VALUES else f"{value.size} {value.dtype}"
    if isinstance(value, list | tuple):
        few = len(value) <= MAX_VALUES
        return [attribute(one) for one in value] if few else f"{len(value)} values"
    if isinstance(value, Mapping):
        return {_text(str(key)): attribute(one) for key, one in value.items()}
    finite = isinstance(value, float) and math.isfinite(value)
    if value is None or finite or isinstance(value, int):
        return value
    return _text(value.decode(errors="replace") if isinstance(value, bytes) else str(value))


def without_nan(value: Any) -> Any:
    """Turn a tree of our own numbers to what JSON knows: null for what is not finite."""
    if isinstance(value, Mapping):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    if isinstance(value, np.generic | np.ndarray):
        return without_nan(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _text(text: str) -> str:
    """Replace what is no character, which no file in UTF-8 can hold."""
    return text.encode(errors="replace").decode()
