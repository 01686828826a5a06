"""Which tables are taken, and the form of those made here."""

import re
import resource
from pathlib import Path

import numpy as np
import pytest

from calo4pqvae.errors import ConfigError, OutputError
from calo4pqvae.simulation.tables import BUILT, OFFICIAL, build_tables, find_official

VARIABLES = ("G4LEDATA", "G4ENSDFSTATEDATA", "G4LEVELGAMMADATA", "GEANT4_DATA_DIR")


@pytest.fixture(autouse=True)
def no_tables_elsewhere(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def official(folder, elements):
    for z in elements:
        for name in (f"brem_SB/br{z}", f"epics2017/phot/pe-cs-{z}.dat"):
            path = folder / "G4EMLOW8.8" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        path = folder / f"G4EMLOW8.8/epics2017/rayl/re-cs-{z}.dat"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "G4ENSDFSTATE3.0").mkdir(exist_ok=True)


def test_none_are_official_here():
    assert find_official([1, 74]) is None


@pytest.mark.parametrize("place", ["data", ".geant4_pybind"])
def test_official_ones_are_found(monkeypatch, tmp_path, place):
    official(tmp_path / place, [1, 74])
    if place == "data":
        monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path / place))
    tables = find_official([1, 74])
    assert tables is not None
    assert tables.kind == OFFICIAL
    assert tables.variables["G4LEDATA"] == str(tmp_path / place / "G4EMLOW8.8")
    assert find_official([1, 14, 74]) is None


def test_a_named_folder_without_the_element_is_refused(monkeypatch, tmp_path):
    official(tmp_path, [1])
    monkeypatch.setenv("G4LEDATA", str(tmp_path / "G4EMLOW8.8"))
    with pytest.raises(ConfigError, match=r"lacks brem_SB/br74; .*tables made here") as caught:
        find_official([1, 74])
    assert caught.value.remedy == "built tables"


def numbers(path):
    return np.array(path.read_text().split(), float)


@pytest.mark.parametrize("z", [1, 14, 74])
def test_the_form_of_the_files(tmp_path, z):
    pytest.importorskip("xraylib")
    tables = build_tables([z], tmp_path)
    assert tables.kind == BUILT
    assert "xraylib" in tables.note
    kind, nx, ny, *rest = numbers(tmp_path / f"brem_SB/br{z}")
    assert (kind, len(rest)) == (0, nx + ny + nx * ny)
    for name in (f"phot/pe-cs-{z}.dat", f"phot/pe-le-cs-{z}.dat", f"rayl/re-cs-{z}.dat"):
        low, high, n, again, *pairs = numbers(tmp_path / "epics2017" / name)
        assert n == again == len(pairs) / 2
        assert (pairs[0], pairs[-2]) == (low, high)
        assert (np.diff(pairs[::2]) >= 0).all()
    shells, used, _, *rows = numbers(tmp_path / f"epics2017/phot/pe-low-{z}.dat")
    assert shells == used == len(rows) / 7


def test_a_user_without_a_home_has_none(monkeypatch):
    """As in a container with a number for a user; Path.home ends with RuntimeError there."""
    monkeypatch.delenv("HOME")

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(RuntimeError):
        Path.home()
    assert find_official([74]) is None


def test_a_full_disk_is_named_with_the_file(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    try:
        with pytest.raises(OutputError, match=rf"^{re.escape(str(tmp_path))}/.* is full"):
            build_tables([14], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_they_are_the_same_every_time(tmp_path):
    pytest.importorskip("xraylib")
    first, second = (build_tables([1, 14], tmp_path / name).sha256 for name in "ab")
    assert first == second != build_tables([1], tmp_path / "c").sha256
