r"""How large the errors of a chip are, from reads of several programmings.

Programmed fields and couplings are off by a little, anew in each programming where spins are
reversed at random. A node's score $S_{ui} = \sum_r (z_{ri} - \sigma(\alpha f_{ri}))$ over the
reads r of programming u then has the variance $I_{ui} + 4 \beta^2 (\sigma_h^2 I_{ui}^2 +
\sigma_J^2 \sum_j I_{uij}^2)$, with the information $I_{ui} = \sum_r v_{ri}$ and $I_{uij} =
\sum_r v_{ri} s_{rj}$ of its couplers. The same scores times the centred spin of a neighbour
tell $\sigma_J$ alone. Nothing classical is needed.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from calo4pqvae._core.numbers import plain
from calo4pqvae.annealer.calibration.memory import read_memory
from calo4pqvae.annealer.calibration.temperature import local_fields
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["ChipErrors", "estimate_errors"]


class ChipErrors(NamedTuple):
    """Sizes of the errors of a chip, as `emulator.imperfections` defines them.

    Attributes:
        h, j: standard deviation of the error of each programmed field and coupling.
        readout: probability that a spin is read wrongly.
        repeats: probability that a read repeats the one before.
    """

    h: float = 0.0
    j: float = 0.0
    readout: float = 0.0
    repeats: float = 0.0

    def __str__(self) -> str:
        return (
            f"h {self.h:.2g}, J {self.j:.2g}, readout {plain(100 * self.readout, 2)} %, "
            f"repeated reads {plain(100 * self.repeats, 2)} %"
        )


def estimate_errors(
    problem: BoltzmannProblem,
    states: Bool[Tensor, "reads nodes"],
    programming: Int[np.ndarray, " reads"],
    *,
    alpha: float,
    beta: float,
    readout: float = 0.0,
) -> ChipErrors:
    """Find the sizes of control errors and of the memory of reads.

    Arguments:
        problem: biases (one row, or one per read) and couplings, in the model's units.
        states: reads, those of one programming in order of time.
        programming: number of the programming of each read.
        alpha: temperature of the states, relative to the model's.
        beta: inverse temperature of the annealer.
        readout: probability that a spin is read wrongly; small ones matter little here.
    """
    memory = read_memory(states, programming)
    repeats = min(max(float(memory.correlation), 0.0), 0.9) if memory.remembers else 0.0
    graph, n0 = problem.graph, problem.graph.sizes[0]
    z = states.numpy()[:, n0:].astype(np.float64)
    p = 1 / (1 + np.exp(-alpha * local_fields(problem, states).numpy()))
    score, information = z - p, p * (1 - p)
    # Repeated reads make sums of scores larger by this.
    excess = (1 + repeats) / (1 - repeats)
    edges = (graph.edges[:, graph.among_free] - n0).numpy()
    unit = np.unique(programming, return_inverse=True)[1]
    of_j = _coupling_variance(z, score, information, edges, unit, excess) / (4 * beta**2)
    sums, own = (_by_unit(part, unit) for part in (score, information))
    over = (sums**2 - excess * own).sum() / (4 * beta**2)
    both, spin = np.concatenate([edges, edges[::-1]], axis=1), 2 * z - 1
    through = _by_unit(information[:, both[0]] * spin[:, both[1]], unit)
    of_h = float((over - of_j * (through**2).sum()) / max((own**2).sum(), 1e-12))
    return ChipErrors(max(of_h, 0.0) ** 0.5, max(of_j, 0.0) ** 0.5, readout, repeats)


def _coupling_variance(
    z: Float[np.ndarray, "reads free"],
    score: Float[np.ndarray, "reads free"],
    information: Float[np.ndarray, "reads free"],
    edges: Int[np.ndarray, "2 couplers"],
    unit: Int[np.ndarray, " reads"],
    excess: float,
) -> float:
    """Variance of the error of a coupling, in units of the log-odds of a bit."""
    if not edges.shape[1]:
        return 0.0
    i, j = edges
    spin = 2 * z - 1
    mean = _by_unit(spin, unit) / np.bincount(unit)[:, None]
    centred = spin - mean[unit]
    each = score[:, i] * centred[:, j] + score[:, j] * centred[:, i]
    told = information[:, i] * centred[:, j] ** 2 + information[:, j] * centred[:, i] ** 2
    sums, noise, weight = (_by_unit(part, unit) for part in (each, each**2, told))
    return float((sums**2 - excess * noise).sum() / max((weight**2).sum(), 1e-12))


def _by_unit(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Add up rows of each unit."""
    found = np.zeros((unit.max(initial=-1) + 1, values.shape[1]))
    np.add.at(found, unit, values)
    return found
