"""Block Gibbs sampling in torch: partition after partition, all chains at once."""

import warnings

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.neighbours import Neighbours
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import check_noise, check_request

__all__ = ["GibbsSampler"]


class GibbsSampler:
    r"""Draw chains with partition 0 clamped, on any torch device.

    One sweep draws the other partitions in turn from
    $p(z_i = 1 | rest) = \sigma(b_i + \sum_j W_{ij} z_j)$. Only couplers that exist are
    touched: the neighbours of a partition are one sparse matrix.

    Arguments:
        graph: nodes and couplers.
        noise: source of random numbers; its device is the sampler's.

    Example:
        >>> graph = PartiteGraph.complete([0, 2, 2])
        >>> pull = torch.tensor([[9.0, -9.0, 9.0, -9.0]])
        >>> problem = BoltzmannProblem(graph, pull, torch.zeros(4))
        >>> sampler = GibbsSampler(graph, SharedNoise(seed=1))
        >>> sampler.sample(problem, torch.empty(1, 0, dtype=torch.bool), sweeps=1)
        tensor([[ True, False,  True, False]])
    """

    def __init__(self, graph: PartiteGraph, noise: SharedNoise) -> None:
        check_noise(noise)
        self.graph, self.noise = graph, noise
        self.device = noise.generator.device
        near = Neighbours.of(graph)
        self._rows = [
            _PartitionRows(near, nodes, graph.n_nodes, self.device)
            for nodes in graph.partitions[1:]
        ]

    @torch.no_grad()
    def sample(
        self,
        problem: BoltzmannProblem,
        clamped: Bool[Tensor, "chains clamped"],
        sweeps: int,
        start: Bool[Tensor, "chains nodes"] | None = None,
    ) -> Bool[Tensor, "chains nodes"]:
        """Run every chain for a number of sweeps and return its last state.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            clamped: state of the clamped partition of each chain.
            sweeps: number of sweeps.
            start: initial states; random bits when absent. Its clamped partition is
                replaced by `clamped`.

        Raises:
            SamplerError: the request is one that `check_request` refuses.
        """
        check_request(problem, clamped, sweeps, start, self.graph)
        chains, n0 = clamped.shape
        if start is None:
            start = self.noise.uniform(chains, self.graph.n_nodes) < 0.5
        state = start.T.to(problem.coupling.dtype, copy=True)
        state[:n0] = clamped.T.to(state.dtype)
        bias = problem.bias.T
        matrices = [rows.matrix(problem.coupling) for rows in self._rows]
        for _ in range(sweeps):
            for rows, matrix in zip(self._rows, matrices, strict=True):
                field = matrix @ state + bias[rows.nodes]
                draw = self.noise.uniform(chains, field.shape[0]).T
                state[rows.nodes] = (draw < torch.sigmoid(field)).to(state.dtype)
        return state.T.bool()


class _PartitionRows:
    """The couplers of one partition as a sparse matrix whose values are filled per call."""

    def __init__(
        self, near: Neighbours, nodes: slice, n_nodes: int, device: torch.device
    ) -> None:
        self.nodes, self._shape = nodes, (nodes.stop - nodes.start, n_nodes)
        starts = near.first[nodes.start : nodes.stop + 1].astype(np.int64)
        entries = slice(starts[0], starts[-1])
        self._starts, self._columns, self._edge = (
            torch.from_numpy(values.astype(np.int64)).to(device)
            for values in (starts - starts[0], near.node[entries], near.edge[entries])
        )

    def matrix(self, coupling: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support", UserWarning)
            return torch.sparse_csr_tensor(
                self._starts,
                self._columns,
                coupling[self._edge],
                self._shape,
                check_invariants=False,
            )
