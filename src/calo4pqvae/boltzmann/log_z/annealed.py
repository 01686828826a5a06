r"""Annealed importance sampling: ln Z(u) of machines too large to enumerate, from both sides.

Independent bits with log-odds a are joined to the machine by
$-E_\beta(u, x) = (1 - \beta)\, a \cdot x - \beta E(u, x)$ with $\beta$ from 0 to 1. At
$\beta = 0$ the normaliser is known and one sweep draws exact samples. By default a is the
field that biases and clamped nodes exert, so that only the couplings among free nodes are
switched on. Log-odds of the machine's own mean bits (`matched_base`) make the way shorter:
the couplings of a trained machine and its biases largely cancel, and then do so all along.

Source: Neal, Statistics and Computing 11 (2001) 125; reverse chains: Burda, Grosse and
Salakhutdinov, AISTATS 2015.
"""

from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.boltzmann.energy import EnergyOperator
from calo4pqvae.boltzmann.log_z.normaliser import LogZEstimate
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.errors import SamplerError

__all__ = ["even_schedule", "forward_log_z", "matched_base", "reverse_log_z"]


def even_schedule(n_temperatures: int = 200) -> Float[Tensor, " steps"]:
    """Let the inverse temperature rise from 0 to 1 in equal steps.

    Arguments:
        n_temperatures: number of values, both ends included.

    Raises:
        SamplerError: fewer than 2 values.

    Example:
        >>> even_schedule(5)
        tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000], dtype=torch.float64)
    """
    if n_temperatures < 2:
        raise SamplerError(f"a schedule needs at least 2 temperatures, not {n_temperatures}")
    return torch.linspace(0, 1, n_temperatures, dtype=torch.float64)


def matched_base(
    samples: Bool[Tensor, "conditions chains nodes"], n_clamped: int
) -> Float[Tensor, "conditions free"]:
    """Take the log-odds of the mean free bits, half a count added on either side.

    Weights stay unbiased if the chains that chose the base are not those annealed from it.

    Arguments:
        samples: states of the machine, at least roughly equilibrated.
        n_clamped: number of nodes of the clamped partition.
    """
    free = samples[:, :, n_clamped:]
    ones = free.sum(dim=1, dtype=torch.float64)
    return torch.log((ones + 0.5) / (free.shape[1] - ones + 0.5))


@torch.no_grad()
def forward_log_z(
    problem: BoltzmannProblem,
    clamped: Bool[Tensor, "conditions clamped"],
    sampler: Sampler,
    schedule: Float[Tensor, " steps"],
    *,
    chains: int = 64,
    sweeps: int = 1,
    base: Float[Tensor, "conditions free"] | None = None,
) -> LogZEstimate:
    r"""Anneal from independent bits to the machine: a stochastic lower bound of ln Z(u).

    The mean weight is an unbiased estimate of $Z(u) = \sum_x e^{-E(u, x)}$, so that its
    logarithm lies below ln Z(u) in expectation.

    Arguments:
        problem: biases (one row, or one per condition) and couplings.
        clamped: states u of the clamped partition.
        sampler: draws the chains; a sweep must leave the distribution invariant.
        schedule: inverse temperatures, rising from 0 to 1.
        chains: independent chains per condition.
        sweeps: sweeps at each temperature.
        base: log-odds of the independent bits; those of `problem.field` when absent.

    Raises:
        SamplerError: the schedule does not rise from 0 to 1, there are fewer than 2 chains
            or no sweep, or sizes do not match.

    Example:
        >>> graph = zephyr(6).unclamped()
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 24), torch.ones(graph.n_edges))
        >>> sampler = CompiledGibbs(graph, SharedNoise(seed=1))
        >>> found = forward_log_z(problem, graph.nothing_clamped(1), sampler, even_schedule(50))
        >>> exact = exact_log_z(problem, graph.nothing_clamped(1))
        >>> bool((found.value - exact).abs() < 5 * found.error)
        True
    """
    betas = _check(schedule, chains, sweeps)
    path = _Path(problem, clamped, chains, base)
    start = sampler.sample(path.at(0.0), path.clamped, 1)
    log_ratio = _anneal(path, sampler, betas, sweeps, start)
    return LogZEstimate.from_log_weights(path.base_log_z[:, None] + log_ratio)


