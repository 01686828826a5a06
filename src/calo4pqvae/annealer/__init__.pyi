from calo4pqvae.annealer.calibration.checkup import Finding as Finding
from calo4pqvae.annealer.calibration.checkup import check_up as check_up
from calo4pqvae.annealer.calibration.drift import DriftMonitor as DriftMonitor
from calo4pqvae.annealer.calibration.matching import Fit as Fit
from calo4pqvae.annealer.calibration.matching import match_temperature as match_temperature
from calo4pqvae.annealer.calibration.measuring import measure_temperature as measure_temperature
from calo4pqvae.annealer.calibration.memory import read_memory as read_memory
from calo4pqvae.annealer.calibration.readout import measure_readout as measure_readout
from calo4pqvae.annealer.calibration.refit import refit as refit
from calo4pqvae.annealer.calibration.shimming import measure_shims as measure_shims
from calo4pqvae.annealer.calibration.temperature import Estimate as Estimate
from calo4pqvae.annealer.calibration.temperature import pseudo_likelihood as pseudo_likelihood
from calo4pqvae.annealer.calibration.temperature_file import Purpose as Purpose
from calo4pqvae.annealer.calibration.temperature_file import (
    describe_temperature as describe_temperature,
)
from calo4pqvae.annealer.calibration.temperature_file import (
    read_temperature as read_temperature,
)
from calo4pqvae.annealer.chip.constants import CHIPS as CHIPS
from calo4pqvae.annealer.chip.constants import Chip as Chip
from calo4pqvae.annealer.chip.solvers import list_solvers as list_solvers
from calo4pqvae.annealer.chip.solvers import open_solver as open_solver
from calo4pqvae.annealer.chip.working_graph import WorkingGraph as WorkingGraph
from calo4pqvae.annealer.emulator.emulator import EmulatedAnnealer as EmulatedAnnealer
from calo4pqvae.annealer.emulator.imperfections import IMPERFECTIONS as IMPERFECTIONS
from calo4pqvae.annealer.emulator.imperfections import Imperfections as Imperfections
from calo4pqvae.annealer.jobs.budget import Plan as Plan
from calo4pqvae.annealer.jobs.journal import open_journal as open_journal
from calo4pqvae.annealer.jobs.timing import AccessTime as AccessTime
from calo4pqvae.annealer.jobs.timing import access_time as access_time
from calo4pqvae.annealer.programs.placement import Placement as Placement
from calo4pqvae.annealer.programs.placement import place as place
from calo4pqvae.annealer.programs.shims import Shims as Shims
from calo4pqvae.annealer.repair import Repair as Repair
from calo4pqvae.annealer.repair import repair as repair
from calo4pqvae.annealer.request import Request as Request
from calo4pqvae.annealer.sampler import AnnealerSampler as AnnealerSampler
from calo4pqvae.annealer.settings import Settings as Settings
from calo4pqvae.annealer.usage import describe_usage as describe_usage
from calo4pqvae.annealer.usage import worries as worries
