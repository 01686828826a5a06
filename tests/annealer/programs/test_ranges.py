"""What is said of values that a chip can and cannot hold."""

from calo4pqvae.annealer.programs.ranges import RangeReport


def test_a_factor_is_named_only_where_something_is_outside():
    inside = RangeReport(n_fields=65, n_couplings=200, n_sums=130, excess=0.0903)
    assert str(inside) == (
        "0 of 65 fields h (0 %), 0 of 200 couplings J (0 %), 0 of 130 sums of couplings at a "
        "qubit (0 %) outside"
    )
    outside = RangeReport(fields=65, n_fields=65, couplings=1, n_couplings=200, excess=16_071.0)
    assert str(outside) == (
        "65 of 65 fields h (100 %), 1 of 200 couplings J (0.5 %), 0 of 0 sums of couplings at "
        "a qubit (0 %) outside, by up to a factor 16,100"
    )
