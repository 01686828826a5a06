from calo4pqvae._core.rng import SharedNoise as SharedNoise
from calo4pqvae.boltzmann.diagnostics.equilibrium import measure_mixing as measure_mixing
from calo4pqvae.boltzmann.diagnostics.mixing import autocorrelation_time as autocorrelation_time
from calo4pqvae.boltzmann.diagnostics.mixing import (
    effective_sample_size as effective_sample_size,
)
from calo4pqvae.boltzmann.diagnostics.mixing import split_r_hat as split_r_hat
from calo4pqvae.boltzmann.energy import EnergyOperator as EnergyOperator
from calo4pqvae.boltzmann.gradient import centred_gradient as centred_gradient
from calo4pqvae.boltzmann.gradient import moments as moments
from calo4pqvae.boltzmann.gradient import plain_gradient as plain_gradient
from calo4pqvae.boltzmann.graph import FourPartiteGraph as FourPartiteGraph
from calo4pqvae.boltzmann.graph import PartiteGraph as PartiteGraph
from calo4pqvae.boltzmann.interchange import from_dimod as from_dimod
from calo4pqvae.boltzmann.interchange import from_networkx as from_networkx
from calo4pqvae.boltzmann.ising import from_ising as from_ising
from calo4pqvae.boltzmann.ising import to_bits as to_bits
from calo4pqvae.boltzmann.ising import to_ising as to_ising
from calo4pqvae.boltzmann.ising import to_spins as to_spins
from calo4pqvae.boltzmann.lattices import pegasus as pegasus
from calo4pqvae.boltzmann.lattices import zephyr as zephyr
from calo4pqvae.boltzmann.log_z.annealed import even_schedule as even_schedule
from calo4pqvae.boltzmann.log_z.annealed import forward_log_z as forward_log_z
from calo4pqvae.boltzmann.log_z.annealed import reverse_log_z as reverse_log_z
from calo4pqvae.boltzmann.log_z.likelihood import each_log_likelihood as each_log_likelihood
from calo4pqvae.boltzmann.log_z.likelihood import log_z_bounds as log_z_bounds
from calo4pqvae.boltzmann.log_z.likelihood import mean_log_likelihood as mean_log_likelihood
from calo4pqvae.boltzmann.log_z.normaliser import (
    conditional_log_likelihood as conditional_log_likelihood,
)
from calo4pqvae.boltzmann.log_z.normaliser import exact_log_z as exact_log_z
from calo4pqvae.boltzmann.machine import BoltzmannMachine as BoltzmannMachine
from calo4pqvae.boltzmann.natural_gradient import fit_likelihood as fit_likelihood
from calo4pqvae.boltzmann.placement import place as place
from calo4pqvae.boltzmann.problem import BoltzmannProblem as BoltzmannProblem
from calo4pqvae.boltzmann.pseudo_likelihood import (
    fit_pseudo_likelihood as fit_pseudo_likelihood,
)
from calo4pqvae.boltzmann.samplers.base import Sampler as Sampler
from calo4pqvae.boltzmann.samplers.base import check_request as check_request
from calo4pqvae.boltzmann.samplers.block_gibbs import GibbsSampler as GibbsSampler
from calo4pqvae.boltzmann.samplers.choose import choose_sampler as choose_sampler
from calo4pqvae.boltzmann.samplers.cpu.compiled import CompiledGibbs as CompiledGibbs
from calo4pqvae.boltzmann.samplers.cuda.sampler import CudaGibbs as CudaGibbs
from calo4pqvae.boltzmann.samplers.dimod_adapter import DimodSampler as DimodSampler
from calo4pqvae.boltzmann.samplers.dimod_adapter import dwave_gibbs as dwave_gibbs
from calo4pqvae.boltzmann.samplers.exact import ExactSampler as ExactSampler
from calo4pqvae.boltzmann.samplers.exact import enumerate_states as enumerate_states
from calo4pqvae.boltzmann.samplers.groups import sample_machine as sample_machine
