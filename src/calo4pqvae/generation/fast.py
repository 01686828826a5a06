"""Geant4 with generated showers in it: known particles are taken over at the front.

A particle that a model knows is ended where it enters the calorimeter, and a generated shower
is put in its place; all others are simulated in full, and counted with the reason.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from calo4pqvae._core.rng import RowNoise, derive_seed
from calo4pqvae.data.energies import Energies
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.simulation.engine import Engine, Incident, Particle
from calo4pqvae.simulation.facts import shower_seed
from calo4pqvae.simulation.stack import Stack

__all__ = ["FastSimulation", "fast_simulate"]

LARGEST_ANGLE = 0.02
"""Angle to the axis up to which an incident counts as normal [rad]: over the depth of a shower,
100 mm, it moves deposits by less than half a cell of 4.65 mm."""


class FastSimulation:
    """Geant4 in a stack, with a model's showers for the particles that it knows.

    A process can hold one only, as of `Engine`.

    Arguments:
        stack: the detector.
        model: model whose geometry is that of the stack.
        sweeps: Gibbs sweeps for a shower.
        particles: particles whose showers the model makes.

    Attributes:
        counts: generated showers, and particles simulated in full by reason.

    Raises:
        ConfigError: the model was made for another geometry, or cannot sample by itself.
        MissingExtraError: geant4_pybind is not installed.
    """

    def __init__(
        self,
        stack: Stack,
        model: ShowerModel,
        *,
        sweeps: int,
        particles: Sequence[Particle] = ("electron",),
    ) -> None:
        _check(stack.geometry, model)
        self.counts: Counter[str] = Counter()
        self._model, self._sweeps, self._particles = model, sweeps, frozenset(particles)
        self._stack, self._caught = stack, list[Incident]()
        self._engine = Engine(stack, catch=self._catch)

    def simulate(
        self, primaries: Sequence[Incident], seed: int
    ) -> Float[np.ndarray, " voxels"]:
        """Simulate one event, all its generated showers together.

        Arguments:
            primaries: incident particles.
            seed: seed of Geant4 and of the showers.

        Returns:
            calibrated voxel energies [MeV] above the threshold.
        """
        self._caught.clear()
        voxels = self._engine.simulate(primaries, seed)
        if self._caught:
            voxels = voxels + self._generate(seed)
        voxels[voxels < self._stack.geometry.threshold] = 0
        return voxels.astype(np.float32)

    def _catch(self, incident: Incident) -> bool:
        """Take a particle over if the model knows it; count it either way."""
        reason = self._unknown(incident)
        self.counts[reason or "generated"] += 1
        if reason is None:
            self._caught.append(incident)
        return reason is None

    def _unknown(self, incident: Incident) -> str | None:
        scale = self._model.scale
        if incident.particle not in self._particles:
            return f"in full: {incident.particle}"
        if not scale.low <= incident.energy <= scale.high:
            return "in full: energy"
        if math.acos(min(1.0, incident.direction[2])) > LARGEST_ANGLE:
            return "in full: angle"
        return None

    def _generate(self, seed: int) -> Float[np.ndarray, " voxels"]:
        """Draw the showers of an event and put them in their places."""
        energies = torch.tensor([[incident.energy] for incident in self._caught])
        key = derive_seed(seed, 1)
        drawn = self._model.sample(energies, key, 0, self._sweeps)
        assert drawn is not None
        showers = self._model.decode(drawn[0], energies, RowNoise(key, 0))
        total, rng = np.zeros(self._stack.geometry.n_voxels), np.random.default_rng(key)
        for incident, shower in zip(self._caught, showers.flatten(1).numpy(), strict=True):
            total += moved(self._stack.geometry, shower, (incident.x, incident.y), rng)
        return total


def moved(
    geometry: CylindricalGeometry,
    shower: Float[np.ndarray, " voxels"],
    place: tuple[float, float],
    rng: np.random.Generator,
) -> Float[np.ndarray, " voxels"]:
    """Move a shower from the axis to another place: each hit from a point of its voxel.

    The points lie evenly in area; what leaves the cylinder is lost, as in the detector.
    """
    if place == (0.0, 0.0):
        return shower.astype(np.float64)
    n_layers, n_alpha, n_r = geometry.shape
    edges = np.array(geometry.layers[0].r_edges)
    hits = np.flatnonzero(shower)
    layer, alpha, ring = np.unravel_index(hits, (n_layers, n_alpha, n_r))
    low, high = edges[ring] ** 2, edges[ring + 1] ** 2
    r = np.sqrt(low + (high - low) * rng.random(len(hits)))
    angle = 2 * np.pi * (alpha + rng.random(len(hits))) / n_alpha - np.pi
    x, y = r * np.cos(angle) + place[0], r * np.sin(angle) + place[1]
    ring = np.searchsorted(edges, np.hypot(x, y), side="right") - 1
    alpha = ((np.arctan2(y, x) + np.pi) // (2 * np.pi / n_alpha)).astype(int) % n_alpha
    inside = (ring >= 0) & (ring < n_r)
    voxel = (layer * n_alpha + alpha) * n_r + ring
    weights = shower[hits][inside].astype(np.float64)
    return np.bincount(voxel[inside], weights, minlength=geometry.n_voxels).astype(np.float64)


def fast_simulate(
    simulation: FastSimulation,
    e_inc: Energies,
    path: str | Path,
    *,
    attributes: dict[str, str | int | float],
    particle: Particle = "electron",
    seed: int = 0,
    first: int = 0,
    overwrite: bool = False,
    on_shower: Callable[[], None] = lambda: None,
) -> None:
    """Simulate single particles along the axis, and write them to a file.

    Arguments:
        simulation: Geant4 with a model in it.
        e_inc: incident energies [MeV].
        path: file to write.
        attributes: what the file says about itself.
        particle: what comes in.
        seed: seed of all showers.
        first: number of the first shower.
        overwrite: whether an existing file may be replaced.
        on_shower: called after each.

    Raises:
        OutputError: the file exists, or cannot be written.
    """
    geometry = simulation._stack.geometry
    with ShowerWriter(path, geometry, attributes, overwrite=overwrite) as writer:
        for row, energy in enumerate(e_inc[:, 0].tolist()):
            incident = [Incident(particle, energy)]
            voxels = simulation.simulate(incident, shower_seed(seed, first + row))
            writer.append(e_inc[row : row + 1], voxels[None])
            on_shower()
        writer.note(**{f"fast_{key}": n for key, n in sorted(simulation.counts.items())})


def _check(geometry: CylindricalGeometry, model: ShowerModel) -> None:
    """Refuse a model that makes showers of another detector.

    Raises:
        ConfigError: naming what differs.
    """
    mine, its = geometry.to_dict(), model.geometry.to_dict()
    if any(not np.allclose(mine[key], its[key], rtol=1e-6) for key in mine):
        raise ConfigError(
            f"the model makes showers of {its['n_layers']} x {its['n_alpha']} cells and more "
            "of another geometry than the stack's; simulate the stack that it was trained on"
        )
    if model.decoded_together(torch.device("cpu")) != 1:
        raise ConfigError(
            "fast simulation needs the compiled core: a layered model (preset best) and a C++ "
            "compiler (pip install ziglang brings one)"
        )
