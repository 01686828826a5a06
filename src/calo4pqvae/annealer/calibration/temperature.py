r"""How cold were these states? Estimates of an inverse temperature, each with its error.

States were drawn with a problem's values divided by b on an annealer of inverse temperature
$\beta$; they follow $e^{-\alpha E}$ with $\alpha = \beta / b$ if the annealer is perfect. Two
ways to find $\alpha$ from the states are here. They agree on a perfect annealer. Errors of the
control make the energies too high for the local correlations, and the two differ.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from torch import Tensor

from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.errors import AnnealerError

__all__ = [
    "Estimate",
    "Reference",
    "aligned_fields",
    "cover",
    "energies",
    "local_fields",
    "match_energies",
    "pseudo_likelihood",
]

_NEWTON_STEPS = 50

PROGRAMMINGS = 4
"""Programmings whose scatter tells of errors that all reads of one share; fewer than these
tell nothing, and blocks of successive reads are compared instead."""

_BLOCKS = 8
"""Blocks that the reads of few programmings are cut into: long enough to contain most of the
memory of successive reads, enough to know their scatter to a quarter."""


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error, and the degrees of freedom that the error has."""

    value: float
    error: float
    freedom: float = math.inf

    def times(self, factor: float) -> "Estimate":
        """Scale both."""
        return Estimate(self.value * factor, self.error * abs(factor), self.freedom)

    def __str__(self) -> str:
        return f"{self.value:.4g} +- {self.error:.2g}"


@dataclass(frozen=True, eq=False)
class Reference:
    """What classical chains say of the energies under each condition.

    Attributes:
        mean: mean energy of each condition.
        variance: variance of the energy within a condition, averaged over them.
        error: standard error of the average of `mean`.
    """

    mean: Float[Tensor, " conditions"]
    variance: float
    error: float

    @classmethod
    def sample(
        cls,
        problem: BoltzmannProblem,
        clamped: Bool[Tensor, "conditions clamped"],
        sampler: Sampler,
        sweeps: int,
        chains: int = 32,
    ) -> "Reference":
        """Draw classical chains under each condition.

        Arguments:
            problem: biases (one row, or one per condition) and couplings.
            clamped: state of the conditioning partition under each condition.
            sampler: a classical sampler.
            sweeps: sweeps that its chains need.
            chains: chains per condition, at least 2.
        """
        rows = problem.bias
        if len(rows) > 1:
            rows = rows.repeat_interleave(chains, dim=0)
        many = BoltzmannProblem(problem.graph, rows, problem.coupling)
        states = sampler.sample(many, clamped.repeat_interleave(chains, dim=0), sweeps)
        energy = energies(many, states).reshape(len(clamped), chains)
        variance = float(energy.var(dim=1).mean())
        return cls(energy.mean(dim=1), variance, float((variance / energy.numel()) ** 0.5))


def energies(
    problem: BoltzmannProblem, states: Bool[Tensor, "chains nodes"]
) -> Float[Tensor, " chains"]:
    """Evaluate eq. (2) in double precision; a matrix makes it ten times as fast."""
    z = np.ascontiguousarray(states.numpy().T, np.float64)
    return -torch.from_numpy(
        ((_matrix(problem) @ z + problem.bias.double().numpy().T) * z).sum(0)
    )


def local_fields(
    problem: BoltzmannProblem, states: Bool[Tensor, "chains nodes"]
) -> Float[Tensor, "chains free"]:
    r"""Compute $f_i = b_i + \sum_j W_{ij} z_j$ of the free nodes."""
    upper = _matrix(problem)
    z = np.ascontiguousarray(states.numpy().T, np.float64)
    fields = (upper + upper.T).tocsr() @ z + problem.bias.double().numpy().T
    return torch.from_numpy(fields.T[:, problem.graph.sizes[0] :])


def aligned_fields(
    problem: BoltzmannProblem, states: Bool[Tensor, "chains nodes"]
) -> Float[np.ndarray, "chains free"]:
    r"""Compute $(2 z_i - 1) f_i$ of the free nodes: negative for a spin against its field."""
    n0 = problem.graph.sizes[0]
    return (local_fields(problem, states) * (2.0 * states[:, n0:].double() - 1)).numpy()


def cover(
    programming: Int[np.ndarray, " reads"] | None, reads: int
) -> Int[np.ndarray, " reads"]:
    """Say which reads may share an error, and so count as one when errors are estimated.

    Arguments:
        programming: number of the programming of each read, reads of one in order of time;
            all reads are independent when None.
        reads: number of reads.

    Returns:
        the number of the unit that each read belongs to: its programming where there are
        several, a block of successive reads of it where there are few.
    """
    if programming is None:
        return np.arange(reads)
    number = np.unique(programming, return_inverse=True)[1]
    many = int(number.max(initial=-1)) + 1
    if many >= PROGRAMMINGS:
        return number
    block = np.zeros(reads, np.int64)
    for k in range(many):
        mine = np.flatnonzero(number == k)
        block[mine] = np.arange(len(mine)) * _BLOCKS // max(len(mine), 1)
    return np.unique(number * _BLOCKS + block, return_inverse=True)[1]


