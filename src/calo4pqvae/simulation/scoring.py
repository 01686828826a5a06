"""Adding up deposits in cells: at the ends of steps, as the challenge did, or exactly."""

import math
from array import array
from collections.abc import Callable
from itertools import pairwise
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from calo4pqvae.simulation.stack import CELLS, Stack

__all__ = ["CellScoring", "Scoring", "StepEndScoring", "make_scoring"]

FULL = 2 * math.pi

LIGHT = 20
"""Atomic number up to which the filter of `StepEndScoring` for photons is used."""

PHOTONS_BELOW = 0.3
"""Energy [MeV] above which photons leave nothing in light elements: Compton's electrons deposit
on their own account, and the photo-effect, which leaves its binding energy, is too rare."""


@runtime_checkable
class Scoring(Protocol):
    """What turns the steps of an event into voxels."""

    def prepare(self, slab: Any, layer: int, half: float) -> None:
        """Take note of a sensitive slab of half this thickness [mm], and subdivide it."""
        ...

    def attach(self) -> None:
        """Make Geant4 call it, or count for it."""
        ...

    def read(self, event: Any) -> Float[np.ndarray, " voxels"]:
        """Return the deposits of the event in file order [MeV] and forget them."""
        ...


def make_scoring(g4: ModuleType, stack: Stack) -> Scoring:
    """Make the scoring that a stack asks for."""
    return (CellScoring if stack.scoring == CELLS else StepEndScoring)(g4, stack)


