"""Settings from outside, checked against a tree of dataclasses, complaints in one sentence.

The dataclasses are pydantic's, made with `STRICT`; unions of them are told apart by ``kind``.
Nothing is converted but lists to tuples, whole numbers to real ones, and mappings to sections.
"""

from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from calo4pqvae._core.intake.parsing import one_line
from calo4pqvae.errors import ConfigError

__all__ = [
    "STRICT",
    "Count",
    "Flag",
    "Integer",
    "NotNegative",
    "Positive",
    "Real",
    "Whole",
    "build",
]

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

Flag = Annotated[bool, Field(strict=True)]
Integer = Annotated[int, Field(strict=True)]
Whole = Annotated[int, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1)]
Real = Annotated[float, Field(strict=True)]
NotNegative = Annotated[float, Field(strict=True, ge=0)]
Positive = Annotated[float, Field(strict=True, gt=0)]

SENTENCES = {
    "unexpected_keyword_argument": "there is no setting {name}{of_kind}",
    "union_tag_not_found": "{name}.kind is missing",
    "union_tag_invalid": "{name}.kind must be one of {expected_tags}, not '{tag}'",
    "dataclass_type": "{name} is a section of settings, not a value ({given})",
    "model_attributes_type": "{name} is a section of settings, not a value ({given})",
    "missing": "{name} is missing",
    "too_short": "{array} has too few numbers",
    "too_long": "{name} must be {max_length} numbers, not {actual_length}",
}
"""What we say of pydantic's complaints; the others keep their words."""


def build(cls: type[T], values: Any) -> T:
    """Make a section, and all below it, from plain values.

    Raises:
        ConfigError: the first thing that is wrong; or what `cls` itself raises, except for
            ValueError, which becomes a sentence, too.
    """
    try:
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(one_line(_sentence(first, values))) from error


def _sentence(found: ErrorDetails, values: Any) -> str:
    """Say what is wrong, and where in `values`."""
    kind, place = found["type"], found["loc"]
    name = _name(place, values)
    if kind == "missing" and isinstance(place[-1], int):
        kind = "too_short"
    text = found["msg"].replace("greater than or equal to", "at least")
    text = text.replace("greater than", "above").replace("less than", "below")
    return SENTENCES.get(kind, "{name} {text}, not {given}").format(
        name=name,
        text=text.replace("Input should be", "must be"),
        array=name.rpartition("[")[0],
        of_kind=f" of the kind {place[-2]}" if _is_tag(place[-2:-1], name) else "",
        given=shortened(found["input"]),
        **found.get("ctx", {}),
    )


def _is_tag(before: tuple[int | str, ...], name: str) -> bool:
    """Whether what stands before the last word of a place is no part of its name."""
    return "." in name and before != (name.split(".")[-2],)


def _name(place: tuple[int | str, ...], values: Any) -> str:
    """Write a place with dots, without the names of kinds that pydantic puts between."""
    name = ""
    for part in place:
        if isinstance(part, int):
            name += f"[{part}]"
            inside = isinstance(values, list | tuple) and part < len(values)
            values = values[part] if inside else None
            continue
        section = values if isinstance(values, Mapping) else {}
        if part in section or part != section.get("kind"):
            name += f".{part}"
            values = section.get(part)
    return name.removeprefix(".")
