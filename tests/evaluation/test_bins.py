"""Bins hold all values, and equally many possible ones where values are discrete."""

import numpy as np
import pytest

from calo4pqvae.evaluation.bins import (
    is_geometric,
    linear_edges,
    log_edges,
    number_of_bins,
    sparsity_edges,
)


def test_edges_enclose_the_values(rng):
    values = rng.exponential(3.0, 200)
    for edges in (linear_edges(values, 9), log_edges(values, 9)):
        assert len(edges) == 10
        assert edges[0] <= values.min()
        assert edges[-1] > values.max()


def test_logarithmic_edges_are_known_as_such(rng):
    values = rng.exponential(3.0, 200)
    assert is_geometric(log_edges(values, 9))
    assert not is_geometric(linear_edges(1 + values, 9))


@pytest.mark.parametrize("values", [np.zeros(3), np.empty(0), np.full(5, 2.0)])
def test_degenerate_values_still_have_rising_edges(values):
    for edges in (linear_edges(values, 4), log_edges(values, 4), sparsity_edges(values, 4, 72)):
        assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("n_bins", [7, 8, 30, 400])
def test_every_sparsity_bin_holds_equally_many_possible_values(rng, n_bins):
    n_voxels = 144
    hits = rng.integers(3, 101, 500)
    edges = sparsity_edges(1 - hits / n_voxels, n_bins, n_voxels)
    possible = 1 - np.arange(n_voxels + 1) / n_voxels
    inside, _ = np.histogram(possible, edges)
    assert len(set(inside)) == 1
    counts, _ = np.histogram(1 - hits / n_voxels, edges)
    assert counts.sum() == len(hits)


def test_equal_bins_would_not(rng):
    hits = rng.integers(3, 101, 500)
    possible = 1 - np.arange(145) / 144
    inside, _ = np.histogram(possible, linear_edges(1 - hits / 144, 30))
    assert len(set(inside)) > 1


def test_number_of_bins_follows_the_smallest_sample_that_has_showers():
    small, large = np.zeros(50), np.zeros(100_000)
    assert number_of_bins({"a": large}) == 40
    assert number_of_bins({"a": large, "b": small}) == 8
    assert number_of_bins({"a": large, "b": np.empty(0)}) == 40
    assert number_of_bins(dict.fromkeys("abcde", large)) == 20
