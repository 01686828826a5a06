"""What is published about D-Wave's chips: times, constants of the qubits, temperatures.

Working graphs shrink about monthly and are not stored here; a sampler states its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calo4pqvae.errors import ConfigError

__all__ = ["CHIPS", "POWER_W", "Chip", "chip_of", "find_chip", "first_beta"]

POWER_W = 16_000.0
"""Power of the refrigerator [W] that the paper multiplies times with; the electronics of the
chip are negligible beside it.

The paper's table 2 is not consistent with it: 87 us of readout would be 1.4 J, where the table
has 2.2 J, more than its own total of 2.0 J. That total is 16 kW times the three times of the
annealer, 127 us."""


@dataclass(frozen=True)
class Chip:
    """Constants of one annealer; None where nothing is published.

    Attributes:
        name: key in `CHIPS`.
        topology: `zephyr` or `pegasus`.
        grid: its size parameters, such as (12, 4).
        qubits, couplers: how many of them worked when last published, None where that is not
            known here.
        programming_us: typical time to program a problem, 1 ms of thermalisation
            included [us].
        readout_us: time to read all qubits, the maximum [us].
        delay_us: wait after each readout [us].
        h_range, j_range, extended_j_range: bounds of programmed fields and couplings.
        group_range: bounds of the sum of couplings of each of a qubit's two groups, where
            the chip has such (Advantage2).
        qubit_range: bounds of the sum of couplings of a qubit, on older chips.
        mutual_pH: mutual inductance M_AFM [pH].
        freeze_out_GHz: the schedule's B where a single qubit freezes [GHz].
        single_qubit_beta: inverse temperature of a single qubit in units of 1 / h; where an
            estimate may start.

    Sources: D-Wave's documentation of Ocean (tables of solvers, QPU properties and schedules,
    2026), and properties that solvers report.
    """

    name: str
    topology: str
    grid: tuple[int, ...]
    qubits: int | None
    couplers: int | None
    programming_us: float
    readout_us: float
    delay_us: float
    h_range: tuple[float, float] = (-6.0, 6.0)
    j_range: tuple[float, float] = (-1.0, 1.0)
    extended_j_range: tuple[float, float] = (-2.0, 1.0)
    group_range: tuple[float, float] | None = (-13.0, 10.0)
    qubit_range: tuple[float, float] | None = None
    mutual_pH: float | None = None  # noqa: N815
    freeze_out_GHz: float | None = None  # noqa: N815
    single_qubit_beta: float = 8.5


CHIPS: dict[str, Chip] = {
    chip.name: chip
    for chip in (
        Chip(
            "system1",
            "zephyr",
            (12, 4),
            qubits=4577,
            couplers=41515,
            programming_us=33_600.0,
            readout_us=101.0,
            delay_us=60.6,
            mutual_pH=0.528,
            freeze_out_GHz=8.066,
            single_qubit_beta=8.93,
        ),
        Chip(
            "system2",
            "zephyr",
            (12, 4),
            qubits=4514,
            couplers=40409,
            programming_us=24_500.0,
            readout_us=95.0,
            delay_us=20.6,
            mutual_pH=0.554,
            freeze_out_GHz=6.240,
            single_qubit_beta=8.40,
        ),
        Chip(
            "system4",
            "zephyr",
            (6, 4),
            qubits=1202,
            couplers=10537,
            programming_us=8_000.0,
            readout_us=45.0,
            delay_us=20.6,
            mutual_pH=0.514,
            freeze_out_GHz=7.539,
            single_qubit_beta=8.40,
        ),
        Chip(
            "prototype2.6",
            "zephyr",
            (6, 4),
            qubits=1215,
            couplers=10788,
            programming_us=18_200.0,
            readout_us=87.0,
            delay_us=20.5,
            mutual_pH=0.443,
            single_qubit_beta=8.55,
        ),
        Chip(
            "Advantage_system6.4",
            "pegasus",
            (16,),
            qubits=None,
            couplers=None,
            programming_us=14_200.0,
            readout_us=173.0,
            delay_us=20.5,
            h_range=(-4.0, 4.0),
            group_range=None,
            qubit_range=(-18.0, 15.0),
            mutual_pH=1.554,
            freeze_out_GHz=3.91,
            single_qubit_beta=5.05,
        ),
    )
}
"""Chips of the Advantage2 generation, and one of the generation before: its M_AFM and times are
D-Wave's, its B at freeze-out (s = 0.616) and single-qubit temperature those of
Advantage_system4.1 (s = 0.612), which alone are known here. The paper does not name its chip;
only the retired `prototype2.6` has the 87 us of readout and 20 us of delay of its table 2 and
enough qubits."""


def find_chip(name: str) -> Chip:
    """Look up a chip by its key, or by a solver's full name such as `Advantage2_system4.1`.

    Raises:
        ConfigError: nothing is published here about that chip.
    """
    short = name.removeprefix("Advantage2_")
    for key in (short, short.split(".")[0]):
        if key in CHIPS:
            return CHIPS[key]
    raise ConfigError(
        f"no constants of a chip '{name}' are known here; known: {', '.join(CHIPS)}"
    )


def chip_of(properties: Mapping[str, Any]) -> Chip | None:
    """Constants of a solver's chip, if they are known."""
    name = str(properties.get("chip_id", "")).removeprefix("emulated ")
    try:
        return find_chip(name)
    except ConfigError:
        return None


def first_beta(properties: Mapping[str, Any]) -> float:
    """Say where to begin measuring a solver's inverse temperature."""
    chip = chip_of(properties)
    return Chip.single_qubit_beta if chip is None else chip.single_qubit_beta
