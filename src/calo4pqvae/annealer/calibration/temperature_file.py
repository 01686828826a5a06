"""A measured temperature on disk: for which annealer and model it is, and how good it is."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calo4pqvae._core.intake import one_line, read_json
from calo4pqvae.annealer.calibration.matching import Fit
from calo4pqvae.annealer.calibration.temperature import Estimate
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.jobs.backend import Backend
from calo4pqvae.annealer.request import machine_digest
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.errors import AnnealerError

__all__ = ["Purpose", "describe_temperature", "read_temperature"]

_SCHEMA = "calo4pqvae annealer temperature 1"
_RATIO = ("value", "error", "freedom")
_REMEDY = "temperature"


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

    @classmethod
    def of(cls, sampler: Any, machine: BoltzmannMachine, anneal_us: float) -> "Purpose":
        """Say what a temperature is measured for.

        Arguments:
            sampler: a structured dimod sampler with the interface of `DWaveSampler`.
            machine: the machine that is programmed.
            anneal_us: annealing time [us].
        """
        graph = WorkingGraph.of(sampler).fingerprint
        return cls(Backend(sampler).name, graph, machine_digest(machine), anneal_us)


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
        "chip": None if fit.chip is None else asdict(fit.chip),
        "chip_errors": None if fit.errors is None else fit.errors._asdict(),
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
        raise AnnealerError(f"{path}: holds no measured temperature", remedy=_REMEDY)
    for name, wanted in asdict(purpose).items():
        if found.get(name) != wanted:
            here, there = (_NAMES[name].format(x) for x in (wanted, found.get(name)))
            raise AnnealerError(
                f"{path}: was measured for {one_line(there)}, not for {here}",
                remedy=_REMEDY,
            )
    if found.get("converged") is not True:
        raise AnnealerError(
            f"{path}: its fit has not converged, so that it holds no temperature; take "
            "more reads or batches",
            remedy=_REMEDY,
        )
    ratio = found.get("likelihood_ratio")
    try:
        beta = _positive(found.get("beta"))
        if ratio is None:
            return beta, None
        value, error, freedom = (_positive(ratio.get(name)) for name in _RATIO)
    except (ValueError, AttributeError) as error:
        raise AnnealerError(
            f"{path}: its numbers are damaged ({error})", remedy=_REMEDY
        ) from error
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
