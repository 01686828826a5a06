"""Enumeration of small machines: the oracle that every other sampler is tested against."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.errors import SamplerError
from calo4pqvae.prior.problem import BoltzmannProblem

__all__ = ["ExactSampler", "enumerate_states"]


def enumerate_states(n_nodes: int) -> Bool[Tensor, "states nodes"]:
    """List all 2^n states; node 0 is the most significant bit.

    Raises:
        SamplerError: more than 24 nodes.
    """
    if n_nodes > 24:
        raise SamplerError(f"enumerating 2^{n_nodes} states is too much; 24 nodes is the limit")
    states = torch.arange(2**n_nodes)[:, None] >> torch.arange(n_nodes - 1, -1, -1)
    return (states & 1).bool()


class ExactSampler:
    """Draw independent samples from the enumerated conditional distribution.

    Arguments:
        generator: source of random numbers.
    """

    def __init__(self, generator: torch.Generator | None = None) -> None:
        self.generator = generator

    def sample(
        self, problem: BoltzmannProblem, clamped: Bool[Tensor, "chains clamped"]
    ) -> Bool[Tensor, "chains nodes"]:
        """Draw one state per chain given its conditioning partition.

        Raises:
            SamplerError: the free nodes are too many to enumerate, or sizes do not match.
        """
        probabilities, states = self.conditional(problem, clamped)
        chosen = torch.multinomial(probabilities, 1, generator=self.generator)[:, 0]
        return torch.cat([clamped, states[chosen]], dim=1)

    def conditional(
        self, problem: BoltzmannProblem, clamped: Bool[Tensor, "chains clamped"]
    ) -> tuple[Float[Tensor, "chains states"], Bool[Tensor, "states free"]]:
        """Compute p(free | clamped) for every chain, and the list of free states."""
        if clamped.shape[1] != problem.graph.sizes[0]:
            raise SamplerError(
                f"clamped states have {clamped.shape[1]} nodes, "
                f"the conditioning partition {problem.graph.sizes[0]}"
            )
        if len(problem.bias) not in {1, len(clamped)}:
            raise SamplerError(
                f"{len(problem.bias)} rows of biases do not fit {len(clamped)} chains"
            )
        states = enumerate_states(problem.graph.n_latents)
        rows = [self._log_weights(problem, chain, c, states) for chain, c in enumerate(clamped)]
        return torch.softmax(torch.stack(rows), dim=1), states

    @staticmethod
    def _log_weights(
        problem: BoltzmannProblem, chain: int, clamped: Tensor, states: Tensor
    ) -> Tensor:
        full = torch.cat([clamped.expand(len(states), -1), states], dim=1)
        bias = problem.bias[min(chain, len(problem.bias) - 1)]
        single = BoltzmannProblem(problem.graph, bias[None], problem.coupling)
        return -single.energy(full)
