"""Does a chip do what generating relies on? A few programmings tell."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

from calo4pqvae.annealer.calibration.memory import read_memory
from calo4pqvae.annealer.calibration.temperature import energies, pseudo_likelihood
from calo4pqvae.annealer.sampler import AnnealerSampler
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.errors import AnnealerError

__all__ = ["Finding", "check_up", "compare_marginals"]

_OBEYED = 0.999
"""Share of held qubits that must come out as held."""

_PROGRAMMINGS = 8
"""Programmings that the reads are spread over: their scatter contains errors of the control."""

_FALSE_ALARMS = 1e-3
"""Probability below which two ways of conditioning are called different."""


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: what was checked.
        good: whether it may be relied on.
        text: what was found.
        remedy: name of what helps if it is not good, as in `errors.Calo4pQVAEError`.
    """

    name: str
    good: bool
    text: str
    remedy: str = ""


def check_up(
    sampler: AnnealerSampler,
    problem: BoltzmannProblem,
    clamped: Bool[Tensor, "1 clamped"],
    reads: int = 128,
) -> list[Finding]:
    """Check what the sampler's settings rely on, on one condition.

    It takes eight programmings; as many more where qubits are held by flux biases, which are
    then compared with folding.

    Arguments:
        sampler: the annealer, its temperature set.
        problem: biases and couplings under the condition.
        clamped: the condition.
        reads: reads of all programmings, at least two in each.

    Raises:
        AnnealerError: the solver fails.
    """
    before = sampler.settings
    most = max(2, reads // _PROGRAMMINGS)
    sampler.settings = replace(before, mode="shared", gauges=0, most_reads=most, relax=0)
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


def compare_programmings(
    a: Float[np.ndarray, "programmings values"], b: Float[np.ndarray, "others values"]
) -> tuple[np.ndarray, float]:
    """Compare means of two sets of programmings by their scatter (Student's t, each value).

    Returns:
        the differences b - a, and the probability of the largest one by chance.
    """
    away, freedom = b.mean(axis=0) - a.mean(axis=0), len(a) + len(b) - 2
    squares = ((a - a.mean(axis=0)) ** 2).sum(axis=0) + ((b - b.mean(axis=0)) ** 2).sum(axis=0)
    error = np.sqrt(squares / freedom * (1 / len(a) + 1 / len(b)))
    found = np.divide(np.abs(away), error, where=error > 0, out=np.zeros_like(away))
    found[(error == 0) & (away != 0)] = np.inf
    return away, min(1.0, float(away.size * 2 * student.sf(found.max(initial=0.0), freedom)))


def _findings(
    sampler: AnnealerSampler, problem: BoltzmannProblem, clamped: Tensor
) -> Iterator[Finding]:
    found, chosen = sampler.placement, sampler.settings
    yield Finding("mapping", True, f"{found.copies} copies of {found.graph.n_nodes} nodes")
    report = sampler.check_ranges(problem, clamped)
    allowed = report.inside or chosen.out_of_range != "refuse"
    done = {"rescale": "; rescaled", "clip": "; clipped"}.get(chosen.out_of_range, "")
    done = "" if report.inside else done
    yield Finding("ranges", allowed, f"{report}{done}")
    if not allowed:
        return
    if chosen.conditioning == "flux":
        yield from _holding(sampler, problem, clamped)
        sampler.settings = replace(chosen, conditioning="fold")
    states = sampler.sample(problem, clamped)
    memory = read_memory(states, sampler.programming)
    shared = "not safe" if memory.remembers else "safe"
    yield Finding(
        "memory of the last read",
        not memory.remembers,
        f"correlation of successive reads {memory.correlation:.2g} +- {memory.error:.1g}; one "
        f"of {memory.visible:.2g} is seen in 9 of 10 checks, one of 0.1 in 19 of 20 "
        f"with {memory.reads_for(0.1):.0f} reads; sharing programmings is {shared}",
        "memory" if memory.remembers else "",
    )
    yield _temperature(sampler, problem, states)


def _holding(
    sampler: AnnealerSampler, problem: BoltzmannProblem, clamped: Tensor
) -> Iterator[Finding]:
    """Whether qubits stay as they are held, and whether that is the same as folding them."""
    values = {}
    for way in ("flux", "fold"):
        sampler.settings = replace(sampler.settings, conditioning=way)
        states = sampler.sample(problem, clamped)
        values[way] = _by_programming(problem, states, sampler.programming)
    usage = sampler.usage
    obeyed = 1 - usage.moved_bits / max(usage.held_bits, 1)
    yield Finding(
        "held qubits",
        obeyed >= _OBEYED,
        f"{100 * obeyed:.4g} % as held, {usage.moved_reads} of {usage.held_reads} reads "
        f"disagree somewhere, flux biases up to {usage.flux:.2g} Phi_0",
    )
    (energy, p_energy), (nodes, p_nodes) = (
        compare_programmings(values["fold"][part], values["flux"][part])
        for part in (np.s_[:, :1], np.s_[:, 1:])
    )
    same = min(p_energy, p_nodes) > _FALSE_ALARMS
    yield Finding(
        "flux and folding",
        same,
        f"mean energies differ by {energy[0]:.3g} (p = {p_energy:.2g}), a node's frequency by "
        f"up to {np.abs(nodes).max(initial=0):.2g} (p = {p_nodes:.2g}; below {_FALSE_ALARMS:g} "
        f"they are different)",
        "" if same else "fold",
    )


def _by_programming(
    problem: BoltzmannProblem, states: Tensor, programming: Int[np.ndarray, " reads"]
) -> Float[np.ndarray, "programmings values"]:
    """Mean energy and mean of each free node, by programming."""
    free = states[:, problem.graph.sizes[0] :].double().numpy()
    values = np.column_stack([energies(problem, states).numpy(), free])
    return np.stack([values[programming == k].mean(axis=0) for k in np.unique(programming)])


def _temperature(
    sampler: AnnealerSampler, problem: BoltzmannProblem, states: Tensor
) -> Finding:
    name = "temperature"
    try:
        found = pseudo_likelihood(problem, states, sampler.programming).times(sampler.factor)
    except AnnealerError as error:
        return Finding(name, False, str(error))
    allowed = max(0.1, float(student.isf(_FALSE_ALARMS / 2, found.freedom)) * found.error)
    weaker = "" if sampler.factor == 1 else f", divided by {sampler.factor:.3g} for its ranges"
    return Finding(
        name,
        abs(found.value - 1) < allowed,
        f"pseudo-likelihood finds {found} of the model's{weaker}; 1 on a perfect annealer, "
        f"{1 - allowed:.2g} to {1 + allowed:.2g} allowed",
    )
