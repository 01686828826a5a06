"""Times and energies of an annealer, as they are told."""

from calo4pqvae.annealer.jobs.timing import AccessTime
from calo4pqvae.cli.annealer_report import time_rows


def test_times_are_written_without_exponents():
    time = AccessTime(anneal=20.0, readout=45.0, wait=20.6, programming=8_000_000.0)
    _, rows = time_rows(time, 10, decoding_s=1.6071)
    assert rows == [
        ("annealing", "2", "0.032"),
        ("readout", "4.5", "0.072"),
        ("wait", "2.06", "0.033"),
        ("programming", "800,000", "12,800"),
        ("annealer, all", "800,000", "12,800"),
        ("decoding here", "160,700", "not measured"),
    ]
