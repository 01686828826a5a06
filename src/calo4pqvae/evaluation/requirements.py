"""Conditions that a job sets on metrics, such as ``fpd<0.1``."""

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
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
_FORM = re.compile(r"\s*([A-Za-z0-9_.+-][A-Za-z0-9_.+ -]*?)\s*(<=|>=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Requirement:
    """A bound on one metric.

    Arguments:
        name: key of the metric, such as ``fpd``, ``separation.e_tot`` or
            ``response.5-10 GeV``.
        relation: ``<``, ``<=``, ``>`` or ``>=``.
        bound: what the value is held against.
    """

    name: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, text: str, known: Sequence[str] | None = None) -> "Requirement":
        """Read a requirement.

        Arguments:
            text: such as ``fpd<0.1``.
            known: metrics that there will be; None takes any name.

        Raises:
            ConfigError: it does not read as NAME<NUMBER, the number is none that a value can
                be held against, or there will be no metric of that name.
        """
        found = _FORM.fullmatch(text)
        if not found:
            raise ConfigError(f"a requirement reads like 'fpd<0.1', not {text!r}")
        try:
            bound = float(found[3])
        except ValueError:
            bound = math.nan
        if not math.isfinite(bound):
            raise ConfigError(
                f"a requirement reads like 'fpd<0.1', and {found[3]!r} in {text!r} is no "
                "finite number"
            )
        if known is not None and found[1] not in known:
            raise ConfigError(_unknown(found[1], known))
        return cls(found[1], found[2], bound)

    def holds(self, metrics: Mapping[str, Any]) -> bool:
        """Say whether it is fulfilled; an undefined or missing value fulfils nothing."""
        value = self.value(metrics)
        return value is not None and _RELATIONS[self.relation](value, self.bound)

    def value(self, metrics: Mapping[str, Any]) -> float | None:
        """Look the value up; None where it is undefined.

        Arguments:
            metrics: content of metrics.json.
        """
        return metrics["generated"]["metrics"].get(self.name, {}).get("value")

    def __str__(self) -> str:
        return f"{self.name}{self.relation}{self.bound:g}"


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if name.startswith(("auc.", "jsd.")) and name not in known:
        return f"there will be no metric {name!r} with these classifiers and their inputs"
    advice = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
    return f"there will be no metric {name!r} to require something of; {advice}"