def pseudo_likelihood(
    problem: BoltzmannProblem,
    states: Bool[Tensor, "chains nodes"],
    programming: Int[np.ndarray, " chains"] | None = None,
) -> Estimate:
    r"""Maximise $\sum_{ri} \ln \sigma(\alpha (2 z_{ri} - 1) f_{ri})$ over reads and free nodes.

    Newton's method, from one batch of states and without classical ones. The error is the
    sandwich $\sqrt{\sum_u s_u^2} / A$ of the scores s of whole units and the curvature A: nodes
    of one read are not independent, nor are reads of one programming (`cover`).

    Arguments:
        problem: biases (one row, or one per read) and couplings, in the model's units.
        states: reads; their clamped nodes as they were held.
        programming: number of the programming of each read; all independent when None.

    Raises:
        AnnealerError: the states are local minima, which fit any low temperature, or no
            neighbour of any node has a coupling.

    Source: Besag, The Statistician 24 (1975) 179; as in D-Wave's
    `maximum_pseudolikelihood_temperature`, whose errors come from a bootstrap.

    Example:
        >>> graph = zephyr(12)
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 48), torch.ones(graph.n_edges) / 3)
        >>> gibbs = CompiledGibbs(graph, SharedNoise(seed=1))
        >>> states = gibbs.sample(problem, torch.zeros(2000, 12, dtype=torch.bool), sweeps=50)
        >>> found = pseudo_likelihood(problem, states)
        >>> abs(found.value - 1) < 4 * found.error
        True
    """
    aligned = aligned_fields(problem, states)
    if aligned.min(initial=0.0) >= 0:
        raise AnnealerError(
            "these states have no temperature: none of their spins points against its field"
        )
    alpha = 0.0
    for _ in range(_NEWTON_STEPS):
        score, curvature = _derivatives(aligned, alpha)
        step = score.sum() / curvature
        alpha += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-10:
            break
    score, curvature = _derivatives(aligned, alpha)
    unit = cover(programming, len(score))
    error, freedom = _error_of_sum(score, unit)
    return Estimate(alpha, error / curvature, freedom)


def match_energies(
    problem: BoltzmannProblem,
    states: Bool[Tensor, "conditions nodes"],
    reference: Reference,
    programming: Int[np.ndarray, " conditions"] | None = None,
) -> Estimate:
    r"""Compare energies with classical ones: $\alpha = \exp(-\langle E - E_c\rangle / V)$.

    As $\mathrm d \langle E\rangle / \mathrm d\alpha = -V$, the variance within a condition,
    this is Newton's step for the temperature at which mean energies agree, in the logarithm so
    that it stays positive. Far from $\alpha = 1$ it is a step, near 1 an estimate.

    Arguments:
        problem: biases (one row, or one per condition) and couplings.
        states: one read under each condition of the reference.
        reference: classical energies.
        programming: number of the programming of each read; all independent when None.

    Raises:
        AnnealerError: all states of the model have the same energy.
    """
    if not reference.variance > 0:
        raise AnnealerError(
            "this model has no temperature: all its states have the same energy; train it first"
        )
    away = (energies(problem, states) - reference.mean).numpy()
    spread, freedom = _error_of_sum(away - away.mean(), cover(programming, len(away)))
    error = math.hypot(spread / len(away), reference.error)
    alpha = float(np.exp(np.clip(-float(away.mean()) / reference.variance, -1.5, 1.5)))
    return Estimate(alpha, alpha * error / reference.variance, freedom)


def _error_of_sum(
    values: Float[np.ndarray, " reads"], unit: Int[np.ndarray, " reads"]
) -> tuple[float, float]:
    """Standard error of a sum whose terms are independent between units, and its freedom."""
    sums, sizes = np.bincount(unit, values), np.bincount(unit).astype(float)
    units = sizes.sum() ** 2 / (sizes**2).sum()
    if units < 1.5:  # one unit has no scatter
        return math.inf, 1.0
    return float(np.sqrt((sums**2).sum() * units / (units - 1))), units - 1


def _derivatives(aligned: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Score of each read, and the curvature of all."""
    wrong = 1 / (1 + np.exp(np.clip(alpha * aligned, -700, 700)))
    return (aligned * wrong).sum(axis=1), float((aligned**2 * wrong * (1 - wrong)).sum())


def _matrix(problem: BoltzmannProblem) -> csr_array:
    """Couplings as a matrix, each once."""
    (i, j), n = problem.graph.edges.numpy(), problem.graph.n_nodes
    return csr_array((problem.coupling.double().numpy(), (i, j)), shape=(n, n))
