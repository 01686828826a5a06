"""Conditions that a job sets on metrics, such as ``fpd<0.1``."""

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from calo4pqvae.errors import ConfigError

__all__ = ["Requirement"]

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM = re.compile(r"\s*([a-z0-9_.]+)\s*(<=|>=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Requirement:
    """A bound on one metric.

    Arguments:
        name: key of the metric, such as ``fpd`` or ``separation.e_tot``.
        relation: ``<``, ``<=``, ``>`` or ``>=``.
        bound: what the value is held against.
    """

    name: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> "Requirement":
        """Read a requirement.

        Raises:
            ConfigError: it does not read as NAME<NUMBER.
        """
        found = _FORM.fullmatch(text)
        try:
            if found:
                return cls(found[1], found[2], float(found[3]))
        except ValueError:
            pass
        raise ConfigError(f"a requirement reads like 'fpd<0.1', not {text!r}")

    def holds(self, metrics: Mapping[str, Any]) -> bool:
        """Say whether it is fulfilled; an undefined value fulfils nothing.

        Raises:
            ConfigError: there is no metric of that name.
        """
        value = self.value(metrics)
        return value is not None and _RELATIONS[self.relation](value, self.bound)

    def value(self, metrics: Mapping[str, Any]) -> float | None:
        """Look the value up.

        Raises:
            ConfigError: there is no metric of that name.
        """
        entry = metrics.get(self.name)
        if not isinstance(entry, Mapping) or "value" not in entry:
            known = [k for k, v in metrics.items() if isinstance(v, Mapping) and "value" in v]
            near = difflib.get_close_matches(self.name, known, n=1, cutoff=0)
            raise ConfigError(
                f"there is no metric {self.name!r} to require something of; "
                f"did you mean {near[0]!r}?"
                if near
                else f"there is no metric {self.name!r}"
            )
        return entry["value"]

    def __str__(self) -> str:
        return f"{self.name}{self.relation}{self.bound:g}"
