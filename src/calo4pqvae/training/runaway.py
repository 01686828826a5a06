r"""Persistent chains that run away from the data, noticed and damped.

The gradient's two phases have equal mean energies once the machine fits its states. Where
chains find a mode that no state is in, their energy falls far below that of the data, hundreds
of components of the gradient point the same way, and momentum carries the machine past the data
again: the gap swings with a growing amplitude. To forget the momentum and to shorten the step,
so that it closes half of the gap at most, ends that; the chains stay: only they show the mode.
"""

import math

import torch
from torch import Tensor

from calo4pqvae.boltzmann.gradient import Gradient, Moments

__all__ = ["WIDEST_GAP", "closing_rate", "has_run_away"]

WIDEST_GAP = 3.0
"""Widest gap, in square roots of the number of free nodes [nats]: the energy of one state
scatters by about one such root, the mean of a batch by much less, and a healthy training stays
below one (8 nats of 30 in the preset `paper-compact`)."""


def has_run_away(gap: float, n_free: int) -> bool:
    """Tell whether the chains' mean energy lies too far below that of the data.

    Arguments:
        gap: mean energy of the data's states less that of the chains [nats].
        n_free: nodes that are not clamped.

    Example:
        >>> has_run_away(10.0, 900), has_run_away(100.0, 900)
        (False, True)
    """
    return gap > WIDEST_GAP * math.sqrt(n_free)


def closing_rate(gap: float, gradient: Gradient, data: Moments, model: Moments) -> float:
    r"""Give the step that closes half of the gap.

    With the states held, a step r along the gradient g moves the gap by
    $-r \sum_k g_k (m^d_k - m^m_k)$ over all moments m.
    """
    pairs: tuple[tuple[Tensor, Tensor], ...] = (
        (gradient.bias, data.node - model.node),
        (gradient.coupling, data.edge - model.edge),
    )
    slope = float(sum(torch.sum(g * difference) for g, difference in pairs))
    return gap / (2 * slope) if slope > 0 else math.inf
