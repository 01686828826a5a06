"""What the outputs of a classifier say: AUC with its error, calibration, and JSD in bits."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import isotonic_regression
from scipy.stats import rankdata

from calo4pqvae.evaluation.result import Score

__all__ = ["Calibration", "area_under_curve", "divergence"]

Outputs = Float[np.ndarray, " _showers"]

_MARGIN = 1e-6


def area_under_curve(reference: Outputs, generated: Outputs) -> Score:
    """Compute the area under the ROC curve with DeLong's error.

    The area is the probability that a generated shower has the larger output than one of the
    reference; a tie counts half. The error is that of these showers under this classifier,
    without the scatter of training; it is zero when the outputs separate completely.

    Source: E. R. DeLong et al., Biometrics 44 (1988) 837; ranks as in X. Sun and W. Xu, IEEE
    Signal Process. Lett. 21 (2014) 1389.
    """
    n, m = len(reference), len(generated)
    ranks = rankdata(np.concatenate([reference, generated]))
    below = (ranks[n:] - rankdata(generated)) / n
    above = 1.0 - (ranks[:n] - rankdata(reference)) / m
    variance = below.var(ddof=1) / m + above.var(ddof=1) / n
    return Score(float(below.mean()), float(np.sqrt(variance)), min(n, m))


class Calibration(NamedTuple):
    """A rising map from a classifier's output to the probability of a generated shower.

    It passes through the knots in straight lines and is level outside them. Probabilities
    keep 1e-6 away from 0 and 1, so that their logarithms exist.
    """

    outputs: Outputs
    probabilities: Outputs

    @classmethod
    def fit(cls, reference: Outputs, generated: Outputs) -> "Calibration":
        """Fit by isotonic regression of the label on the output; ties share one knot."""
        both = np.concatenate([reference, generated])
        label = np.concatenate([np.zeros(len(reference)), np.ones(len(generated))])
        knots, where, counts = np.unique(both, return_inverse=True, return_counts=True)
        mean = np.bincount(where, label) / counts
        return cls(knots, isotonic_regression(mean, weights=counts).x)

    def __call__(self, outputs: Outputs) -> Outputs:
        """Give the probability that each shower is generated."""
        made = np.interp(outputs, self.outputs, self.probabilities)
        return made.clip(_MARGIN, 1 - _MARGIN)


def divergence(reference: Outputs, generated: Outputs) -> Score:
    """Estimate the Jensen-Shannon divergence of two distributions from probabilities.

    JSD = 1 + 1/2 <log2(1 - p)>_reference + 1/2 <log2 p>_generated, that is one minus the
    binary cross-entropy in bits, with equal weight of both sides. In bits: 0 for equal
    distributions, 1 for disjoint ones. It is exact for the true probabilities p and a lower
    bound in the mean for any other, so that equal distributions give small negative values.

    Arguments:
        reference: probability of being generated, for each shower of the reference.
        generated: the same for generated showers.
    """
    one, other = np.log2(1.0 - reference), np.log2(generated)
    variance = one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)
    value = 1.0 + 0.5 * (one.mean() + other.mean())
    return Score(float(value), float(0.5 * np.sqrt(variance)), min(len(one), len(other)))