@torch.no_grad()
def reverse_log_z(
    problem: BoltzmannProblem,
    samples: Bool[Tensor, "conditions chains nodes"],
    sampler: Sampler,
    schedule: Float[Tensor, " steps"],
    *,
    sweeps: int = 1,
    base: Float[Tensor, "conditions free"] | None = None,
) -> LogZEstimate:
    """Anneal samples of the machine back to independent bits: an upper bound of ln Z(u).

    Reverse annealed importance sampling. The bound is stochastic: above ln Z(u) in expectation.

    The mean weight is an unbiased estimate of 1/Z(u) if the samples follow the machine's
    conditional distribution. Samples that have not equilibrated give no bound.

    Arguments:
        problem: biases (one row, or one per condition) and couplings.
        samples: independent states; those of one condition share their clamped partition.
        sampler: draws the chains; a sweep must leave the distribution invariant.
        schedule: inverse temperatures, rising from 0 to 1, which are run through backwards.
        sweeps: sweeps at each temperature.
        base: log-odds of the independent bits; those of `problem.field` when absent.

    Raises:
        SamplerError: as for `forward_log_z`, or the samples of a condition are clamped
            differently.

    Example:
        >>> graph = zephyr(3).unclamped()
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 12), torch.ones(graph.n_edges))
        >>> sampler = CompiledGibbs(graph, SharedNoise(seed=1))
        >>> samples = sampler.sample(problem, graph.nothing_clamped(500), sweeps=100)
        >>> found = reverse_log_z(problem, samples[None], sampler, even_schedule(50))
        >>> exact = exact_log_z(problem, graph.nothing_clamped(1))
        >>> bool((found.value - exact).abs() < 5 * found.error)
        True
    """
    conditions, chains, n_nodes = samples.shape
    betas = _check(schedule, chains, sweeps)
    codes = samples[:, :, : problem.graph.sizes[0]]
    if bool((codes != codes[:, :1]).any()):
        raise SamplerError(
            "samples of one condition have different clamped nodes; sort them by condition"
        )
    path = _Path(problem, codes[:, 0], chains, base)
    start = samples.reshape(conditions * chains, n_nodes)
    log_ratio = _anneal(path, sampler, betas[::-1], sweeps, start)
    return LogZEstimate.from_log_weights(log_ratio - path.base_log_z[:, None], reverse=True)


class _Path:
    """The machines between independent bits and the problem, one chain per row."""

    def __init__(
        self, problem: BoltzmannProblem, clamped: Tensor, chains: int, base: Tensor | None
    ) -> None:
        exact, n0 = problem.double(), problem.graph.sizes[0]
        field = exact.field(clamped)
        base = field if base is None else base.to(field)
        if base.shape != field.shape:
            raise SamplerError(
                f"log-odds of shape {tuple(base.shape)} do not fit {len(clamped)} conditions "
                f"of {field.shape[1]} free nodes"
            )
        self.base_log_z = torch.logaddexp(base, base.new_zeros(())).sum(dim=1)
        self.clamped = clamped.repeat_interleave(chains, dim=0)
        padded = torch.nn.functional.pad(base, (n0, 0))
        self._graph, self._dtype = problem.graph, problem.coupling.dtype
        self._coupling = exact.coupling
        self._base = padded.repeat_interleave(chains, dim=0)
        self._tilt = (exact.bias - padded).repeat_interleave(chains, dim=0)
        self._energy = EnergyOperator(problem.graph, exact.coupling, self._tilt)

    def at(self, beta: float) -> BoltzmannProblem:
        """State the problem at one inverse temperature, in the precision of the sampler."""
        bias, coupling = self._base + beta * self._tilt, beta * self._coupling
        return BoltzmannProblem(self._graph, bias.to(self._dtype), coupling.to(self._dtype))

    def slope(self, states: Tensor) -> Tensor:
        r"""Evaluate $-\partial E_\beta / \partial\beta = -E - a \cdot x$ of each chain."""
        return -self._energy(states)


def _anneal(
    path: _Path, sampler: Sampler, betas: list[float], sweeps: int, states: Tensor
) -> Tensor:
    log_ratio = torch.zeros(len(states), dtype=torch.float64, device=states.device)
    for now, after in pairwise(betas):
        log_ratio += (after - now) * path.slope(states)
        states = sampler.sample(path.at(after), path.clamped, sweeps, states)
    return log_ratio.reshape(len(path.base_log_z), -1)


def _check(schedule: Tensor, chains: int, sweeps: int) -> list[float]:
    betas = schedule.tolist()
    if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1:
        raise SamplerError("a schedule of inverse temperatures must go from 0 to 1")
    if not all(now < after for now, after in pairwise(betas)):
        raise SamplerError("a schedule of inverse temperatures must rise at every step")
    if chains < 2:
        raise SamplerError(f"an error needs at least 2 chains per condition, not {chains}")
    if sweeps < 1:
        raise SamplerError(f"each temperature needs at least 1 sweep, not {sweeps}")
    return betas
