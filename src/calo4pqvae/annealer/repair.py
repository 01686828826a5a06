"""A machine for a chip with holes: laid where it loses least, and fitted anew where it lost.

Nodes that carry nothing are dropped, couplers that are never used are not asked for. What is
still missing at the best place costs likelihood; parameters around it are then fitted to states
of the machine as it was, so that no showers and no training are needed.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise, derive_seed
from calo4pqvae.annealer.chip.working_graph import WorkingGraph, lattice_of
from calo4pqvae.annealer.programs.search import Found, search_place
from calo4pqvae.annealer.request import Request
from calo4pqvae.boltzmann.divergence import Divergence, divergence
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.boltzmann.natural_gradient import climb
from calo4pqvae.boltzmann.reduction import on_graph, restrict
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.errors import AnnealerError

__all__ = ["Repair", "coupler_prices", "repair"]

STEPS, SWEEPS = 80, 20
"""Natural-gradient steps and sweeps between them; twice as many gain less than a twentieth of
what is lost."""

CONDITIONS = 24
"""Conditions over which the divergence is averaged."""

_RIDGE = 1e-6
"""Pull of the fitted parameters to zero: they start where the machine was, not at zero."""


@dataclass(frozen=True, eq=False)
class Repair:
    """A machine on a chip, and what that took.

    Attributes:
        machine: the machine; labels of its nodes are qubits of the chip.
        nodes: which nodes of the original it has.
        chip: name of the chip's solver, with the fingerprint of its working graph.
        fingerprint: that fingerprint.
        asked, lost, added: couplers it used, those that the chip lacks, and new ones.
        tried: places that were compared.
        before, after: nats lost with what is missing left out, and in the machine; exactly
            zero where nothing is missing, equal where a fit does not help.
    """

    machine: BoltzmannMachine
    nodes: Bool[Tensor, " original"]
    chip: str
    fingerprint: str
    asked: int
    lost: int
    added: int
    tried: int
    before: Divergence
    after: Divergence

    def describe(self) -> dict[str, Any]:
        """State it as JSON can hold it."""
        numbers = {name: getattr(self, name) for name in ("asked", "lost", "added", "tried")}
        return {
            "chip": self.chip,
            "graph": self.fingerprint,
            "nodes": self.machine.graph.n_nodes,
            **numbers,
            "nats_before": list(self.before),
            "nats_after": list(self.after),
        }


def coupler_prices(
    machine: BoltzmannMachine,
    states: Bool[Tensor, "states nodes"],
    t: Float[Tensor, "states 1"],
) -> Float[Tensor, " edges"]:
    r"""Estimate the cost of losing each coupler: $\frac12\langle W_{ij}^2 v_i v_j\rangle$ nats.

    To second order, leaving out a coupling loses half the variance of the term that goes,
    $W_{ij} (z_i - p_i)(z_j - p_j)$, with $p_i$ the probability of a node given all others and
    $v_i = p_i (1 - p_i)$.

    Arguments:
        machine: the machine.
        states: its states.
        t: condition of each.

    Example:
        >>> machine = BoltzmannMachine(PartiteGraph.complete([0, 1, 2]))
        >>> machine.coupling += torch.tensor([1.0, 2.0])
        >>> coupler_prices(machine, torch.zeros(1, 3, dtype=torch.bool), torch.zeros(1, 1))
        tensor([0.0312, 0.1250])
    """
    i, j = machine.graph.edges
    total = torch.zeros(machine.graph.n_edges)
    for rows in machine.groups(t):
        problem, z = machine.problem(t[rows]), states[rows].float()
        field = problem.bias.expand(len(rows), -1).clone()
        field.index_add_(1, i, z[:, j] * problem.coupling)
        field.index_add_(1, j, z[:, i] * problem.coupling)
        p = torch.sigmoid(field)
        v = p * (1 - p)
        total += (problem.coupling**2 * v[:, i] * v[:, j]).sum(dim=0) / 2
    return total / len(states)


def repair(
    request: Request,
    chip: WorkingGraph,
    *,
    sweeps: int,
    nodes: Bool[Tensor, " nodes"] | None = None,
    held: bool = False,
    seed: int = 0,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Repair:
    """Lay a machine on a chip, and fit anew what it lost there.

    Arguments:
        request: the machine, and conditions like those that its chains will have; some
            thousand.
        chip: the chip's working graph.
        sweeps: Gibbs sweeps from random bits that chains need.
        nodes: nodes that carry something; the others stay 0. All when None.
        held: whether the clamped partition needs qubits, being held there by flux biases.
        seed: seed of search and fit.
        on_stage: told the name of each stage before it.

    Raises:
        AnnealerError: the chip is of another kind, too small, or has too few qubits.

    Example:
        >>> machine = BoltzmannMachine(zephyr(6, m=2), scale=0.5)
        >>> chip = WorkingGraph.perfect("zephyr", (2, 4)).with_defects(150, 1000, seed=1)
        >>> found = repair(Request(machine, torch.rand(99, 6) < 0.5), chip, sweeps=50)
        >>> found.asked > 0, bool(chip.has_qubits(found.machine.graph.labels[6:].numpy()).all())
        (True, True)
    """
    machine, clamped = request.machine, request.clamped
    t = machine.condition(request.t, len(clamped))
    if nodes is None:
        nodes = torch.ones(machine.graph.n_nodes, dtype=torch.bool)
    ideal = restrict(machine, nodes, machine.used_edges)
    graph = ideal.graph
    on_stage("states")
    sampler = choose_sampler(graph, SharedNoise(derive_seed(seed, 1)))
    states = sample_machine(ideal, sampler, t, clamped, sweeps)
    on_stage("place")
    first = 0 if held else graph.sizes[0]
    asked = graph.edges[0] >= first
    price = coupler_prices(ideal, states, t)[asked].double().numpy()
    found = _search(ideal, asked, first, price, chip, seed)
    labels = torch.from_numpy(np.concatenate([np.arange(first) + chip.n_places, found.qubits]))
    kept = torch.ones(graph.n_edges, dtype=torch.bool)
    kept[asked] = torch.from_numpy(~found.lost)
    touched = torch.zeros(graph.n_nodes, dtype=torch.bool)
    touched[graph.edges[:, ~kept].flatten()] = True
    edges = _with_new(ideal, kept, touched, labels, first, chip)
    made = _named(on_graph(ideal, edges, labels), chip)
    before = after = Divergence(0.0, 0.0)
    if not kept.all():
        chosen = torch.linspace(0, len(t) - 1, CONDITIONS).round().long()
        some = t[:, 0].argsort()[chosen]
        conditions = {"t": t[some], "clamped": clamped[some], "sweeps": sweeps, "seed": seed}
        before = after = divergence(ideal, made, **conditions)
        moved, fitted = _parameters_near(made, touched), None
        # A fit to finite states costs half a nat per parameter and state; it may gain less.
        if before.value > int(moved.sum()) / (2 * len(states)):
            on_stage("fit")
            fitted = copy.deepcopy(made)
            _fit(fitted, states, t, moved, seed)
            on_stage("loss")
            after = divergence(ideal, fitted, **conditions)
        if fitted is not None and after.value < before.value:
            made = fitted
        else:
            after, edges = before, graph.edges[:, kept]
            made = _named(on_graph(made, edges, labels), chip)
    return Repair(
        made,
        nodes,
        chip.name,
        chip.fingerprint,
        asked=int(asked.sum()),
        lost=int((~kept).sum()),
        added=edges.shape[1] - int(kept.sum()),
        tried=found.tried,
        before=before,
        after=after,
    )


def _search(
    machine: BoltzmannMachine,
    asked: Bool[Tensor, " edges"],
    first: int,
    price: Float[np.ndarray, " asked"],
    chip: WorkingGraph,
    seed: int,
) -> Found:
    graph, lattice = machine.graph, lattice_of(machine.graph)
    if lattice is None or lattice[0] != chip.topology:
        raise AnnealerError(
            f"the model lives on the lattice {graph.lattice}, {chip.name} has {chip.lattice}"
        )
    labels, edges = graph.labels[first:].numpy(), (graph.edges[:, asked] - first).numpy()
    least = 1e-3 * max(float(price.mean()) if len(price) else 0.0, 1e-9)
    found = search_place(labels, lattice[1][0], edges, price + least, chip, seed=seed)
    if found is None:
        raise AnnealerError(
            f"{len(labels)} nodes of {graph.lattice} find no place on {chip.name}, which has "
            f"{len(chip.qubits)} working qubits"
        )
    return found


def _with_new(
    machine: BoltzmannMachine,
    kept: Bool[Tensor, " edges"],
    touched: Bool[Tensor, " nodes"],
    labels: Int[Tensor, " nodes"],
    first: int,
    chip: WorkingGraph,
) -> Int[Tensor, "2 new"]:
    """Keep couplers, and add those that the chip offers between nodes that lost some."""
    graph, n = machine.graph, machine.graph.n_nodes
    number = np.full(chip.n_places, -1)
    number[labels[first:].numpy()] = np.arange(first, n)
    ends = torch.from_numpy(np.sort(number[chip.couplers], axis=1)).T
    part = graph.partition_of_node
    fits = (ends >= 0).all(dim=0)
    ends = ends[:, fits]
    ends = ends[:, (part[ends[0]] != part[ends[1]]) & touched[ends].any(dim=0)]
    every = torch.cat([graph.edges[:, kept], ends], dim=1)
    code = (every[0] * n + every[1]).unique()
    return torch.stack([code // n, code % n])


def _named(machine: BoltzmannMachine, chip: WorkingGraph) -> BoltzmannMachine:
    machine.graph = replace(machine.graph, lattice=f"{chip.lattice} of {chip.name}")
    return machine


def _parameters_near(
    machine: BoltzmannMachine, touched: Bool[Tensor, " nodes"]
) -> Bool[Tensor, " parameters"]:
    """Choose biases of the touched nodes and couplings that end there."""
    near = touched[machine.graph.edges].any(dim=0)
    parts = [touched.expand(machine.bias_order + 1, -1).flatten(), near]
    parts += [] if machine.coupling_slope is None else [near]
    return torch.cat(parts)


def _fit(
    machine: BoltzmannMachine,
    states: Bool[Tensor, "states nodes"],
    t: Float[Tensor, "states 1"],
    moved: Bool[Tensor, " parameters"],
    seed: int,
) -> None:
    """Fit some parameters to states."""
    climb(
        machine,
        states,
        t,
        steps=STEPS,
        sweeps=SWEEPS,
        seed=derive_seed(seed, 2),
        ridge=_RIDGE,
        moved=moved,
    )