class StepEndScoring:
    """A step's deposit belongs to the cell in which the step ends.

    This is what the Par04 example of Geant4 does, which made datasets 2 and 3. It needs a call
    into Python for each step. In light elements Geant4 itself passes over photons that leave
    nothing there, which are most of the steps.
    """

    def __init__(self, g4: ModuleType, stack: Stack) -> None:
        self._g4, self._stack = g4, stack
        self._steps = [array("d") for _ in range(stack.layers)]
        self._slabs: list[tuple[Any, int]] = []
        self._kept: list[Any] = []

    def prepare(self, slab: Any, layer: int, half: float) -> None:
        """Take note of a slab."""
        del half
        self._slabs.append((slab, layer))

    def attach(self) -> None:
        """Give each layer recorders of its own, so that no step is asked for its layer."""
        g4 = self._g4
        for number, (slab, layer) in enumerate(self._slabs):
            detector = g4.G4MultiFunctionalDetector(f"slab-{number}")
            g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
            for kind, filtering in self._filters(slab.GetMaterial()).items():
                recorder = _recorder(g4, kind, self._steps[layer].extend)
                if filtering is not None:
                    recorder.SetFilter(filtering)
                detector.RegisterPrimitive(recorder)
                self._kept += [recorder, filtering]
            slab.SetSensitiveDetector(detector)
            self._kept.append(detector)

    def read(self, event: Any) -> Float[np.ndarray, " voxels"]:
        """Sort the ends of steps into cells."""
        del event
        edges, bins = np.array(self._stack.r_edges_mm), self._stack.alpha
        layer = np.repeat(np.arange(len(self._steps)), [len(s) // 3 for s in self._steps])
        deposit, x, y = np.concatenate([np.array(s) for s in self._steps]).reshape(-1, 3).T
        for steps in self._steps:
            del steps[:]
        ring = np.searchsorted(edges, np.hypot(x, y), side="right") - 1
        alpha = ((np.arctan2(y, x) + np.pi) // (FULL / bins)).astype(int) % bins
        inside = (ring >= 0) & (ring < len(edges) - 1)
        voxel = (layer * bins + alpha) * (len(edges) - 1) + ring
        n_voxels = self._stack.geometry.n_voxels
        return np.bincount(voxel[inside], deposit[inside], minlength=n_voxels)

    def _filters(self, material: Any) -> dict[str, Any]:
        """Which steps are recorded: those of charged particles and of slow photons, or all."""
        if max(element.GetZ() for element in material.GetElementVector()) > LIGHT:
            return {"all": None}
        charged = self._g4.G4SDChargedFilter("charged")
        slow = self._g4.G4SDParticleWithEnergyFilter("slow photons", 0.0, PHOTONS_BELOW)
        slow.add("gamma")
        return {"charged": charged, "photons": slow}


class CellScoring:
    """A step's deposit is shared by the cells it passes, and Geant4 counts without Python.

    Sensitive slabs are divided into rings and azimuth bins, each a volume of its own, at whose
    walls steps end; deposits are summed by the copy numbers of layer, bin and ring.
    """

    def __init__(self, g4: ModuleType, stack: Stack) -> None:
        self._g4, self._stack = g4, stack
        self._kept: list[Any] = []
        self._cells: list[Any] = []

    def prepare(self, slab: Any, layer: int, half: float) -> None:
        """Put the rings into a slab, turned so that the first azimuth bin begins at -pi."""
        del layer
        g4, edges = self._g4, np.array(self._stack.r_edges_mm)
        material = slab.GetMaterial()
        disc = self._tube(edges[0], edges[-1], half, FULL, material)
        rotation = g4.G4RotationMatrix()
        rotation.rotateZ(math.pi)
        place, origin = g4.G4PVPlacement, g4.G4ThreeVector()
        self._keep(rotation, place(rotation, origin, disc, "disc", slab, False, 0))
        widths = np.diff(edges)
        if edges[0] == 0 and np.allclose(widths, widths[0], rtol=1e-12):
            # Geant4 finds its way through replicas faster than through single volumes.
            ring = self._ring(0, edges[1], half, material)
            self._replicate(ring, disc, g4.EAxis.kRho, len(widths), float(widths[0]))
            return
        for number, (inner, outer) in enumerate(pairwise(edges)):
            ring = self._ring(inner, outer, half, material)
            self._keep(place(None, origin, ring, "ring", disc, False, number))

    def attach(self) -> None:
        """Let Geant4 sum up the cells."""
        g4, stack = self._g4, self._stack
        detector = g4.G4MultiFunctionalDetector("cells")
        rings = len(stack.r_edges_mm) - 1
        sums = g4.G4PSEnergyDeposit3D("energy", stack.layers, stack.alpha, rings, 3, 0, 1)
        detector.RegisterPrimitive(sums)
        g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
        self._keep(detector, sums)
        for cell in self._cells:
            cell.SetSensitiveDetector(detector)

    def read(self, event: Any) -> Float[np.ndarray, " voxels"]:
        """Copy the sums out of Geant4."""
        voxels = np.zeros(self._stack.geometry.n_voxels)
        for voxel, energy in event.GetHCofThisEvent().GetHC(0):
            voxels[voxel] = energy
        return voxels

    def _ring(self, inner: float, outer: float, half: float, material: Any) -> Any:
        """A ring of cells."""
        bins = self._stack.alpha
        ring = self._tube(inner, outer, half, FULL, material)
        cell = self._tube(inner, outer, half, FULL / bins, material)
        self._replicate(cell, ring, self._g4.EAxis.kPhi, bins, FULL / bins)
        self._cells.append(cell)
        return ring

    def _tube(self, inner: float, outer: float, half: float, angle: float, of: Any) -> Any:
        solid = self._g4.G4Tubs("tube", inner, outer, half, 0, angle)
        volume = self._g4.G4LogicalVolume(solid, of, "tube")
        self._keep(solid, volume)
        return volume

    def _replicate(self, part: Any, whole: Any, axis: Any, number: int, width: float) -> None:
        self._keep(self._g4.G4PVReplica("cell", part, whole, axis, number, width, 0))

    def _keep(self, *things: Any) -> None:
        """Keep what Geant4 only borrows."""
        self._kept += things


def _recorder(
    g4: ModuleType, name: str, put: Callable[[tuple[float, float, float]], None]
) -> Any:
    """Make an object that notes deposit, x and y at the end of each step that leaves something.

    Geant4 uses one step object for all steps, so that its methods are looked up once.
    """
    deposit: Any = None
    position: Any = None

    def process_hits(step: Any, history: Any) -> bool:
        nonlocal deposit, position
        del history
        if deposit is None:
            deposit, position = step.GetTotalEnergyDeposit, step.GetPostStepPoint().GetPosition
        energy = deposit()
        if energy:
            end = position()
            put((energy, end.x, end.y))
        return True

    class Recorder(g4.G4VPrimitiveScorer):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__(name)
            self.ProcessHits = process_hits

    return Recorder()
