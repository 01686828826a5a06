"""Figures of a file against those that numpy gives for its arrays."""

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.summary import summarise


def test_figures_are_those_of_the_arrays():
    told = []
    with ShowerFile(sample_path()) as file:
        found = summarise(file, told.append)
        e_inc, showers = file.e_inc(slice(None)), file.showers(slice(None))
        threshold = file.geometry.threshold
    assert sum(told) == len(e_inc)
    assert (found.lowest, found.highest) == (e_inc.min(), e_inc.max())
    response = (showers.sum(axis=1, dtype=np.float64) / e_inc[:, 0]).mean()
    assert found.response == pytest.approx(response, rel=1e-12)
    assert found.hits == np.count_nonzero(showers)
    assert found.sparsity == pytest.approx((showers == 0).mean(), rel=1e-12)
    assert found.smallest == showers[showers > 0].min()
    assert found.faint == np.count_nonzero((showers > 0) & (showers < threshold))
