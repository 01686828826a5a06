"""Every format into every other and back: real showers, equal to the last bit."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from calo4pqvae.cli import convert as command
from calo4pqvae.cli.main import main
from calo4pqvae.data.formats import points
from calo4pqvae.data.formats.convert import FORMATS, Format, convert, format_for, open_any
from calo4pqvae.data.formats.hits import hits_of
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.errors import OutputError, ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry, LayerBins

N = 40
ROOT = ("ttree", "rntuple")


def need(kind: Format) -> None:
    for library in ("uproot", "awkward") if kind in ROOT else ():
        pytest.importorskip(library, reason="the extra root is not installed")


def target(folder: Path, kind: Format, name: str = "x") -> Path:
    return folder / f"{name}-{kind}{'.root' if kind in ROOT else '.h5'}"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Geant4 showers, one without a hit, and two columns."""
    path = tmp_path_factory.mktemp("real") / "showers.h5"
    with ShowerFile(sample_path()) as file:
        e_inc, voxels = file.e_inc(slice(0, N)), file.showers(slice(0, N))
        voxels[3] = 0
        columns = {"prior_energy": np.linspace(-2, 3, N), "cpu_seconds": np.full(N, 0.1)}
        with ShowerWriter(path, file.geometry, {"particle": "electron", "seed": 3}) as writer:
            writer.append(e_inc, voxels, **columns)
    return path


def content(path: Path) -> tuple[dict[str, bytes], dict]:
    """All arrays of a dense file to the bit, and its attributes."""
    with h5py.File(path) as file:
        return {k: file[k][()].tobytes() for k in file}, dict(file.attrs)


@pytest.mark.parametrize("first", FORMATS)
@pytest.mark.parametrize("second", FORMATS)
def test_there_and_back_is_the_same_to_the_bit(
    real: Path, tmp_path: Path, first: Format, second: Format
) -> None:
    need(first)
    need(second)
    steps = [(first, target(tmp_path, first)), (second, target(tmp_path, second, "y"))]
    before = real
    for kind, path in [*steps, ("dense", tmp_path / "back.h5")]:
        with open_any(before) as source:
            assert (source.n, set(source.columns)) == (N, {"prior_energy", "cpu_seconds"})
            convert(source, path, kind)
        before = path
    assert content(before) == content(real)


