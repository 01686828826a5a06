"""The stack as Geant4's volumes, its cells scored by Geant4 itself."""

import math
from types import ModuleType
from typing import Any

import numpy as np

from calo4pqvae.simulate.geant4 import EMPTY, material_name
from calo4pqvae.simulate.stack import Placed, Stack

__all__ = ["IN_FRONT", "SCORER", "detector_construction"]

IN_FRONT = 10.0
"""Empty space around the stack [mm]."""

SCORER = ("cells", "energy")
"""Names of the detector and of what it sums up."""

FULL = 2 * math.pi


def detector_construction(g4: ModuleType, stack: Stack) -> Any:
    """Make the object that builds the volumes when Geant4 asks for them.

    Sensitive slabs are divided into rings and azimuth bins, each a volume of its own. Geant4
    then adds up deposits by the copy numbers of layer, bin and ring without a call into
    Python, which costs more than the walls between cells.
    """

    class Construction(g4.G4VUserDetectorConstruction):  # type: ignore[name-defined]
        def Construct(self) -> Any:  # noqa: N802
            self.builder = _Builder(g4, stack)
            return self.builder.world()

        def ConstructSDandField(self) -> None:  # noqa: N802
            self.builder.score()

    return Construction()


class _Builder:
    """Builds volumes, and keeps what Geant4 only borrows."""

    def __init__(self, g4: ModuleType, stack: Stack) -> None:
        self.g4, self.stack = g4, stack
        self.kept: list[Any] = []
        self.slabs: dict[tuple[str, float, bool], Any] = {}
        self.cells: list[Any] = []

    def world(self) -> Any:
        """Build everything; the front of the stack lies at z = 0."""
        g4, stack = self.g4, self.stack
        side, half = stack.half_width_mm + IN_FRONT, stack.depth + IN_FRONT
        box = self._keep(g4.G4Box("world", side, side, half))
        logical = self._logical(box, EMPTY)
        whole = self._keep(
            g4.G4PVPlacement(None, g4.G4ThreeVector(), logical, "world", None, False, 0)
        )
        for placed in stack.placed():
            centre = g4.G4ThreeVector(0, 0, placed.front + placed.thickness / 2)
            number = placed.layer or 0
            self._place(self._slab(placed), logical, number, centre)
        return whole

    def score(self) -> None:
        """Attach the sums to the cells."""
        g4, stack = self.g4, self.stack
        rings = len(stack.r_edges_mm) - 1
        detector = self._keep(g4.G4MultiFunctionalDetector(SCORER[0]))
        sums = g4.G4PSEnergyDeposit3D(SCORER[1], stack.layers, stack.alpha, rings, 3, 0, 1)
        detector.RegisterPrimitive(self._keep(sums))
        g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
        for cell in self.cells:
            cell.SetSensitiveDetector(detector)

    def _slab(self, placed: Placed) -> Any:
        """The volume of a slab; slabs alike share one."""
        key = (placed.material, placed.thickness, placed.layer is not None)
        if key not in self.slabs:
            side, half = self.stack.half_width_mm, placed.thickness / 2
            box = self._keep(self.g4.G4Box("slab", side, side, half))
            self.slabs[key] = self._logical(box, placed.material)
            if placed.layer is not None:
                self._divide(self.slabs[key], placed.material, half)
        return self.slabs[key]

    def _divide(self, slab: Any, material: str, half: float) -> None:
        """Put the rings into a slab, turned so that the first azimuth bin begins at -pi."""
        edges = np.array(self.stack.r_edges_mm)
        rotation = self._keep(self.g4.G4RotationMatrix())
        rotation.rotateZ(math.pi)
        disc = self._logical(self._tube(edges[0], edges[-1], half, FULL), material)
        self._place(disc, slab, 0, self.g4.G4ThreeVector(), rotation)
        widths = np.diff(edges)
        if edges[0] == 0 and np.allclose(widths, widths[0], rtol=1e-12):
            # Geant4 finds its way through replicas faster than through single volumes.
            ring = self._ring(0, edges[1], half, material)
            self._replicate(ring, disc, self.g4.EAxis.kRho, len(widths), float(widths[0]))
            return
        for number, (inner, outer) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            ring = self._ring(inner, outer, half, material)
            self._place(ring, disc, number, self.g4.G4ThreeVector())

    def _ring(self, inner: float, outer: float, half: float, material: str) -> Any:
        """A ring of cells."""
        bins = self.stack.alpha
        ring = self._logical(self._tube(inner, outer, half, FULL), material)
        cell = self._logical(self._tube(inner, outer, half, FULL / bins), material)
        self._replicate(cell, ring, self.g4.EAxis.kPhi, bins, FULL / bins)
        self.cells.append(cell)
        return ring

    def _tube(self, inner: float, outer: float, half: float, angle: float) -> Any:
        return self._keep(self.g4.G4Tubs("tube", inner, outer, half, 0, angle))

    def _replicate(self, part: Any, whole: Any, axis: Any, number: int, width: float) -> None:
        self._keep(self.g4.G4PVReplica("cell", part, whole, axis, number, width, 0))

    def _place(
        self, part: Any, whole: Any, number: int, centre: Any, rotation: Any = None
    ) -> None:
        place = self.g4.G4PVPlacement
        self._keep(place(rotation, centre, part, "part", whole, False, number))

    def _logical(self, solid: Any, material: str) -> Any:
        known = self.g4.G4NistManager.Instance()
        made_of = known.FindOrBuildMaterial(material_name(material))
        return self._keep(self.g4.G4LogicalVolume(solid, made_of, "volume"))

    def _keep(self, thing: Any) -> Any:
        self.kept.append(thing)
        return thing
