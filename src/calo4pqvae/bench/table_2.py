"""Table 2 of the paper, measured on this machine, with the published rows beside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from calo4pqvae.bench.annealer_row import annealer_costs
from calo4pqvae.bench.cost import MEASURED, PUBLISHED, ShowerCost, Value, ratio
from calo4pqvae.bench.first_principles import geant4_costs
from calo4pqvae.bench.power import meter_of
from calo4pqvae.bench.surrogate import BenchConfig, largest_batch, our_cost
from calo4pqvae.data.energies import Energies
from calo4pqvae.evaluation.published import TABLE_2
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.units import GeV

__all__ = ["Plan", "Ratio", "measure", "published_rows", "ratios", "samples", "steps"]

SMALL = (1, 100)
"""Batches of the CaloChallenge; the largest that fits follows."""


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        devices: where our model runs, ``"cpu"`` and ``"cuda"``.
        sweeps: Gibbs sweeps before a chain's state is used.
        repeats: timed repeats of everything.
        geant4_showers: showers of each sample and repeat; 0 leaves Geant4 out.
        largest: bound of the largest batch.
        chip: the annealer.
        anneal_us: its annealing time [us].
        core_watts: stated power of a core [W].
        gpu_watts: stated power of a GPU [W].
        seed: seed of everything random.
    """

    devices: tuple[str, ...] = ("cpu",)
    sweeps: int = 200
    repeats: int = 5
    geant4_showers: int = 12
    largest: int = 1024
    chip: str = "prototype2.6"
    anneal_us: float = 20.0
    core_watts: float = 8.0
    gpu_watts: float = 400.0
    seed: int = 0


@dataclass(frozen=True)
class Ratio:
    """Time of Geant4 over that of our model, on one core each."""

    sample: str
    batch: int
    times: Value


def samples(model: ShowerModel, n: int) -> dict[str, Energies]:
    """Incident energies [MeV] by name: 10 and 100 GeV if the model knows them, and its range.

    Over the range they are log-uniform: the quantiles of that distribution, so that the mean
    time has no error from drawing them.
    """
    low, high = model.scale.low, model.scale.high
    chosen = {
        f"{energy} GeV": np.full((n, 1), energy * GeV, np.float32)
        for energy in (10, 100)
        if low <= energy * GeV <= high
    }
    spread = low * (high / low) ** ((np.arange(n) + 0.5) / n)
    name = f"{low / GeV:g}-{high / GeV:g} GeV"
    return {**chosen, name: spread.astype(np.float32)[:, None]}


def measure(
    model: ShowerModel, plan: Plan, on_step: Callable[[str], None] = lambda _: None
) -> list[ShowerCost]:
    """Measure all rows, Geant4 first.

    Arguments:
        model: trained model.
        plan: what is measured.
        on_step: called with a few words for each of the `steps`.
    """
    rows: list[ShowerCost] = []
    if plan.geant4_showers:
        chosen = samples(model, plan.geant4_showers)
        rows += geant4_costs(
            chosen, plan.repeats, plan.core_watts, plan.seed, lambda: on_step("Geant4")
        )
    for device in plan.devices:
        rows += _ours(model, plan, device, on_step)
    behind = next(r for r in reversed(rows) if r.status == MEASURED and r.parts)
    return rows + annealer_costs(plan.chip, plan.anneal_us, behind)


def steps(model: ShowerModel, plan: Plan) -> int:
    """Number of calls of `on_step`."""
    n_samples = len(samples(model, 1))
    ours = len(plan.devices) * plan.repeats * (len(SMALL) + n_samples)
    return n_samples * plan.repeats * plan.geant4_showers + ours


def ratios(rows: Sequence[ShowerCost]) -> list[Ratio]:
    """Divide Geant4's time by that of our model on one core, by sample and batch."""
    first = {row.sample: row.seconds for row in rows if row.system == "Geant4"}
    found = []
    for row in rows:
        above = first.get(row.sample)
        if row.parts and row.place == "1 core" and row.status == MEASURED and above:
            assert row.seconds is not None
            found.append(Ratio(row.sample, row.batch, ratio(above, row.seconds)))
    return found


def published_rows() -> list[ShowerCost]:
    """Table 2 as it was printed."""
    return [
        ShowerCost(
            cost.name,
            "-",
            "-",
            0,
            PUBLISHED,
            Value(cost.seconds),
            Value(cost.joules),
            "as printed",
            note=cost.note,
            below=cost.below,
        )
        for cost in TABLE_2
    ]


def _ours(
    model: ShowerModel, plan: Plan, device: str, on_step: Callable[[str], None]
) -> list[ShowerCost]:
    """Small batches of the whole range, then the largest batch of each sample."""
    config = BenchConfig(device, plan.sweeps, plan.repeats, seed=plan.seed)
    meter = meter_of(device, plan.core_watts, plan.gpu_watts)
    chosen: Mapping[str, Energies] = samples(model, 100)
    wide = list(chosen)[-1]
    before = torch.get_num_threads()
    torch.set_num_threads(1 if device == "cpu" else before)
    try:
        largest = largest_batch(model, chosen[wide], config, plan.largest)
        work = [(wide, batch) for batch in SMALL if batch < largest]
        work += [(sample, largest) for sample in chosen]
        return [
            our_cost(
                model,
                chosen[s],
                s,
                b,
                config,
                meter,
                lambda b=b: on_step(f"{device}, batch {b}"),
            )
            for s, b in work
        ]
    finally:
        torch.set_num_threads(before)
