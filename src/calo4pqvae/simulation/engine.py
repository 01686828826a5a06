"""One Geant4 in one process: an energy and a seed in, the voxels of a shower out."""

import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float

from calo4pqvae.simulation.construction import IN_FRONT, detector_construction
from calo4pqvae.simulation.geant4 import geant4
from calo4pqvae.simulation.scoring import make_scoring
from calo4pqvae.simulation.stack import Stack
from calo4pqvae.units import GeV, TeV

__all__ = ["HIGHEST", "LOWEST", "PARTICLES", "Catch", "Engine", "Incident", "Particle"]

Particle = Literal["electron", "photon", "positron"]
PARTICLES: tuple[Particle, ...] = get_args(Particle)

Point = tuple[float, float, float]


class Incident(NamedTuple):
    """A particle on its way into the calorimeter.

    Attributes:
        particle: what it is; other particles have Geant4's names.
        energy: kinetic energy [MeV].
        x, y: where it passes the front [mm].
        direction: unit vector; (0, 0, 1) is along the axis.
    """

    particle: str
    energy: float
    x: float = 0.0
    y: float = 0.0
    direction: Point = (0.0, 0.0, 1.0)


Catch = Callable[[Incident], bool]
"""Told of each particle that passes the front; True takes it out of Geant4's hands."""

NAMES = {"electron": "e-", "photon": "gamma", "positron": "e+"}
"""Geant4's names."""

LOWEST, HIGHEST = 1e-3 * GeV, 100 * TeV
"""Range of incident energies: above the range cuts, within Geant4's electromagnetic tables."""


class Engine:
    """Geant4 with its standard electromagnetic physics ("option 0") in a stack.

    A process can hold one only, and the tables must be named in the environment before.

    Arguments:
        stack: the detector.
        particle: what comes in along the axis.
        catch: takes particles over at the front of the detector.

    Raises:
        MissingExtraError: geant4_pybind is not installed.
    """

    def __init__(
        self, stack: Stack, particle: Particle = "electron", catch: Catch | None = None
    ) -> None:
        self._g4, self._stack, self._catch = geant4(), stack, catch
        self._scoring = make_scoring(self._g4, stack)
        self._gun: Any = None
        self._primaries: Sequence[Incident] = ()
        self._particle = particle
        self._deposits = np.zeros(0)
        self._manager = self._set_up()

    def shoot(self, energy: float, seed: int) -> tuple[Float[np.ndarray, " voxels"], float]:
        """Simulate one shower; nothing but energy and seed decides what comes out.

        Arguments:
            energy: incident (kinetic) energy [MeV].
            seed: seed of Geant4's random numbers, below 2^63.

        Returns:
            calibrated voxel energies [MeV] above the threshold, float32, in the order of the
            file; and the CPU time that they took [s].
        """
        started = time.process_time()
        voxels = self.simulate([Incident(self._particle, energy)], seed)
        voxels[voxels < self._stack.geometry.threshold] = 0
        return voxels.astype(np.float32), time.process_time() - started

    def simulate(
        self, primaries: Sequence[Incident], seed: int
    ) -> Float[np.ndarray, " voxels"]:
        """Simulate one event of any number of particles.

        Returns:
            calibrated voxel energies [MeV] of what was not caught, no threshold applied.
        """
        self._primaries = primaries
        self._g4.HepRandom.setTheSeed(seed)
        self._manager.BeamOn(1)
        return self._deposits / self._stack.sampling_fraction

    def _set_up(self) -> Any:
        """Start Geant4 and let it compute its tables."""
        g4 = self._g4
        self._user = [
            detector_construction(g4, self._stack, self._scoring),
            _physics(g4),
            self._actions(g4),
        ]
        manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
        for part in self._user:
            manager.SetUserInitialization(part)
        interface = g4.G4UImanager.GetUIpointer()
        for command in ("/process/em/verbose 0", "/process/verbose 0", "/run/verbose 0"):
            interface.ApplyCommand(command)
        manager.Initialize()
        interface.ApplyCommand(f"/run/setCut {self._stack.range_cut_mm} mm")
        # Without an event: the tables of cross sections are computed now, in nobody's time.
        manager.BeamOn(0)
        return manager

    def _actions(self, g4: ModuleType) -> Any:
        """The particle gun, what is read when an event ends, and the catcher at the front."""
        engine = self

        class Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.gun = engine._gun = g4.G4ParticleGun(1)

            def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
                for primary in engine._primaries:
                    engine._aim(primary)
                    self.gun.GeneratePrimaryVertex(event)

        class Reading(g4.G4UserEventAction):  # type: ignore[name-defined]
            def EndOfEventAction(self, event: Any) -> None:  # noqa: N802
                engine._deposits = engine._scoring.read(event)

        class Actions(g4.G4VUserActionInitialization):  # type: ignore[name-defined]
            def Build(self) -> None:  # noqa: N802
                self.kept = [Gun(), Reading()]
                if engine._catch is not None:
                    self.kept.append(_catcher(g4, engine._catch))
                for action in self.kept:
                    self.SetUserAction(action)

        return Actions()

    def _aim(self, primary: Incident) -> None:
        """Set up the gun so that a particle passes the front where it should."""
        g4, (dx, dy, dz) = self._g4, primary.direction
        table = g4.G4ParticleTable.GetParticleTable()
        name = NAMES.get(primary.particle, primary.particle)
        back = IN_FRONT / 2 / dz
        self._gun.SetParticleDefinition(table.FindParticle(name))
        self._gun.SetParticleMomentumDirection(g4.G4ThreeVector(dx, dy, dz))
        x, y = primary.x - back * dx, primary.y - back * dy
        self._gun.SetParticlePosition(g4.G4ThreeVector(x, y, -IN_FRONT / 2))
        self._gun.SetParticleEnergy(primary.energy)


def _catcher(g4: ModuleType, catch: Catch) -> Any:
    """Make the action that shows each particle that passes the front, and ends those taken.

    Nothing happens in the empty space before the front, so that a step ends there.
    """
    names = {name: particle for particle, name in NAMES.items()}

    class Catcher(g4.G4UserSteppingAction):  # type: ignore[name-defined]
        def UserSteppingAction(self, step: Any) -> None:  # noqa: N802
            if step.GetPreStepPoint().GetPosition().z >= 0:
                return
            point, track = step.GetPostStepPoint(), step.GetTrack()
            place, along = point.GetPosition(), point.GetMomentumDirection()
            if place.z < 0 or along.z <= 0:
                return
            name = track.GetDefinition().GetParticleName()
            incident = Incident(
                names.get(str(name), str(name)),
                point.GetKineticEnergy(),
                place.x,
                place.y,
                (along.x, along.y, along.z),
            )
            if catch(incident):
                track.SetTrackStatus(g4.G4TrackStatus.fStopAndKill)

    return Catcher()


def _physics(g4: ModuleType) -> Any:
    """Standard electromagnetic physics, the electromagnetic part of FTFP_BERT."""

    class Physics(g4.G4VModularPhysicsList):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.SetVerboseLevel(0)
            self.kept = g4.G4EmStandardPhysics()
            self.RegisterPhysics(self.kept)

    return Physics()
