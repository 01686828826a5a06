"""One Geant4 in one process: an energy and a seed in, the voxels of a shower out."""

import time
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from calo4pqvae.simulation.construction import IN_FRONT, detector_construction
from calo4pqvae.simulation.geant4 import geant4
from calo4pqvae.simulation.scoring import make_scoring
from calo4pqvae.simulation.stack import Stack
from calo4pqvae.units import GeV, TeV

__all__ = ["HIGHEST", "LOWEST", "PARTICLES", "Engine", "Particle"]

Particle = Literal["electron", "photon", "positron"]
PARTICLES: tuple[Particle, ...] = get_args(Particle)

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

    Raises:
        MissingExtraError: geant4_pybind is not installed.
    """

    def __init__(self, stack: Stack, particle: Particle = "electron") -> None:
        self._g4, self._stack = geant4(), stack
        self._scoring = make_scoring(self._g4, stack)
        self._gun: Any = None
        self._deposits = np.zeros(0)
        self._manager = self._set_up(particle)

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
        self._gun.SetParticleEnergy(energy)
        self._g4.HepRandom.setTheSeed(seed)
        self._manager.BeamOn(1)
        deposits = self._deposits / self._stack.sampling_fraction
        deposits[deposits < self._stack.geometry.threshold] = 0
        return deposits.astype(np.float32), time.process_time() - started

    def _set_up(self, particle: Particle) -> Any:
        """Start Geant4 and let it compute its tables."""
        g4 = self._g4
        self._user = [
            detector_construction(g4, self._stack, self._scoring),
            _physics(g4),
            self._actions(g4, NAMES[particle]),
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

    def _actions(self, g4: ModuleType, name: str) -> Any:
        """The particle gun, and what is read when an event ends."""
        engine = self

        class Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.gun = engine._gun = g4.G4ParticleGun(1)
                table = g4.G4ParticleTable.GetParticleTable()
                self.gun.SetParticleDefinition(table.FindParticle(name))
                self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
                self.gun.SetParticlePosition(g4.G4ThreeVector(0, 0, -IN_FRONT / 2))

            def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
                self.gun.GeneratePrimaryVertex(event)

        class Reading(g4.G4UserEventAction):  # type: ignore[name-defined]
            def EndOfEventAction(self, event: Any) -> None:  # noqa: N802
                engine._deposits = engine._scoring.read(event)

        class Actions(g4.G4VUserActionInitialization):  # type: ignore[name-defined]
            def Build(self) -> None:  # noqa: N802
                self.kept = [Gun(), Reading()]
                for action in self.kept:
                    self.SetUserAction(action)

        return Actions()


def _physics(g4: ModuleType) -> Any:
    """Standard electromagnetic physics, the electromagnetic part of FTFP_BERT."""

    class Physics(g4.G4VModularPhysicsList):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.SetVerboseLevel(0)
            self.kept = g4.G4EmStandardPhysics()
            self.RegisterPhysics(self.kept)

    return Physics()
