"""What an exported prior starts from: sweeps and states of every interval of the couplings."""

import numpy as np

from calo4pqvae.generation.equilibrated import equilibrate
from calo4pqvae.models.storage import load_pretrained


def test_given_sweeps_are_taken_everywhere_and_nothing_is_measured():
    model = load_pretrained().model
    bins, nodes = model.prior.coupling_bins, model.prior.graph.n_nodes
    made = equilibrate(model, 2, sweeps=3)
    assert made.sweeps.tolist() == [3] * bins
    assert made.states is not None
    assert made.states.shape == (bins, 2, nodes)
    again, other = (equilibrate(model, 2, sweeps=3, seed=seed).states for seed in (0, 1))
    assert np.array_equal(made.states, again)
    assert not np.array_equal(made.states, other)


def test_without_states_chains_start_from_random_bits():
    assert equilibrate(load_pretrained().model, 0, sweeps=3).states is None
