from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer as EmulatedAnnealer
from calo4pqvae.annealer.sampler import AnnealerSampler as AnnealerSampler
from calo4pqvae.boltzmann.machine import BoltzmannPrior as BoltzmannPrior
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler as GibbsSampler
from calo4pqvae.boltzmann.samplers.exact import ExactSampler as ExactSampler
from calo4pqvae.config import Config as Config
from calo4pqvae.config import load_config as load_config
from calo4pqvae.data.energies import draw_energies as draw_energies
from calo4pqvae.data.shower_file import ShowerFile as ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter as ShowerWriter
from calo4pqvae.evaluation.evaluate import evaluate as evaluate
from calo4pqvae.generation.bulk import generate as generate
from calo4pqvae.generation.bulk import reconstruct as reconstruct
from calo4pqvae.geometry import CylindricalGeometry as CylindricalGeometry
from calo4pqvae.models.storage import load_model as load_model
from calo4pqvae.models.storage import load_pretrained as load_pretrained
from calo4pqvae.models.vae.model import Calo4pQVAE as Calo4pQVAE
from calo4pqvae.simulate.job import Simulation as Simulation
from calo4pqvae.simulate.job import simulate as simulate
from calo4pqvae.training.run import train as train

__version__: str
