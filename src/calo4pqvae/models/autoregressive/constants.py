"""Numbers that fix the scale of the decoder's inputs: read by torch and by the compiled core.

They are part of every trained model: with other values its weights mean something else.
"""

__all__ = [
    "COUNT_SCALE",
    "DECAY",
    "LEAST_COUNT_WIDTH",
    "ROOT_SCALE",
    "SLACK",
    "SOFTENING",
    "Y_SCALE",
]

Y_SCALE = 8.0
"""Unit of y = ln(v / threshold), which reaches 13 at 1 TeV: inputs stay of order one."""

DECAY = (0.7, 0.95)
"""Decay rates of the moving averages of earlier layers: memories of some 3 and 20 layers, the
length of a single particle's track and that of the shower."""

COUNT_SCALE, ROOT_SCALE = 4.0, 10.0
"""Units of ln(1 + n) and sqrt(n) of a number of hits up to 144."""

SOFTENING = 0.1
"""Added to hits and empty voxels left, so that the logarithm of their ratio stays finite."""

SLACK = 1e-4
"""Thresholds that a layer of n hits may lack of n thresholds, for rounding of its energy."""

LEAST_COUNT_WIDTH = 0.05
"""Least width of a number of hits, in 2 sqrt(n), where neighbours are 1/sqrt(n) apart."""
