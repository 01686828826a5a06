"""Block Gibbs with dense matrices: the design of the paper's implementation, in our words.

Every pair of partitions has a full matrix of couplings, zero where there is no coupler, and
the field of a partition is the sum of three products with the states of the other three.
"""

import torch
from torch import Tensor

from calo4pqvae.bench.contender import Draw, Prepare, Task
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["dense_blocks"]


def dense_blocks(task: Task) -> Prepare:
    """Set up the dense matrices; partition 0 takes part in the products and is not drawn."""
    device = torch.device(task.device)
    code = task.lattice.codes(task.chains).to(device, torch.float32)
    biases, blocks = _parameters(task.lattice.whole, device)

    def prepare(seed: int) -> Draw:
        generator = torch.Generator(device).manual_seed(seed)

        @torch.no_grad()
        def draw() -> Tensor:
            states = [code, *(_flip(b.expand(task.chains, -1), generator) for b in biases)]
            for _ in range(task.sweeps):
                for p in (1, 2, 3):
                    field = biases[p - 1]
                    for q, block in blocks[p].items():
                        field = field + states[q] @ block
                    states[p] = _flip(field, generator)
            return torch.cat(states[1:], dim=1).bool().cpu()

        return draw

    return prepare


def _flip(field: Tensor, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(field.shape, generator=generator, device=field.device)
    return (uniform < torch.sigmoid(field)).to(field.dtype)


def _parameters(
    problem: BoltzmannProblem, device: torch.device
) -> tuple[list[Tensor], dict[int, dict[int, Tensor]]]:
    """Biases of partitions 1 to 3, and the matrix from each partition q to each p."""
    graph, parts = problem.graph, problem.graph.partitions
    i, j = graph.edges
    matrix = torch.zeros(graph.n_nodes, graph.n_nodes)
    matrix[i, j] = matrix[j, i] = problem.coupling
    matrix, bias = matrix.to(device), problem.bias.to(device)
    blocks = {
        p: {q: matrix[parts[q], parts[p]].contiguous() for q in range(4) if q != p}
        for p in (1, 2, 3)
    }
    return [bias[:, parts[p]] for p in (1, 2, 3)], blocks
