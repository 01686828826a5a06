"""Zephyr and Pegasus made offline: counts known from their definitions, proper colourings."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from calo4pqvae.boltzmann.lattices import pegasus, pegasus_lattice, zephyr, zephyr_lattice
from calo4pqvae.errors import SamplerError

ZEPHYR = list(range(1, 7))
PEGASUS = list(range(2, 7))


def kinds_of_couplers(couplers, direction):
    """How many couplers join qubits of the two directions, and how many of the same one."""
    crossing = direction[couplers[:, 0]] != direction[couplers[:, 1]]
    return int(crossing.sum()), int((~crossing).sum())


def all_different(couplers):
    assert (couplers[:, 0] != couplers[:, 1]).all()
    return len(np.unique(np.sort(couplers, axis=1), axis=0)) == len(couplers)


@pytest.mark.parametrize("m", ZEPHYR)
def test_zephyr_counts(m):
    colour, couplers, _ = zephyr_lattice(m)
    internal, along = kinds_of_couplers(couplers, np.repeat([0, 1], len(colour) // 2))
    external, odd = 16 * (2 * m + 1) * (m - 1), 8 * (2 * m + 1) * (2 * m - 1)
    assert len(colour) == 16 * m * (2 * m + 1)
    assert internal == 256 * m**2
    assert along == external + odd
    assert all_different(couplers)


def test_zephyr_counts_of_the_chips():
    colour, couplers, _ = zephyr_lattice(6)
    assert (len(colour), len(couplers)) == (1248, 9216 + 1040 + 1144)
    colour, couplers, _ = zephyr_lattice(12)
    assert (len(colour), len(couplers)) == (4800, 45864)
    degree = np.bincount(couplers.ravel())
    assert degree.max() == 20
    assert np.median(degree) == 20


@pytest.mark.parametrize("m", PEGASUS)
def test_pegasus_counts(m):
    """Internal couplers are where two lines cross inside the spans of both their qubits."""
    colour, couplers, _ = pegasus_lattice(m)
    first = {"v": [2, 10, 6], "h": [6, 2, 10]}
    begin = {u: np.tile(np.repeat(first[u], 4), m) for u in "vh"}
    line = np.arange(12 * m)
    of_v = (line[None] >= begin["v"][:, None]) & (
        line[None] < begin["v"][:, None] + 12 * (m - 1)
    )
    of_h = (line[None] >= begin["h"][:, None]) & (
        line[None] < begin["h"][:, None] + 12 * (m - 1)
    )
    internal, along = kinds_of_couplers(couplers, np.repeat([0, 1], len(colour) // 2))
    assert len(colour) == 24 * m * (m - 1)
    assert internal == (of_v & of_h.T).sum()
    assert along == 24 * m * (m - 2) + 12 * m * (m - 1)
    assert all_different(couplers)
    assert np.bincount(couplers.ravel()).max() <= 15


def test_the_neighbours_of_one_pegasus_qubit():
    """Vertical (w, k, z) = (1, 4, 1) of P(3) lies on line 16 and spans lines 22 to 33.

    Which horizontal qubit of a line holds line 16 follows from the offsets 6, 2 and 10.
    """
    m = 3

    def number(u, w, k, z):
        return ((u * m + w) * 12 + k) * (m - 1) + z

    _, couplers, _ = pegasus_lattice(m)
    mine = couplers[(couplers == number(0, 1, 4, 1)).any(axis=1)]
    crossing = {(1, 10): 0, (1, 11): 0, (2, 8): 0, (2, 9): 0}
    crossing |= {(2, k): 0 for k in range(4)} | {(2, k): 1 for k in range(4, 8)}
    expected = {number(1, w, k, z) for (w, k), z in crossing.items()}
    expected |= {number(0, 1, 4, 0), number(0, 1, 5, 1)}
    assert set(mine.ravel().tolist()) - {number(0, 1, 4, 1)} == expected


@pytest.mark.parametrize(("m", "known"), [(2, None), (4, None), (16, 40484)])
def test_the_connected_part_of_pegasus_is_the_fabric(m, known):
    """The manufactured P(16) has 5640 qubits and 40,484 couplers."""
    colour, couplers, _ = pegasus_lattice(m)
    size = len(colour)
    matrix = coo_array((np.ones(len(couplers)), couplers.T), shape=(size, size))
    part = connected_components(matrix, directed=False)[1]
    fabric = part == np.bincount(part).argmax()
    assert fabric.sum() == 8 * (3 * m - 1) * (m - 1)
    if known:
        assert fabric[couplers].all(axis=1).sum() == known
        assert np.bincount(couplers.ravel()).max() == 15


@pytest.mark.parametrize(
    ("lattice", "m"),
    [(zephyr_lattice, m) for m in ZEPHYR] + [(pegasus_lattice, m) for m in PEGASUS],
)
def test_colours_are_proper_and_equally_frequent(lattice, m):
    colour, couplers, distance = lattice(m)
    assert (colour[couplers[:, 0]] != colour[couplers[:, 1]]).all()
    assert len(set(np.bincount(colour, minlength=4).tolist())) == 1
    assert distance.shape == colour.shape


@pytest.mark.parametrize(
    ("cut", "n", "lattice", "most", "mean"),
    [(zephyr, 302, "zephyr(6,4)", 20, 18), (pegasus, 512, "pegasus(11)", 15, 14)],
)
def test_the_papers_graphs(cut, n, lattice, most, mean):
    graph = cut(n)
    part = graph.partition_of_node
    assert graph.lattice == lattice
    assert graph.sizes == (n, n, n, n)
    assert (part[graph.edges[0]] != part[graph.edges[1]]).all()
    assert graph.degree.max() == most
    assert graph.degree.min() >= most // 2 - 2
    assert float(graph.degree.double().mean()) > mean
    neighbours = coo_array((np.ones(graph.n_edges), graph.edges.numpy()), shape=(4 * n, 4 * n))
    assert connected_components(neighbours, directed=False)[0] == 1
    again = cut(n)
    assert (again.labels == graph.labels).all()
    assert (again.edges == graph.edges).all()


def test_a_cut_holds_every_coupler_among_its_qubits():
    graph = zephyr(30, 3)
    _, couplers, _ = zephyr_lattice(3)
    kept = np.isin(couplers, graph.labels.numpy()).all(axis=1)
    pairs = {tuple(sorted(p)) for p in couplers[kept].tolist()}
    found = {tuple(sorted(p)) for p in graph.labels[graph.edges].T.tolist()}
    assert found == pairs
    assert graph.n_edges == len(pairs)


def test_a_cut_is_compact():
    """The pieces that fall away lie outside: the rest is nearer to the centre."""
    graph = zephyr(100, 6)
    distance = zephyr_lattice(6)[2]
    assert distance[graph.labels].mean() < 0.75 * distance.mean()


@pytest.mark.parametrize(("cut", "n", "m"), [(zephyr, 13, 1), (pegasus, 13, 2)])
def test_too_small_lattices_are_refused(cut, n, m):
    cut(n - 1, m)
    with pytest.raises(SamplerError, match="per partition do not fit"):
        cut(n, m)


@pytest.mark.parametrize(("lattice", "m"), [(zephyr_lattice, 0), (pegasus_lattice, 1)])
def test_impossible_grid_parameters_are_refused(lattice, m):
    with pytest.raises(SamplerError, match="needs m >="):
        lattice(m)
