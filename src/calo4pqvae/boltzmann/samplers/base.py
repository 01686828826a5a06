"""What every sampler promises, and the one place where requests to samplers are checked."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.errors import SamplerError

__all__ = ["Sampler", "check_noise", "check_request"]


@runtime_checkable
class Sampler(Protocol):
    """Anything that draws states of a Boltzmann problem whose partition 0 is clamped.

    A sampler is made with its seed and its device. Each call goes on in its stream of random
    numbers: the same calls after the same seed give the same states, and no two calls, chains
    or seeds share random numbers. It leaves the tensors that it is given as they are.

    Chains that persist are a plain value, the returned states: keep them, store them, and
    give them back as `start`. Energies are `problem.energy(states)`.

    A sampler whose states do not depend on `start` says so by an attribute
    ``ignores_start = True``; one whose chains depend on their number, the key of the call and
    their own problem alone, so that any of them can be had without the others, by
    ``numbers_chains = True``. `calo4pqvae.testing` checks the promises that all make.
    """

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
            sweeps: number of sweeps; 0 returns the start with `clamped` in its place.
            start: initial states, as the sampler chooses when absent. Its clamped partition
                is replaced by `clamped`.

        Raises:
            SamplerError: what `check_request` refuses.
        """
        ...


def check_noise(noise: object) -> None:
    """Refuse what is no source of random numbers, such as a bare seed.

    Raises:
        SamplerError: with what to give.
    """
    if not isinstance(noise, SharedNoise):
        raise SamplerError(
            f"a sampler takes its random numbers from SharedNoise(seed), not from {noise!r}"
        )


def check_request(
    problem: BoltzmannProblem,
    clamped: Tensor,
    sweeps: int,
    start: Tensor | None = None,
    graph: PartiteGraph | None = None,
) -> None:
    """Refuse what no sampler can answer; every sampler calls this first.

    Arguments:
        problem: biases and couplings; looked at again, as their tensors may have changed.
        clamped: state of the clamped partition of each chain.
        sweeps: number of sweeps.
        start: initial states, if any.
        graph: graph that the sampler was made for, if it was made for one.

    Raises:
        SamplerError: sizes, types, devices or graphs do not match, a bias or coupling is not
            finite, no node is free, or the number of sweeps is negative.

    Example:
        >>> graph = PartiteGraph.complete([1, 2])
        >>> problem = BoltzmannProblem(graph, torch.zeros(1, 3), torch.zeros(2))
        >>> check_request(problem, clamped=torch.tensor([[True]]), sweeps=-1)
        Traceback (most recent call last):
        calo4pqvae.errors.SamplerError: the number of sweeps must be >= 0, not -1
    """
    problem.check()
    nodes, n0 = problem.graph.n_nodes, problem.graph.sizes[0]
    chains = len(clamped)
    if graph is not None and not _same(problem.graph, graph):
        raise SamplerError("the problem lives on another graph than the sampler")
    if problem.graph.n_latents == 0:
        raise SamplerError(f"all {nodes} nodes are clamped, none is left to sample")
    if clamped.ndim != 2 or clamped.shape[1] != n0:
        raise SamplerError(
            f"clamped states have {clamped.shape[-1]} nodes, the clamped partition {n0}"
        )
    if len(problem.bias) not in {1, chains}:
        raise SamplerError(f"{len(problem.bias)} rows of biases do not fit {chains} chains")
    if start is not None and start.shape != (chains, nodes):
        raise SamplerError(
            f"initial states of shape {tuple(start.shape)} do not fit "
            f"{chains} chains of {nodes} nodes"
        )
    if sweeps < 0:
        raise SamplerError(f"the number of sweeps must be >= 0, not {sweeps}")
    _check_states(problem, [clamped] if start is None else [clamped, start])


def _check_states(problem: BoltzmannProblem, states: list[Tensor]) -> None:
    if any(tensor.dtype != torch.bool for tensor in states):
        raise SamplerError("clamped and initial states must be tensors of type bool")
    devices = {t.device for t in (problem.bias, problem.coupling, *states)}
    if len(devices) > 1:
        names = ", ".join(sorted(map(str, devices)))
        raise SamplerError(f"problem and states lie on several devices: {names}")


def _same(a: PartiteGraph, b: PartiteGraph) -> bool:
    return a is b or (a.sizes == b.sizes and torch.equal(a.edges, b.edges))
