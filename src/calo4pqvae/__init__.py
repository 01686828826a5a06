"""Calorimeter showers from a discrete VAE with a four-partite Boltzmann prior.

The names below are all that a newcomer needs; they are imported when first used, so that
importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer
    from calo4pqvae.annealer.sampler import AnnealerSampler
    from calo4pqvae.boltzmann.machine import BoltzmannPrior
    from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler
    from calo4pqvae.boltzmann.samplers.exact import ExactSampler
    from calo4pqvae.config import Config, load_config
    from calo4pqvae.data.energies import draw_energies
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.data.shower_writer import ShowerWriter
    from calo4pqvae.evaluation.evaluate import evaluate
    from calo4pqvae.generation.bulk import generate, reconstruct
    from calo4pqvae.geometry import CylindricalGeometry
    from calo4pqvae.models.storage import load_model, load_pretrained
    from calo4pqvae.models.vae.model import Calo4pQVAE
    from calo4pqvae.simulate.job import Simulation, simulate
    from calo4pqvae.training.run import train

__version__ = "0.1.0"

__all__ = [
    "AnnealerSampler",
    "BoltzmannPrior",
    "Calo4pQVAE",
    "Config",
    "CylindricalGeometry",
    "EmulatedAnnealer",
    "ExactSampler",
    "GibbsSampler",
    "ShowerFile",
    "ShowerWriter",
    "Simulation",
    "draw_energies",
    "evaluate",
    "generate",
    "load_config",
    "load_model",
    "load_pretrained",
    "reconstruct",
    "simulate",
    "train",
]

_HOMES = {
    "AnnealerSampler": "annealer.sampler",
    "BoltzmannPrior": "boltzmann.machine",
    "Calo4pQVAE": "models.vae.model",
    "Config": "config",
    "CylindricalGeometry": "geometry",
    "EmulatedAnnealer": "annealer.emulator.emulator",
    "ExactSampler": "boltzmann.samplers.exact",
    "GibbsSampler": "boltzmann.samplers.block_gibbs",
    "ShowerFile": "data.shower_file",
    "ShowerWriter": "data.shower_writer",
    "Simulation": "simulate.job",
    "draw_energies": "data.energies",
    "evaluate": "evaluation.evaluate",
    "generate": "generation.bulk",
    "load_config": "config",
    "load_model": "models.storage",
    "load_pretrained": "models.storage",
    "reconstruct": "generation.bulk",
    "simulate": "simulate.job",
    "train": "training.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calo4pqvae' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"calo4pqvae.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
