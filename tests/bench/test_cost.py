"""Numbers with errors, and how they are written."""

import pytest

from calo4pqvae.bench.annealer_row import annealer_costs
from calo4pqvae.bench.cost import MEASURED, MODELLED, ShowerCost, Value, mean_with_error, ratio
from calo4pqvae.bench.cost_rows import notes, plain, with_unit
from calo4pqvae.bench.table_2 import published_rows, ratios
from calo4pqvae.errors import ConfigError

OURS = ShowerCost(
    "ours", "1 core", "10 GeV", 100, MEASURED, Value(0.01, 0.001), Value(0.08, 0.008),
    "stated, 8 W per core",
    {"prior": Value(0.004), "decoder": Value(0.005), "writing": Value(0.001)},
)  # fmt: skip
GEANT4 = ShowerCost(
    "Geant4", "1 core", "10 GeV", 1, MEASURED, Value(0.1, 0.002), Value(0.8, 0.016), "stated"
)


def test_errors():
    assert mean_with_error([1.0, 3.0]) == Value(2.0, 1.0)
    assert mean_with_error([1.0]) == Value(1.0, None)
    assert ratio(Value(8.0, 0.8), Value(2.0)) == Value(4.0)
    assert ratio(Value(8.0, 0.3 * 8), Value(2.0, 0.4 * 2)).error == pytest.approx(4 * 0.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(622.4, 12.0), "622 ± 12"),
        (Value(1.2345, 0.067), "1.23 ± 0.07"),
        (Value(0.00123), "0.00123"),
        (Value(3.0, 0.0), "3"),
    ],
)
def test_digits(value, text):
    assert plain(value) == text


def test_units():
    assert with_unit(Value(1.36, 0.02)) == "1.36 ± 0.02 s"
    assert with_unit(Value(0.0123, 0.0004)) == "12.3 ± 0.4 ms"
    assert with_unit(Value(87e-6)) == "87 µs"
    assert with_unit(None) == "-"


def test_the_annealer_reads_and_our_decoder_follows():
    """The paper's chip: 127.5 us without programming, and the decoder's share of our joules."""
    excluded, included = annealer_costs("prototype2.6", 20.0, OURS)
    assert excluded.status == included.status == MODELLED
    assert excluded.seconds.value == pytest.approx(127.5e-6 + 0.006)
    assert excluded.joules.value == pytest.approx(16_000 * 127.5e-6 + 0.08 * 0.6)
    assert included.seconds.value - excluded.seconds.value > 0.015
    assert included.parts["programming"].value > 100 * excluded.parts["annealing"].value
    assert "excluded" in excluded.note
    assert "included" in included.note
    with pytest.raises(ConfigError):
        annealer_costs("abacus", 20.0, OURS)


def test_ratios_are_of_equal_energies_on_one_core():
    two = ShowerCost("ours", "2 cores", "10 GeV", 1, MEASURED, Value(1.0), None, "", OURS.parts)
    other = ShowerCost(
        "ours", "1 core", "50 GeV", 1, MEASURED, Value(1.0), None, "", OURS.parts
    )
    (found,) = ratios([GEANT4, OURS, two, other])
    assert (found.sample, found.batch) == ("10 GeV", 100)
    assert found.times.value == pytest.approx(10)
    assert found.times.error == pytest.approx(10 * (0.02**2 + 0.1**2) ** 0.5)
    assert ratios([OURS]) == []


def test_the_published_rows_bring_the_paper_s_inconsistency():
    rows = published_rows()
    assert rows[0].system == "GEANT4"
    readout = next(row for row in rows if "readout" in row.system)
    assert readout.joules == Value(2.2)
    assert "1.39 J" in readout.note
    assert readout.note in notes(rows)
