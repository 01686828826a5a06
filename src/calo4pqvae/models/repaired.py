"""A model whose prior lies on a certain chip, holes and all; its networks stay as they are."""

import copy
from collections.abc import Callable

import torch

from calo4pqvae._core.rng import derive_seed
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.repair import Repair, repair
from calo4pqvae.annealer.request import Request
from calo4pqvae.data.energies import draw_energies
from calo4pqvae.models.base import ShowerModel

__all__ = ["repair_model"]

STATES = 8192
"""States that a repair is fitted to: 100 touched parameters then cost 0.006 nats."""


def repair_model(
    model: ShowerModel,
    chip: WorkingGraph,
    *,
    sweeps: int,
    held: bool = False,
    seed: int = 0,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[ShowerModel, Repair]:
    """Lay a model's prior on a chip, and fit anew what it lost there.

    Arguments:
        model: the model, which is not changed.
        chip: the chip's working graph.
        sweeps: Gibbs sweeps from random bits that chains of the prior need.
        held: whether partition 0 needs qubits, being held there by flux biases.
        seed: seed of incident energies, search and fit.
        on_stage: told the name of each stage before it.

    Returns:
        a copy of the model with the new prior, and what it took.

    Raises:
        AnnealerError: the chip is of another kind, too small, or has too few qubits.
    """
    e_inc = draw_energies(STATES, model.scale.low, model.scale.high, derive_seed(seed, 5))
    t, code = model.condition(torch.from_numpy(e_inc))
    found = repair(
        Request(model.prior, code, t),
        chip,
        sweeps=sweeps,
        nodes=model.used_nodes(),
        held=held,
        seed=seed,
        on_stage=on_stage,
    )
    made = copy.deepcopy(model)
    made.take_prior(found.machine, found.nodes)
    return made, found
