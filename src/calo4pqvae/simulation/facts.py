"""What simulated showers depend on, in words that stand in their file."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae import __version__
from calo4pqvae.data.energies import Energies
from calo4pqvae.errors import ConfigError
from calo4pqvae.simulation.engine import HIGHEST, LOWEST, Particle
from calo4pqvae.simulation.geant4 import versions
from calo4pqvae.simulation.stack import Stack
from calo4pqvae.simulation.tables import BUILT, Tables, build_tables, find_official
from calo4pqvae.units import GeV, TeV

__all__ = [
    "CPU_SECONDS",
    "attributes",
    "check_energies",
    "describe",
    "find_tables",
    "shower_seed",
]

CPU_SECONDS = "cpu_seconds"
"""Column of a simulated file: CPU time of Geant4 for each shower [s]."""


def shower_seed(seed: int, number: int) -> int:
    """Make Geant4's seed of one shower, from 1 to 2^63 - 1."""
    state = np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1)) | 1


def check_energies(energies: Energies) -> None:
    """Refuse energies outside Geant4's tables.

    Raises:
        ConfigError: with the range.
    """
    low, high = float(energies.min()), float(energies.max())
    if not LOWEST <= low <= high <= HIGHEST:
        raise ConfigError(
            f"incident energies from {low / GeV:.4g} to {high / GeV:.4g} GeV leave the tables "
            f"of Geant4's electromagnetic physics; they must lie between "
            f"{LOWEST / GeV:g} GeV and {HIGHEST / TeV:g} TeV"
        )


def find_tables(wanted: str, elements: list[int], folder: Path) -> Tables:
    """Find official tables or build others, as wanted.

    Arguments:
        wanted: ``auto`` (official ones where they are), ``official`` or ``built``.
        elements: their atomic numbers.
        folder: where to build tables.

    Raises:
        ConfigError: official tables are wanted and missing.
        MissingExtraError: xraylib is not installed.
    """
    official = find_official(elements) if wanted != BUILT else None
    if official is None and wanted == "official":
        raise ConfigError(
            "Geant4's data sets G4EMLOW and G4ENSDFSTATE are not here; name their folder in "
            "GEANT4_DATA_DIR, or take the tables made here",
            remedy="built tables",
        )
    return official or build_tables(elements, folder)


def describe(stack: Stack, particle: Particle, seed: int, tables: Tables) -> dict[str, Any]:
    """Everything that the showers depend on, beside their energies and numbers."""
    return {
        "generator": versions(),
        "written_by": f"calo4pqvae {__version__}",
        "physics": "electromagnetic, standard (option 0); no hadronic reactions",
        "tables": f"{tables.kind} {tables.sha256[:16]}".strip(),
        "stack": stack.to_dict(),
        "particle": particle,
        "seed": seed,
    }


def attributes(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts as attributes of a file."""
    return {key: json.dumps(v) if isinstance(v, dict) else v for key, v in facts.items()}
