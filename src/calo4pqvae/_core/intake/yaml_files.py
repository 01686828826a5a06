"""YAML from outside: bounded, its aliases counted as often as they are used, no key twice."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from calo4pqvae._core.intake.files import read_text
from calo4pqvae._core.intake.parsing import one_line, parsing
from calo4pqvae.errors import Calo4pQVAEError, ConfigError

__all__ = ["parse_yaml", "read_yaml"]

YAML_LIMIT = 2**16
"""Bytes; a configuration has 1 or 2 kB, and PyYAML reads some 50 kB a second."""

MOST_NODES = 10_000
"""Keys and values, each alias counted as what it stands for; a full configuration has 120."""

DEEPEST = 32
"""Levels of nesting; a configuration has three."""


class _Loader(yaml.SafeLoader):
    """Plain values as in YAML 1.2, whose numbers may be written 1e-4."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)

_BRACKETS = re.compile(r"[][{}]")


def read_yaml(
    path: str | Path,
    what: str,
    limit: int = YAML_LIMIT,
    *,
    error: type[Calo4pQVAEError] = ConfigError,
) -> Any:
    """Read a YAML file of plain values.

    Arguments:
        path: the file.
        what: what it should hold, for the message.
        limit: largest size [bytes].
        error: class to raise.

    Raises:
        Calo4pQVAEError: of class `error`, whatever is wrong with the file.
    """
    return parse_yaml(read_text(path, what, limit, error=error), path, what, error=error)


def parse_yaml(
    text: str, where: str | Path, what: str, *, error: type[Calo4pQVAEError] = ConfigError
) -> Any:
    """Parse YAML; `where` it stands is named in errors.

    Raises:
        Calo4pQVAEError: of class `error`: it is no YAML, grows beyond 10,000 nodes by its
            aliases, names a key twice, or holds NaN or infinity.
    """
    with parsing(where, what, error):
        _check_brackets(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check(node)
            found = loader.construct_document(node)
        except yaml.MarkedYAMLError as reason:
            place = reason.problem_mark
            line = "" if place is None else f", line {place.line + 1}"
            raise ValueError(f"not valid YAML: {reason.problem}{line}") from reason
        finally:
            loader.dispose()
        if not all(math.isfinite(value) for value in _floats(found)):
            raise ValueError("it holds a number that is NaN or infinite")
    return found


def _check_brackets(text: str) -> None:
    """Refuse deep brackets beforehand: for each token PyYAML looks through all open ones."""
    depth = 0
    for sign in _BRACKETS.findall(text):
        depth += 1 if sign in "[{" else -min(depth, 1)
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _check(node: yaml.Node) -> None:
    """Walk all nodes level by level, through aliases, as often as they occur."""
    level, seen = [node], 0
    for _ in range(DEEPEST):
        below: list[yaml.Node] = []
        for one in level:
            below += _children(one)
            if seen + len(below) > MOST_NODES:
                raise ValueError(f"it grows beyond {MOST_NODES} values by its aliases")
        seen += len(below)
        level = below
        if not level:
            return
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return node.value
    if not isinstance(node, yaml.MappingNode):
        return []
    seen = set()
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        if name is not None and name != "<<" and name in seen:
            raise ValueError(f"the key {one_line(name)!r} occurs twice")
        seen.add(name)
    return [part for pair in node.value for part in pair]


def _floats(found: Any) -> Iterator[float]:
    if isinstance(found, float):
        yield found
    elif isinstance(found, dict):
        for value in found.values():
            yield from _floats(value)
    elif isinstance(found, list | tuple | set):
        for value in found:
            yield from _floats(value)
