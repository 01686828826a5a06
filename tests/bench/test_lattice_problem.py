"""The common problem: its size and spread, and one distribution in two dresses."""

import pytest
import torch

from calo4pqvae.bench.lattice_problem import SPREAD, lattice_problem
from calo4pqvae.boltzmann.ising import to_ising
from calo4pqvae.errors import SamplerError


def test_the_whole_lattice_takes_part() -> None:
    for m, nodes, couplers in ((2, 160, 1224), (6, 1248, 11400)):
        lattice = lattice_problem(m)
        assert lattice.whole.graph.n_nodes == nodes
        assert lattice.whole.graph.n_edges == couplers
        assert lattice.free.graph.sizes == (0, *lattice.whole.graph.sizes[1:])
        assert lattice.free.graph.n_nodes == nodes - nodes // 4


def test_fields_and_couplings_of_the_spins_have_the_spread() -> None:
    """Five standard errors of a standard deviation: a false alarm in 1 of 10^6 seeds."""
    ising = to_ising(lattice_problem(6).whole)
    for values in (ising.field[0], ising.coupling):
        assert abs(values.std() / SPREAD - 1) < 5 / (2 * len(values)) ** 0.5
        assert abs(values.mean()) < 5 * SPREAD / len(values) ** 0.5


def test_the_free_problem_is_the_whole_one_given_the_code() -> None:
    lattice = lattice_problem(2)
    generator = torch.Generator().manual_seed(1)
    bits = torch.rand(50, lattice.free.graph.n_nodes, generator=generator) < 0.5
    gap = lattice.energies(bits) - lattice.free.energy(bits)
    torch.testing.assert_close(gap, gap[:1].expand(50), rtol=0, atol=1e-3)
    assert lattice.energies(bits).std() > 5


def test_it_is_the_same_every_time() -> None:
    first, again = lattice_problem(2), lattice_problem(2)
    assert torch.equal(first.whole.bias, again.whole.bias)
    assert torch.equal(first.code, again.code)
    assert first.codes(3).shape == (3, 40)


def test_a_lattice_needs_a_size() -> None:
    with pytest.raises(SamplerError, match="m >= 1"):
        lattice_problem(0)
