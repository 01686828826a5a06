"""Whether an annealer stays as it was while a job runs, and whether reads are independent."""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from calo4pqvae.annealer.calibration.temperature import Estimate, energies, pseudo_likelihood
from calo4pqvae.boltzmann.problem import BoltzmannProblem

__all__ = ["DriftMonitor", "read_correlation"]


@dataclass
class DriftMonitor:
    r"""Follows the temperature of the states that a job produces, without classical ones.

    Each stretch of reads, in the order of time, gives $\alpha$ by pseudo-likelihood. A stretch
    further from the reference than three errors and than `tolerance` is an alarm.

    Arguments:
        reference: what $\alpha$ should be; the first stretch when None.
        stretch: reads of a stretch.
        tolerance: relative change that is no concern.

    Attributes:
        seen: value of each stretch.
    """

    reference: Estimate | None = None
    stretch: int = 512
    tolerance: float = 0.02
    seen: list[Estimate] = field(default_factory=list)

    def watch(
        self,
        problem: BoltzmannProblem,
        states: Bool[Tensor, "chains nodes"],
        order: Int[np.ndarray, " reads"],
    ) -> None:
        """Add the states of a call.

        Arguments:
            problem: biases (one row, or one per chain) and couplings.
            states: states of the chains.
            order: chains in the order in which they were read.
        """
        for begin in range(0, len(order), self.stretch):
            some = torch.from_numpy(order[begin : begin + self.stretch])
            bias = problem.bias if len(problem.bias) == 1 else problem.bias[some]
            part = BoltzmannProblem(problem.graph, bias, problem.coupling)
            self.seen.append(pseudo_likelihood(part, states[some]))

    @property
    def alarms(self) -> list[int]:
        """Numbers of the stretches that are too far away."""
        if not self.seen:
            return []
        r = self.reference or self.seen[0]
        return [
            k
            for k, a in enumerate(self.seen)
            if abs(a.value - r.value)
            > max(3 * np.hypot(a.error, r.error), self.tolerance * r.value)
        ]


def read_correlation(
    problem: BoltzmannProblem, states: Bool[Tensor, "reads nodes"]
) -> tuple[float, float]:
    r"""Correlate the energies of successive reads of one programming.

    Returns:
        the correlation at distance 1, and its standard error $1 / \sqrt n$ for independent
        reads. Programming anew for each read, or waiting between reads, is of use only where
        it is larger than that.
    """
    energy = energies(problem, states).numpy()
    away = energy - energy.mean()
    return float((away[1:] * away[:-1]).sum() / (away**2).sum()), float(len(energy) ** -0.5)
