"""Counters of energy: their arithmetic, and what stands in for them."""

import pytest

from calo4pqvae.bench import power
from calo4pqvae.bench.power import Rapl, Stated, clock, meter_of


@pytest.fixture
def zone(tmp_path):
    folder = tmp_path / "intel-rapl:0"
    folder.mkdir()
    (folder / "energy_uj").write_text("1000000\n")
    (folder / "max_energy_range_uj").write_text("262143328850\n")
    (tmp_path / "intel-rapl:0:0").mkdir()
    return folder


def test_rapl_subtracts_and_mends_a_counter_that_wrapped(tmp_path, zone):
    meter = Rapl(tmp_path)
    assert meter.readable
    meter.start()
    (zone / "energy_uj").write_text("3500000\n")
    assert meter.joules(99.0) == pytest.approx(2.5)
    (zone / "energy_uj").write_text("0\n")
    assert meter.joules(99.0) == pytest.approx(262143.32885 - 1)


def test_what_cannot_be_read_is_stated(tmp_path, monkeypatch):
    assert not Rapl(tmp_path / "nowhere").readable
    monkeypatch.setattr(power, "POWERCAP", tmp_path)
    monkeypatch.setattr(power, "Rapl", lambda: Rapl(tmp_path))
    meter = meter_of("cpu", 8.0, 400.0)
    assert isinstance(meter, Stated)
    assert meter.source == "stated, 8 W per core"
    meter.start()
    assert meter.joules(2.0) == 16.0


def test_a_machine_without_nvml(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(power.ctypes, "CDLL", absent)
    meter = meter_of("cuda", 8.0, 400.0)
    assert meter.source == "stated, 400 W per GPU"


def test_the_clock_of_the_cpu_counts_work():
    start = clock("cpu")
    sum(range(200_000))
    assert clock("cpu") > start
