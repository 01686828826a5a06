"""Does a chip do what generating relies on? A few programmings tell."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jaxtyping import Bool
from scipy.stats import norm
from torch import Tensor

from calo4pqvae.annealer.calibration.drift import read_correlation
from calo4pqvae.annealer.calibration.temperature import energies, pseudo_likelihood
from calo4pqvae.annealer.sampler import AnnealerSampler
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["Finding", "check_up", "compare_marginals"]

_OBEYED = 0.999
"""Share of held qubits that must come out as held."""

_DEVIATION = 4.0


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    good: bool
    text: str


def check_up(
    sampler: AnnealerSampler,
    problem: BoltzmannProblem,
    clamped: Bool[Tensor, "1 clamped"],
    reads: int = 128,
) -> list[Finding]:
    """Check the chip on one condition: four programmings of so many reads.

    Arguments:
        sampler: the annealer, its temperature set.
        problem: biases and couplings under the condition.
        clamped: the condition.
        reads: reads of a programming.

    Raises:
        AnnealerError: the solver fails.
    """
    before = sampler.settings
    try:
        return list(_findings(sampler, problem, clamped.expand(reads, -1)))
    finally:
        sampler.settings = before


def compare_marginals(
    a: Bool[Tensor, "reads nodes"], b: Bool[Tensor, "reads nodes"]
) -> tuple[float, float]:
    """Compare how often nodes are up in two sets of independent reads.

    Returns:
        the largest difference, and the probability that one as large in its standard errors is
        found among so many nodes by chance.
    """
    x, y = a.double().mean(dim=0), b.double().mean(dim=0)
    pooled = (x + y) / 2
    error = (pooled * (1 - pooled) * (1 / len(a) + 1 / len(b))).sqrt()
    moves = error > 0
    z = ((x - y)[moves] / error[moves]).abs()
    p = min(1.0, float(len(z) * 2 * norm.sf(float(z.max())))) if len(z) else 1.0
    return float((x - y).abs().max()), p


def _findings(
    sampler: AnnealerSampler, problem: BoltzmannProblem, clamped: Tensor
) -> Iterator[Finding]:
    found = sampler.placement
    yield Finding("mapping", True, f"{found.copies} copies of {found.graph.n_nodes} nodes")
    report = sampler.check_ranges(problem, clamped)
    yield Finding("ranges", report.inside, str(report))
    states = {}
    for way in ("fold", "flux"):
        sampler.settings = replace(
            sampler.settings, conditioning=way, mode="shared", gauges=0, copies=None
        )
        states[way] = sampler.sample(problem, clamped)
    usage = sampler.usage
    obeyed = 1 - usage.moved_bits / max(usage.held_bits, 1)
    yield Finding(
        "held qubits",
        obeyed >= _OBEYED,
        f"{100 * obeyed:.4g} % as held, {usage.moved_reads} of {usage.held_reads} reads "
        f"disagree somewhere, flux biases up to {usage.flux:.2g} Phi_0",
    )
    yield _agreement(problem, states["fold"], states["flux"])
    value, error = read_correlation(problem, states["fold"])
    independent = value < _DEVIATION * error
    yield Finding(
        "memory of the last read",
        independent,
        f"correlation of successive energies {value:.2g} +- {error:.2g}; "
        + ("sharing programmings is safe" if independent else "use --mode single"),
    )
    ratio = pseudo_likelihood(problem, states["fold"])
    yield Finding(
        "temperature",
        abs(ratio.value - 1) < max(0.1, _DEVIATION * ratio.error),
        f"pseudo-likelihood finds {ratio} of the model's; 1 on a perfect annealer",
    )


def _agreement(problem: BoltzmannProblem, fold: Tensor, flux: Tensor) -> Finding:
    a, b = (energies(problem, z) for z in (fold, flux))
    error = math.hypot(*(float(e.std()) / len(e) ** 0.5 for e in (a, b)))
    away = float(b.mean() - a.mean())
    n0 = problem.graph.sizes[0]
    most, p = compare_marginals(fold[:, n0:], flux[:, n0:])
    return Finding(
        "flux and folding",
        abs(away) < max(_DEVIATION * error, float(a.std())),
        f"mean energies differ by {away:.3g} +- {error:.2g}, a node's frequency by up to "
        f"{most:.2g} (p = {p:.2g})",
    )
