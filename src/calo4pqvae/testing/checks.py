"""The promises that show without statistics: answers, clamps, seeds, starts, refusals.

Each function takes a `Subject` and returns what it found in a few words, or raises
`ConformanceError`.
"""

from dataclasses import replace

import torch
from torch import Tensor

from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.boltzmann.problem import BoltzmannProblem
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.errors import SamplerError
from calo4pqvae.testing.machines import known_machines
from calo4pqvae.testing.subject import ConformanceError, Subject, require

__all__ = [
    "check_answers",
    "check_clamps",
    "check_inputs",
    "check_refusals",
    "check_seeds",
    "check_start",
]


def check_answers(subject: Subject) -> str:
    """Answer requests of any number of chains with bits of the right shape and device."""
    for machine in known_machines():
        for chains in (1, 7, 65):
            sampler = subject.make(machine.graph, 0)
            require(isinstance(sampler, Sampler), f"{sampler!r} has no method `sample`")
            condition = machine.conditions(chains)
            problem = machine.problem(condition, subject.device)
            clamped = machine.clamped(condition, subject.device)
            states = sampler.sample(problem, clamped, 2)
            found = (states.dtype, tuple(states.shape), states.device)
            wanted = (torch.bool, (chains, machine.graph.n_nodes), clamped.device)
            require(found == wanted, f"the answer is {found}, not {wanted}")
            strided = clamped.T.contiguous().T
            again = subject.make(machine.graph, 0).sample(problem, strided, 2)
            require(
                torch.equal(states, again), "the answer depends on the strides of `clamped`"
            )
    return "1, 7 and 65 chains"


def check_clamps(subject: Subject) -> str:
    """Return every chain with its own clamped nodes, whatever its start says."""
    for machine in known_machines():
        condition = machine.conditions(999)
        opposite = ~machine.codes[condition]
        start = torch.cat([opposite, opposite.new_ones(999, machine.graph.n_latents)], dim=1)
        for sweeps in (0, 3):
            states = subject.draw(machine, condition, sweeps, start)
            moved = (states[:, : machine.graph.sizes[0]] == opposite).any(dim=1).sum()
            require(moved == 0, f"{moved} of 999 chains moved clamped nodes, {machine.name}")
    return "no clamped node moved"


def check_seeds(subject: Subject) -> str:
    """Repeat all states of a seed, and none but by chance for another seed or call."""
    machine = known_machines()[0]
    condition = machine.conditions(999)
    sampler = subject.make(machine.graph, 3)
    first, second = (subject.call(sampler, machine, condition, 5) for _ in range(2))
    again = subject.draw(machine, condition, 5, seed=3)
    require(torch.equal(first, again), "the same seed gave other states")
    require(not torch.equal(first, second), "two successive calls gave the same states")
    other = subject.draw(machine, condition, 5, seed=4)
    require(not torch.equal(first, other), "another seed gave the same states")
    return "repeated"


def check_start(subject: Subject) -> str:
    """Start from the given states, unless the sampler says ``ignores_start``."""
    machine = known_machines()[0]
    n0 = machine.graph.sizes[0]
    if getattr(subject.make(machine.graph, 0), "ignores_start", False):
        return "ignored, as declared"
    condition = machine.conditions(999)
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(999, machine.graph.n_nodes, generator=generator) < 0.5
    states = subject.draw(machine, condition, 0, start)
    require(torch.equal(states[:, n0:], start[:, n0:]), "0 sweeps did not return the start")
    ends = (torch.full_like(start, up) for up in (False, True))
    low, high = (subject.draw(machine, condition, 1, end) for end in ends)
    require(not torch.equal(low, high), "the start does not matter after 1 sweep")
    return "honoured"


def check_inputs(subject: Subject) -> str:
    """Leave problem, clamped nodes and start as they are, and return memory of its own."""
    for machine in known_machines():
        condition = machine.conditions(65)
        problem = machine.problem(condition, subject.device)
        clamped = machine.clamped(condition, subject.device)
        start = clamped.new_ones(65, machine.graph.n_nodes)
        inputs = {
            "bias": problem.bias,
            "coupling": problem.coupling,
            "clamped": clamped,
            "start": start,
        }
        before = {name: tensor.clone() for name, tensor in inputs.items()}
        for sweeps in (0, 2):
            states = subject.make(machine.graph, 0).sample(problem, clamped, sweeps, start)
            states.logical_not_()
            changed = [name for name in inputs if not torch.equal(inputs[name], before[name])]
            require(not changed, f"sampling or its result changed {', '.join(changed)}")
    return "left alone"


def check_refusals(subject: Subject) -> str:
    """Refuse each malformed request with one line of `SamplerError`."""
    requests = _malformed_requests(subject)
    for name, (problem, clamped, sweeps, start) in requests.items():
        try:
            subject.make(problem.graph, 0).sample(problem, clamped, sweeps, start)
        except SamplerError as error:
            require(str(error) and "\n" not in str(error), f"{name}: not a one-line error")
        except Exception as error:
            raise ConformanceError(
                f"{name}: {type(error).__name__}, not SamplerError"
            ) from error
        else:
            raise ConformanceError(f"{name}: not refused")
    return f"{len(requests)} requests refused"


Request = tuple[BoltzmannProblem, Tensor, int, Tensor | None]


def _malformed_requests(subject: Subject) -> dict[str, Request]:
    machine = known_machines()[0]
    condition = machine.conditions(5)
    good = machine.problem(condition, subject.device)
    clamped = machine.clamped(condition, subject.device)
    start = clamped.new_zeros(5, machine.graph.n_nodes + 1)
    broken = [machine.problem(condition, subject.device) for _ in range(2)]
    broken[0].coupling[1] = torch.nan
    broken[1].bias[0, -1] = torch.inf
    closed = FourPartiteGraph.complete((2, 0, 0, 0))
    none_free = BoltzmannProblem(closed, good.bias[:, :2], good.coupling[:0])
    return {
        "a coupling that is not a number": (broken[0], clamped, 1, None),
        "an infinite bias": (broken[1], clamped, 1, None),
        "too few clamped nodes": (good, clamped[:, 1:], 1, None),
        "too many clamped nodes": (good, start[:, :3], 1, None),
        "biases of 2 chains for 5": (
            replace(good, bias=good.bias.repeat(2, 1)),
            clamped,
            1,
            None,
        ),
        "a start with a node too many": (good, clamped, 1, start),
        "a negative number of sweeps": (good, clamped, -1, None),
        "no free node": (none_free, clamped, 1, None),
    }
