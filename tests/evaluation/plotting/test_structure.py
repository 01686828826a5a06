"""Correlation functions are drawn for any samples, windows with few showers left out."""

import numpy as np
import pytest

from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.plotting.structure import centres_by_distance, pairs_of_hits


@pytest.fixture(scope="module")
def samples():
    with ShowerFile(sample_path()) as file:
        whole = Measured.from_file(file).structure
    return {"Geant4": whole, "generated": whole.take(np.arange(400))}


def test_one_panel_for_each_window(samples):
    figure = centres_by_distance(samples)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["1-3 GeV", "3-10 GeV", "10-30 GeV", "30-100 GeV"]
    assert len(figure.axes[0].containers) == 1


def test_pairs_at_the_lowest_and_the_highest_energy(samples):
    figure = pairs_of_hits(samples)
    assert len(figure.axes) == 4
    assert figure.axes[0].get_xlabel() == "sectors apart"


def test_few_showers_share_one_panel(samples):
    few = {name: side.take(np.arange(40)) for name, side in samples.items()}
    assert len(centres_by_distance(few).axes) == 1
    assert len(pairs_of_hits(few).axes) == 2
