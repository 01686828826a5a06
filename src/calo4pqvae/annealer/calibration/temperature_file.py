"""A measured temperature on disk: for which annealer and model it is, and how good it is."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calo4pqvae._core.intake import one_line, read_json
from calo4pqvae.annealer.calibration.matching import Fit
from calo4pqvae.annealer.calibration.temperature import Estimate
from calo4pqvae.errors import AnnealerError

__all__ = ["Purpose", "describe_temperature", "read_temperature"]

_SCHEMA = "calo4pqvae annealer temperature 1"
_RATIO = ("value", "error", "freedom")
_MAKE = "measure it with 'calo4pqvae annealer temperature -o FILE.json'"


@dataclass(frozen=True)
class Purpose:
    """What a temperature holds for; measured for one of these, it means nothing for another.

    Attributes:
        solver: name of the annealer.
        graph: fingerprint of its working graph.
        model: digest of the machine that was programmed.
        anneal_us: annealing time [us].
    """

    solver: str
    graph: str
    model: str
    anneal_us: float


_NAMES = {
    "solver": "the annealer {}",
    "graph": "the working graph {}",
    "model": "the model {}",
    "anneal_us": "an annealing time of {} us",
}


def describe_temperature(fit: Fit, purpose: Purpose) -> dict[str, Any]:
    """State a fit as JSON can hold it."""
    ratio = fit.likelihood_ratio
    content = {
        "schema": _SCHEMA,
        **asdict(purpose),
        "beta": fit.beta.value,
        "error": fit.beta.error,
        "covers": fit.covers,
        "converged": fit.converged,
        "rule": fit.rule,
        "likelihood_ratio": None if ratio is None else asdict(ratio),
        "model_divided_by": fit.weakened,
        "classical_energy": fit.classical,
        "steps": [asdict(step) for step in fit.steps],
    }
    return _finite(content)


def read_temperature(path: str | Path, purpose: Purpose) -> tuple[float, Estimate | None]:
    """Read a fit for a purpose.

    Returns:
        the inverse temperature, and the ratio that pseudo-likelihood found at it, if known.

    Raises:
        AnnealerError: the file holds none, or one that has not converged, or one of another
            annealer, working graph, model or annealing time.
    """
    found = read_json(path, "measured temperature", error=AnnealerError)
    if not isinstance(found, dict) or found.get("schema") != _SCHEMA:
        raise AnnealerError(f"{path}: holds no measured temperature; {_MAKE}")
    for name, wanted in asdict(purpose).items():
        if found.get(name) != wanted:
            here, there = (_NAMES[name].format(x) for x in (wanted, found.get(name)))
            raise AnnealerError(
                f"{path}: was measured for {one_line(there)}, not for {here}; {_MAKE}"
            )
    if found.get("converged") is not True:
        raise AnnealerError(
            f"{path}: its fit has not converged, so that it holds no temperature; {_MAKE} with "
            "more --reads or --iterations"
        )
    ratio = found.get("likelihood_ratio")
    try:
        beta = _positive(found.get("beta"))
        if ratio is None:
            return beta, None
        value, error, freedom = (_positive(ratio.get(name)) for name in _RATIO)
    except (ValueError, AttributeError) as error:
        raise AnnealerError(f"{path}: its numbers are damaged ({error}); {_MAKE}") from error
    return beta, Estimate(value, error, freedom)


def _positive(value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value < math.inf
    ):
        raise ValueError(f"{str(value)[:40]} is no number above zero")
    return float(value)


def _finite(content: Any) -> Any:
    """Replace what JSON cannot hold: an infinite error or freedom by a very large number."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return 1e300 if isinstance(content, float) and not math.isfinite(content) else content
