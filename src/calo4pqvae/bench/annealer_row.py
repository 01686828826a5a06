"""The rows of the annealer: its timing model, plus the decoder that we measure."""

from calo4pqvae.annealer.chip.constants import POWER_W, find_chip
from calo4pqvae.annealer.jobs.timing import AccessTime, access_time
from calo4pqvae.bench.cost import MODELLED, ShowerCost, Value

__all__ = ["annealer_costs"]


def annealer_costs(chip: str, anneal_us: float, behind: ShowerCost) -> list[ShowerCost]:
    """Predict a shower whose bits come from an annealer, one read each.

    Arguments:
        chip: name of the chip.
        anneal_us: annealing time of a read [us].
        behind: row of our model; its decoder and writing follow the read.

    Returns:
        programming excluded, as in the paper, and one programming for each shower, which is
        needed when every shower has another incident energy.

    Raises:
        ConfigError: the chip is unknown.
    """
    find_chip(chip)
    rows = []
    for programmings in (0, 1):
        time = access_time(chip, reads=1, programmings=programmings, anneal_us=anneal_us)
        rows.append(_row(chip, time, behind))
    return rows


def _row(chip: str, time: AccessTime, behind: ShowerCost) -> ShowerCost:
    read = {
        "annealing": 1e-6 * time.anneal,
        "readout": 1e-6 * time.readout,
        "wait": 1e-6 * time.wait,
    }
    if time.programming:
        read["programming"] = 1e-6 * time.programming
    ours = {name: v for name, v in behind.parts.items() if name != "prior"}
    parts = {**{name: Value(seconds) for name, seconds in read.items()}, **ours}
    after = sum(v.value for v in ours.values())
    whole = sum(v.value for v in behind.parts.values())
    share = after / whole if behind.joules and whole else 0.0
    joules = time.joules(POWER_W) + (behind.joules.value * share if behind.joules else 0.0)
    note = "timing model, one read a shower; programming " + (
        "included, once a shower" if time.programming else "excluded"
    )
    return ShowerCost(
        f"annealer {chip}",
        behind.place,
        behind.sample,
        behind.batch,
        MODELLED,
        Value(1e-6 * time.total + after),
        Value(joules),
        f"stated, {POWER_W / 1000:g} kW of the refrigerator; the rest as in the row before",
        parts,
        note,
    )
