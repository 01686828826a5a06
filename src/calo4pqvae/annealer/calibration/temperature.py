r"""How cold were these states? Estimates of an inverse temperature, each with its error.

States were drawn with a problem's values divided by b on an annealer of inverse temperature
$\beta$; they follow $e^{-\alpha E}$ with $\alpha = \beta / b$ if the annealer is perfect. Two
ways to find $\alpha$ from the states are here. They agree on a perfect annealer. Errors of the
control make the energies too high for the local correlations, and the two differ.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.sparse import csr_array
from torch import Tensor

from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.errors import AnnealerError

__all__ = [
    "Estimate",
    "Reference",
    "energies",
    "local_fields",
    "match_energies",
    "pseudo_likelihood",
]

_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error."""

    value: float
    error: float

    def times(self, factor: float) -> "Estimate":
        """Scale both."""
        return Estimate(self.value * factor, self.error * abs(factor))

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


def pseudo_likelihood(
    problem: BoltzmannProblem, states: Bool[Tensor, "chains nodes"]
) -> Estimate:
    r"""Maximise $\sum_{ri} \ln \sigma(\alpha (2 z_{ri} - 1) f_{ri})$ over reads and free nodes.

    Newton's method, from one batch of states and without classical ones. The error is the
    sandwich $\sqrt{\sum_r s_r^2} / A$ of the scores s of whole reads and the curvature A, since
    nodes of one read are not independent; reads are taken to be.

    Arguments:
        problem: biases (one row, or one per read) and couplings, in the model's units.
        states: reads; their clamped nodes as they were held.

    Raises:
        AnnealerError: the states are local minima, which fit any low temperature, or no
            neighbour of any node has a coupling.

    Source: Besag, The Statistician 24 (1975) 179; as in D-Wave's
    `maximum_pseudolikelihood_temperature`, whose errors come from a bootstrap.
    """
    n0 = problem.graph.sizes[0]
    aligned = (local_fields(problem, states) * (2.0 * states[:, n0:].double() - 1)).numpy()
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
    return Estimate(alpha, float(np.sqrt((score**2).sum()) / curvature))


def match_energies(
    problem: BoltzmannProblem, states: Bool[Tensor, "conditions nodes"], reference: Reference
) -> Estimate:
    r"""Compare energies with classical ones: $\alpha = \exp(-\langle E - E_c\rangle / V)$.

    As $\mathrm d \langle E\rangle / \mathrm d\alpha = -V$, the variance within a condition,
    this is Newton's step for the temperature at which mean energies agree, in the logarithm so
    that it stays positive. Far from $\alpha = 1$ it is a step, near 1 an estimate.

    Arguments:
        problem: biases (one row, or one per condition) and couplings.
        states: one read under each condition of the reference.
        reference: classical energies.
    """
    away = energies(problem, states) - reference.mean
    error = (float(away.var()) / len(away) + reference.error**2) ** 0.5
    alpha = float(np.exp(np.clip(-float(away.mean()) / reference.variance, -1.5, 1.5)))
    return Estimate(alpha, alpha * error / reference.variance)


def _derivatives(aligned: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Score of each read, and the curvature of all."""
    wrong = 1 / (1 + np.exp(np.clip(alpha * aligned, -700, 700)))
    return (aligned * wrong).sum(axis=1), float((aligned**2 * wrong * (1 - wrong)).sum())


def _matrix(problem: BoltzmannProblem) -> csr_array:
    """Couplings as a matrix, each once."""
    (i, j), n = problem.graph.edges.numpy(), problem.graph.n_nodes
    return csr_array((problem.coupling.double().numpy(), (i, j)), shape=(n, n))
