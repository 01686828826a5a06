"""What is odd in the content of a shower file, and is told."""

import numpy as np
import pytest

from calo4pqvae.data.checks import describe_faint_hits
from calo4pqvae.units import keV


@pytest.mark.parametrize(("threshold", "told"), [(230, ""), (250, "50% of the hits"), (0, "")])
def test_hits_below_the_threshold_are_told(threshold: float, told: str) -> None:
    showers = np.zeros((10, 6), np.float32)
    showers[:, 1], showers[:, 4] = 230 * keV, 400 * keV
    said = describe_faint_hits("mine.h5", showers, threshold * keV)
    assert bool(said) == bool(told)
    assert told in said
    assert not told or "the smallest has 230 keV" in said


def test_a_few_of_them_are_not() -> None:
    showers = np.full((10, 60), 230 * keV, np.float32)
    showers[:5, 0] = 20 * keV
    assert describe_faint_hits("mine.h5", showers, 230 * keV) == ""
    assert describe_faint_hits("mine.h5", 0 * showers, 230 * keV) == ""
