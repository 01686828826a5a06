"""Enumeration of small machines: the oracle that every other sampler is tested against."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.energy import EnergyOperator
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import check_request
from calo4pqvae.errors import SamplerError

__all__ = ["ExactSampler", "enumerate_states"]

_BLOCK = 2**22
"""Probabilities held in memory at a time while sampling: 32 MB."""

_LISTED = 2**18
"""States whose energies are evaluated at a time, to bound the memory."""


def enumerate_states(n_nodes: int) -> Bool[Tensor, "states nodes"]:
    """List all 2^n states; node 0 is the most significant bit.

    Example:
        >>> enumerate_states(2).int().tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]

    Raises:
        SamplerError: more than 24 nodes.
    """
    if n_nodes > 24:
        raise SamplerError(f"enumerating 2^{n_nodes} states is too much; 24 nodes is the limit")
    states = torch.arange(2**n_nodes)[:, None] >> torch.arange(n_nodes - 1, -1, -1)
    return (states & 1).bool()


class ExactSampler:
    """Draw independent samples from the enumerated conditional distribution.

    It obeys `samplers.base.Sampler`, but has no use for sweeps and initial states: every state
    is a fresh draw. All is computed in double precision.

    Arguments:
        noise: source of random numbers; that of seed 0 when absent.

    Example:
        >>> graph = PartiteGraph.complete([1, 1])
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 2), torch.tensor([math.log(3)]))
        >>> probability, _ = ExactSampler().conditional(problem, torch.tensor([[True]]))
        >>> probability
        tensor([[0.2500, 0.7500]], dtype=torch.float64)
    """

    ignores_start = True

    def __init__(self, noise: SharedNoise | None = None) -> None:
        self.noise = SharedNoise(0) if noise is None else noise

    @torch.no_grad()
    def sample(
        self,
        problem: BoltzmannProblem,
        clamped: Bool[Tensor, "chains clamped"],
        sweeps: int = 0,
        start: Bool[Tensor, "chains nodes"] | None = None,
    ) -> Bool[Tensor, "chains nodes"]:
        """Draw one state per chain given its clamped partition.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            clamped: state of the clamped partition of each chain.
            sweeps: checked, otherwise ignored.
            start: checked, otherwise ignored.

        Raises:
            SamplerError: the free nodes are too many to enumerate, or the request is one that
                `check_request` refuses.
        """
        check_request(problem, clamped, sweeps, start)
        states = enumerate_states(problem.graph.n_latents).to(clamped.device)
        coarse, fine = self.noise.uniform(len(clamped), 2).double().T
        uniform = coarse + 2.0**-24 * fine
        drawn = []
        chains = torch.arange(len(clamped), device=clamped.device)
        for rows in chains.split(max(1, _BLOCK // len(states))):
            weights = _log_weights(problem.take(rows), clamped[rows], states)
            total = torch.softmax(weights, dim=1).cumsum(1)
            chosen = torch.searchsorted(total, uniform[rows, None] * total[:, -1:])[:, 0]
            drawn.append(states[chosen])
        return torch.cat([clamped, torch.cat(drawn)], dim=1)

    def conditional(
        self, problem: BoltzmannProblem, clamped: Bool[Tensor, "chains clamped"]
    ) -> tuple[Float[Tensor, "chains states"], Bool[Tensor, "states free"]]:
        """Compute p(free | clamped) for every chain, and the list of free states.

        Raises:
            SamplerError: as `sample`.
        """
        check_request(problem, clamped, 0)
        states = enumerate_states(problem.graph.n_latents).to(clamped.device)
        return torch.softmax(_log_weights(problem, clamped, states), dim=1), states


def _log_weights(
    problem: BoltzmannProblem, clamped: Tensor, states: Tensor
) -> Float[Tensor, "chains states"]:
    """-E of all free states of each chain, without the part that is the same for all."""
    free = problem.double().fold(clamped)
    couplings_alone = EnergyOperator(free.graph, free.coupling)
    parts = [couplings_alone(part) for part in states.split(_LISTED)]
    return free.bias @ states.T.double() - torch.cat(parts)
