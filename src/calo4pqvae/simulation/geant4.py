"""Geant4 in this process: imported without questions, its materials, its version."""

import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from calo4pqvae._core.optional import require
from calo4pqvae.errors import SimulationError

__all__ = ["elements_of", "geant4", "material_name", "versions"]

EMPTY = "G4_Galactic"
"""The material between slabs: hydrogen so thin that nothing happens in it."""


def geant4() -> ModuleType:
    """Import Geant4's Python bindings, which must not ask on stdin for data sets.

    Raises:
        MissingExtraError: geant4_pybind is not installed.
    """
    # Any existing folder will do: the bindings then trust that tables are provided.
    os.environ.setdefault("GEANT4_DATA_DIR", str(Path(__file__).parent))
    return require("geant4_pybind", "geant4")


def material_name(name: str) -> str:
    """Geant4's name of a material that may be given as the symbol of an element."""
    return name if name.startswith("G4_") else f"G4_{name}"


def elements_of(materials: Iterable[str]) -> list[int]:
    """List the atomic numbers in these materials and in the space around them.

    Raises:
        MissingExtraError: geant4_pybind is not installed.
        SimulationError: Geant4 does not know a material.
    """
    manager = geant4().G4NistManager.Instance()
    found = set()
    for name in [EMPTY, *materials]:
        material = manager.FindOrBuildMaterial(material_name(name), True, False)
        if material is None:
            raise SimulationError(
                f"Geant4 knows no material {name!r}; take the symbol of an element, such as W, "
                "or a name of its NIST materials, such as G4_PbWO4 or G4_POLYSTYRENE"
            )
        found |= {round(element.GetZ()) for element in material.GetElementVector()}
    return sorted(found)


def versions() -> str:
    """Name Geant4 and its bindings with their versions."""
    major, rest = divmod(geant4().G4VERSION_NUMBER, 100)
    return f"Geant4 {major}.{rest // 10}.{rest % 10} (geant4-pybind {version('geant4-pybind')})"
