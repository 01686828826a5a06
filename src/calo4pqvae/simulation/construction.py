"""The stack as Geant4's volumes."""

from types import ModuleType
from typing import Any

from calo4pqvae.simulation.geant4 import EMPTY, material_name
from calo4pqvae.simulation.scoring import Scoring
from calo4pqvae.simulation.stack import Placed, Stack

__all__ = ["IN_FRONT", "detector_construction"]

IN_FRONT = 10.0
"""Empty space around the stack [mm]."""


def detector_construction(g4: ModuleType, stack: Stack, scoring: Scoring) -> Any:
    """Make the object that builds the volumes when Geant4 asks for them.

    Arguments:
        g4: Geant4.
        stack: the detector; its front lies at z = 0.
        scoring: prepares each sensitive slab, and attaches what adds up the deposits.
    """

    class Construction(g4.G4VUserDetectorConstruction):  # type: ignore[name-defined]
        def Construct(self) -> Any:  # noqa: N802
            self.builder = _Builder(g4, stack, scoring)
            return self.builder.world()

        def ConstructSDandField(self) -> None:  # noqa: N802
            scoring.attach()

    return Construction()


class _Builder:
    """Builds volumes, and keeps what Geant4 only borrows."""

    def __init__(self, g4: ModuleType, stack: Stack, scoring: Scoring) -> None:
        self.g4, self.stack, self.scoring = g4, stack, scoring
        self.kept: list[Any] = []
        self.slabs: dict[tuple[str, float, int | None], Any] = {}

    def world(self) -> Any:
        """Build everything."""
        g4, stack = self.g4, self.stack
        side, half = stack.half_width_mm + IN_FRONT, stack.depth + IN_FRONT
        logical = self._logical(g4.G4Box("world", side, side, half), EMPTY)
        origin, place = g4.G4ThreeVector(), g4.G4PVPlacement
        whole = place(None, origin, logical, "world", None, False, 0)
        for placed in stack.placed():
            centre = g4.G4ThreeVector(0, 0, placed.front + placed.thickness / 2)
            number = placed.layer or 0
            slab = self._slab(placed)
            self.kept.append(place(None, centre, slab, "slab", logical, False, number))
        self.kept.append(whole)
        return whole

    def _slab(self, placed: Placed) -> Any:
        """The volume of a slab; slabs alike share one, within a layer if they are sensitive."""
        key = (placed.material, placed.thickness, placed.layer)
        if key not in self.slabs:
            side, half = self.stack.half_width_mm, placed.thickness / 2
            solid = self.g4.G4Box("slab", side, side, half)
            self.slabs[key] = self._logical(solid, placed.material)
            if placed.layer is not None:
                self.scoring.prepare(self.slabs[key], placed.layer, half)
        return self.slabs[key]

    def _logical(self, solid: Any, material: str) -> Any:
        known = self.g4.G4NistManager.Instance()
        made_of = known.FindOrBuildMaterial(material_name(material))
        volume = self.g4.G4LogicalVolume(solid, made_of, "volume")
        self.kept += [solid, volume]
        return volume
