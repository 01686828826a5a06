"""A check-up tells a good chip from a bad one."""

from calo4pqvae.annealer.calibration.checkup import check_up
from calo4pqvae.annealer.emulator.imperfections import Imperfections


def test_a_check_up_finds_a_good_and_a_bad_chip(problem, codes, make_annealer, sampler_of):
    good = sampler_of(make_annealer(sweeps=100), problem.graph)
    assert all(f.good for f in check_up(good, problem, codes(1, 1), 400))
    remembering = make_annealer(imperfections=Imperfections(between_reads=1))
    found = check_up(sampler_of(remembering, problem.graph), problem, codes(1, 1), 1000)
    assert [f.name for f in found if not f.good] == ["memory of the last read"]
    hot = sampler_of(make_annealer(beta=3.0), problem.graph)
    assert "temperature" in [f.name for f in check_up(hot, problem, codes(1, 1)) if not f.good]
