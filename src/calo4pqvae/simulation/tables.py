"""The atomic tables that Geant4's electromagnetic physics reads, official or made here."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.home import expanded
from calo4pqvae.errors import ConfigError
from calo4pqvae.simulation.bremsstrahlung import scaled_cross_section
from calo4pqvae.simulation.photons import Shell, coherent, photo_effect
from calo4pqvae.units import MeV, mm

__all__ = ["BUILT", "OFFICIAL", "Tables", "build_tables", "find_official"]

OFFICIAL, BUILT = "official", "built"

VARIABLES: tuple[str, ...] = ("G4LEDATA", "G4ENSDFSTATEDATA", "G4LEVELGAMMADATA")
"""Folders that electromagnetic physics looks into, the last two for lists of nuclei only."""

BARN = 1e-22 * mm**2
NO_FIT = 1e9 * MeV
"""A threshold that no photon reaches: Geant4 then takes the tables, not a fit to them."""

ELECTRON_ENERGIES = np.geomspace(1e-3, 1e4, 57)
PHOTON_FRACTIONS = np.concatenate([[0, 1e-4, 1e-3, 5e-3, 0.01], np.linspace(0.025, 1, 40)])


@dataclass(frozen=True)
class Tables:
    """Where Geant4 finds its tables.

    Attributes:
        kind: ``official`` or ``built``.
        variables: environment variables to set before Geant4 starts.
        note: one line on what they are and what to expect of them.
        sha256: of all files that were made here; empty for official ones.
    """

    kind: str
    variables: dict[str, str]
    note: str
    sha256: str = ""


def find_official(elements: Iterable[int]) -> Tables | None:
    """Look for Geant4's data sets where Geant4 and geant4_pybind look for them.

    That is in the folders that `G4LEDATA` and `G4ENSDFSTATEDATA` name, in `GEANT4_DATA_DIR`,
    and in `~/.geant4_pybind`.

    Raises:
        ConfigError: `G4LEDATA` names a folder without the tables of these elements.
    """
    low, states = _folder("G4LEDATA", "G4EMLOW"), _folder("G4ENSDFSTATEDATA", "G4ENSDFSTATE")
    if low is not None:
        missing = [path for path in _wanted(low, elements) if not path.is_file()]
        if missing and "G4LEDATA" in os.environ:
            raise ConfigError(
                f"G4LEDATA names {low}, which lacks {missing[0].relative_to(low)}; install "
                "Geant4's data set G4EMLOW there, or take the tables made here",
                remedy="built tables",
            )
        low = None if missing else low
    if low is None or states is None:
        return None
    note = f"official Geant4 tables in {low}"
    levels = _folder("G4LEVELGAMMADATA", "PhotonEvaporation") or states
    variables = dict(zip(VARIABLES, map(str, (low, states, levels)), strict=True))
    return Tables(OFFICIAL, variables, note)


def build_tables(elements: Iterable[int], folder: Path) -> Tables:
    """Write tables of these elements from xraylib and a bremsstrahlung formula.

    Raises:
        MissingExtraError: xraylib is not installed.
        OutputError: the disk is full.
    """
    digest = hashlib.sha256()
    for name, text in _files(elements):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
        digest.update(f"{name}\n{text}".encode())
    note = (
        "tables made here from xraylib and bremsstrahlung formulas (no official Geant4 data "
        "found): expect responses within 1.5 % of those with official tables"
    )
    variables = dict.fromkeys(VARIABLES, str(folder))
    return Tables(BUILT, variables, note, digest.hexdigest())


def _folder(variable: str, data_set: str) -> Path | None:
    """The folder of a data set, if there is one."""
    if variable in os.environ:
        return Path(os.environ[variable])
    places = [os.environ.get("GEANT4_DATA_DIR"), expanded("~/.geant4_pybind")]
    for place in places:
        found = sorted(Path(place).glob(f"{data_set}*")) if place else []
        if found:
            return found[-1]
    return None


def _wanted(folder: Path, elements: Iterable[int]) -> Iterator[Path]:
    """A file of each kind for each element."""
    for z in elements:
        yield folder / "brem_SB" / f"br{z}"
        yield folder / "epics2017" / "phot" / f"pe-cs-{z}.dat"
        yield folder / "epics2017" / "rayl" / f"re-cs-{z}.dat"


def _files(elements: Iterable[int]) -> Iterator[tuple[str, str]]:
    """Names and contents of all files, in Geant4's formats."""
    yield "ENSDFSTATE.dat", ""
    for z in sorted(elements):
        shells, whole = photo_effect(z)
        above = whole.energy > whole.edge
        cubed = whole.barn * whole.energy**3
        energy, barn = coherent(z)
        phot = f"epics2017/phot/pe-{{}}-{z}.dat"
        yield f"brem_SB/br{z}", _bremsstrahlung(z)
        yield phot.format("cs"), _vector(whole.energy[above], cubed[above])
        yield phot.format("le-cs"), _below(shells, whole, ~above)
        yield phot.format("ss-cs"), _shells(shells)
        yield phot.format("high"), _no_fit(shells)
        yield phot.format("low"), _no_fit(shells)
        yield f"epics2017/rayl/re-cs-{z}.dat", _vector(energy, barn * BARN * energy**2)


def _bremsstrahlung(z: int) -> str:
    """The table of eq. (k dsigma/dk) over fraction and log of the energy in MeV."""
    values = scaled_cross_section(z, ELECTRON_ENERGIES, PHOTON_FRACTIONS)
    rows = [PHOTON_FRACTIONS, np.log(ELECTRON_ENERGIES), *values]
    head = f"0 {len(PHOTON_FRACTIONS)} {len(ELECTRON_ENERGIES)}"
    return "\n".join([head, *(_numbers(row) for row in rows)]) + "\n"


def _below(shells: list[Shell], whole: Shell, below: np.ndarray) -> str:
    """The atom's table below its deepest edge; level where it lies below all data."""
    energy, cubed = whole.energy[below], (whole.barn * whole.energy**3)[below]
    if len(energy) < 2:
        energy = np.array([min(shells[-1].edge, 0.5 * whole.edge), whole.edge])
        cubed = np.full(2, whole.barn[0] * whole.edge**3)
    return _vector(energy, cubed)


def _shells(shells: list[Shell]) -> str:
    """The tables of single shells, each with its limits, its size and its number."""
    parts = []
    for number, shell in enumerate(shells):
        ends = _numbers(shell.energy[[0, -1]])
        parts.append(f"{ends} {len(shell.energy)} {number}\n")
        parts.append(_pairs(shell.energy, shell.barn * shell.energy**3))
    return "".join(parts)


def _no_fit(shells: list[Shell]) -> str:
    """Binding energies, with fits that are never used."""
    rows = [f"{shell.edge:.9g} 0 0 0 0 0 0\n" for shell in shells]
    return f"{len(shells)} {len(shells)} {NO_FIT:.9g}\n{''.join(rows)}"


def _vector(energy: Float[np.ndarray, " n"], value: Float[np.ndarray, " n"]) -> str:
    """Geant4's text form of a table."""
    head = f"{_numbers(energy[[0, -1]])} {len(energy)}\n{len(energy)}\n"
    return head + _pairs(energy, value)


def _pairs(energy: Float[np.ndarray, " n"], value: Float[np.ndarray, " n"]) -> str:
    rows = np.stack([energy, value], axis=1)
    return "".join(f"{_numbers(row)}\n" for row in rows)


def _numbers(row: Float[np.ndarray, " n"]) -> str:
    return " ".join(f"{number:.9g}" for number in row)