@pytest.fixture
def odd(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Layers of different bins, and a zero with a sign."""
    bins = (LayerBins((0.0, 3.0, 7.0), 5), LayerBins((1.0, 2.0), 1), LayerBins((0.0, 9.0), 8))
    geometry = CylindricalGeometry(bins)
    voxels = rng.exponential(50.0, (9, geometry.n_voxels)).astype(np.float32)
    voxels[voxels < 20] = 0
    voxels[2, 4] = -0.0
    with ShowerWriter(tmp_path / "odd.h5", geometry) as writer:
        writer.append(np.full((9, 1), 1e3, np.float32), voxels)
    return tmp_path / "odd.h5"


@pytest.mark.parametrize("kind", FORMATS)
def test_any_cylinder_and_the_sign_of_zero_survive(
    odd: Path, tmp_path: Path, kind: Format
) -> None:
    need(kind)
    path = target(tmp_path, kind)
    with open_any(odd) as source:
        convert(source, path, kind)
    with open_any(path) as source:
        convert(source, tmp_path / "back.h5", "dense")
    assert content(tmp_path / "back.h5") == content(odd)
    with h5py.File(odd) as file:
        assert np.signbit(file["showers"][2, 4])


@pytest.mark.parametrize("kind", ROOT)
def test_uproot_reads_what_we_write(real: Path, tmp_path: Path, kind: Format) -> None:
    need(kind)
    import uproot

    path = target(tmp_path, kind)
    with open_any(real) as source:
        convert(source, path, kind)
    with ShowerFile(real) as file, uproot.open(path) as root:
        arrays, showers = root["showers"].arrays(), file.showers(slice(None))
        tree = kind == "ttree"
        assert '"energy_unit": "MeV"' in str(root["description"])
        assert np.array_equal(arrays["incident_energy"], file.e_inc()[:, 0])
        for row in range(N):
            voxel = np.asarray(arrays["hits_voxel"][row] if tree else arrays["hits"][row].voxel)
            energy = arrays["hits_energy"][row] if tree else arrays["hits"][row].energy
            assert np.array_equal(voxel, np.flatnonzero(showers[row]))
            assert np.array_equal(energy, showers[row][showers[row] > 0])


def test_showerdata_reads_what_we_write(real: Path, tmp_path: Path) -> None:
    """Points lie in the right layers, at the right radii and angles; energies are the hits'."""
    showerdata = pytest.importorskip("showerdata")
    with open_any(real) as source:
        convert(source, tmp_path / "points.h5", "showerdata")
    found = showerdata.load(tmp_path / "points.h5")
    assert (found.pdg == 11).all()
    with ShowerFile(real) as file:
        geometry, voxels = file.geometry, file.showers(slice(None))
        assert np.array_equal(found.energies, file.e_inc())
    showers = voxels.reshape(N, *geometry.shape)
    x, y, z, energy = np.moveaxis(found.points, -1, 0)
    ring = np.floor(np.hypot(x, y) / 4.65).astype(int)
    sector = np.floor((np.arctan2(y, x) + np.pi) / (2 * np.pi / 16)).astype(int)
    for row in range(N):
        mine = energy[row] > 0
        assert mine.sum() == (showers[row] > 0).sum() == found._num_points[row]
        place = (z[row][mine].astype(int), sector[row][mine], ring[row][mine])
        assert np.array_equal(showers[row][place], energy[row][mine])


def test_clouds_that_no_voxels_hold_are_refused(real: Path, tmp_path: Path) -> None:
    showerdata = pytest.importorskip("showerdata")
    path = tmp_path / "points.h5"
    with open_any(real) as source:
        convert(source, path, "showerdata")

    def read() -> None:
        with open_any(path) as source:
            convert(source, tmp_path / "back.h5", "dense", overwrite=True)

    clean = path.read_bytes()
    for change, message in (
        (lambda cloud: cloud + np.float32([0.5, 0, 0, 0]), "no middles of voxels"),
        (lambda cloud: cloud + np.float32([0, 0, 99, 0]), "no middles of voxels"),
        (lambda cloud: np.concatenate([cloud[:1], cloud[:-1]]), "two hits in one voxel"),
    ):
        path.write_bytes(clean)
        with h5py.File(path, "a") as file:
            cloud = file["showers"][0].reshape(-1, 4)
            file["showers"][0] = change(cloud).ravel()
        with pytest.raises(ShowerFileError, match=message):
            read()
    foreign = showerdata.Showers(np.ones((2, 3, 4)), np.ones((2, 1)), 11)
    foreign.save(path, overwrite=True)
    with pytest.raises(ShowerFileError, match="does not describe its showers"):
        read()


@pytest.mark.parametrize(
    ("voxel", "counts", "message"),
    [
        ([0, 12], [2], "do not fit"),
        ([0, 1], [3], "do not fit"),
        ([0, 1], [1], "do not fit"),
        ([1, 1], [2], "two hits in one voxel"),
    ],
)
def test_hits_that_fit_no_shower(voxel: list, counts: list, message: str) -> None:
    good = hits_of(np.ones((1, 1), np.float32), np.float32([[0, 5, 0]]), {})
    assert good.dense(3).tolist() == [[0, 5, 0]]
    bad = good._replace(
        voxel=np.uint16(voxel), counts=np.array(counts), energy=np.ones(len(voxel), np.float32)
    )
    with pytest.raises(ShowerFileError, match=message):
        bad.dense(12)


def test_middles_of_voxels() -> None:
    places = points.centres(CylindricalGeometry.regular(2, 4, [0.0, 2.0, 4.0]))
    assert places.shape == (16, 3)
    assert places[0] == pytest.approx([-(0.5**0.5), -(0.5**0.5), 0])
    assert places[-1] == pytest.approx([-3 * 0.5**0.5, 3 * 0.5**0.5, 1])


@pytest.mark.parametrize(
    ("name", "wanted", "found"),
    [
        ("a.root", None, "ttree"),
        ("a.h5", None, "dense"),
        ("a.HDF5", "sparse", "sparse"),
        ("a.h5", "rntuple", None),
        ("a.root", "showerdata", None),
        ("a.csv", None, None),
    ],
)
def test_a_name_says_the_format(name: str, wanted: Format | None, found: str | None) -> None:
    if found is None:
        with pytest.raises(OutputError):
            format_for(Path(name), wanted)
    else:
        assert format_for(Path(name), wanted) == found


def test_the_command(real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.FORMATS == FORMATS
    hits, back = tmp_path / "hits.h5", tmp_path / "back.h5"
    assert main(["convert", str(real), "-o", str(hits), "--to", "sparse"]) == 0
    assert f"{N} showers written to {hits} (sparse)" in capsys.readouterr().out
    assert main(["convert", str(hits), "-o", str(back)]) == 0
    assert content(back) == content(real)
    assert main(["convert", str(hits), "-o", str(back)]) == 2
    said = capsys.readouterr().err
    assert f"{back}: exists already; choose another name or allow overwriting; --over" in said
    assert main(["convert", str(hits), "-o", str(tmp_path / "x.root"), "--to", "dense"]) == 2
    assert "dense is written as HDF5" in capsys.readouterr().err
    assert main(["convert", __file__, "-o", str(tmp_path / "x.h5")]) == 2
