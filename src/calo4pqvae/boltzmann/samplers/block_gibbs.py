"""Block Gibbs sampling in torch: partition after partition, all chains at once."""

import warnings

import torch
from jaxtyping import Bool
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
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
        self._rows = [_PartitionRows(graph, p, self.device) for p in range(1, len(graph.sizes))]

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

    def __init__(self, graph: PartiteGraph, partition: int, device: torch.device) -> None:
        self.nodes = graph.partitions[partition]
        ends = torch.cat([graph.edges, graph.edges.flip(0)], dim=1)
        which = torch.arange(graph.n_edges).repeat(2)
        mine = (ends[0] >= self.nodes.start) & (ends[0] < self.nodes.stop)
        rows, columns, which = ends[0][mine] - self.nodes.start, ends[1][mine], which[mine]
        order = torch.argsort(rows * graph.n_nodes + columns)
        n_rows = self.nodes.stop - self.nodes.start
        self._shape = (n_rows, graph.n_nodes)
        starts = torch.zeros(n_rows + 1, dtype=torch.int64)
        starts[1:] = torch.bincount(rows, minlength=n_rows).cumsum(0)
        self._starts, self._columns = starts.to(device), columns[order].to(device)
        self._edge = which[order].to(device)

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
