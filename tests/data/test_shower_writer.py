import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calo4pqvae.data import shower_writer
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.errors import OutputError, ShowerFileError


@pytest.fixture
def arrays(toy_showers):
    return toy_showers(50)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(sizes=st.lists(st.integers(0, 700), min_size=1, max_size=4).filter(sum))
def test_round_trip_in_batches_of_any_size(tmp_path_factory, toy_geometry, sizes):
    path = tmp_path_factory.mktemp("showers") / "toy.h5"
    ends = np.cumsum(sizes)
    showers = np.random.default_rng(sum(sizes)).exponential(20, (ends[-1], 72))
    showers = showers.astype(np.float32)
    e_inc = showers.sum(axis=1, keepdims=True)
    with ShowerWriter(path, toy_geometry) as writer:
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            writer.append(e_inc[start:end], showers[start:end])
            assert writer.n_written == end
    with ShowerFile(path) as file:
        np.testing.assert_array_equal(file.e_inc(), e_inc)
        np.testing.assert_array_equal(file.showers(slice(None)), showers)
        assert file.geometry == toy_geometry


def test_layout_of_the_file(tmp_path, toy_geometry, arrays):
    attrs = {"sampler": "gibbs", "sweeps": 200, "beta": 1.5}
    with ShowerWriter(tmp_path / "toy.h5", toy_geometry, attrs, compression=2) as writer:
        writer.append(*arrays)
    with h5py.File(tmp_path / "toy.h5") as file:
        assert set(file) == {"incident_energies", "showers"}
        for key, width in (("incident_energies", 1), ("showers", 72)):
            assert file[key].shape == (50, width)
            assert file[key].dtype == np.float32
            assert file[key].chunks == (256, width)
            assert (file[key].compression, file[key].compression_opts) == ("gzip", 2)
            assert file[key].shuffle
    with ShowerFile(tmp_path / "toy.h5") as file:
        assert file.attrs == attrs


def test_columns_travel_with_their_showers(tmp_path, toy_geometry, arrays):
    energy = np.linspace(-3, 4, 50)
    with ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer:
        for part in (slice(0, 20), slice(20, 50)):
            writer.append(*(array[part] for array in arrays), prior_energy=energy[part])
    with ShowerFile(tmp_path / "toy.h5") as file:
        np.testing.assert_array_equal(file.column("prior_energy"), energy.astype(np.float32))
        assert file.column("other") is None
        assert file.column("showers") is None


def test_every_shower_has_the_same_columns(tmp_path, toy_geometry, arrays):
    with ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer:
        writer.append(*arrays, prior_energy=np.ones(50))
        with pytest.raises(OutputError, match=r"has the columns \[\], other than"):
            writer.append(*arrays)
        with pytest.raises(OutputError, match=r"shape \(49,\) for 50 showers"):
            writer.append(*arrays, prior_energy=np.ones(49))


def test_caller_may_reuse_its_arrays(tmp_path, toy_geometry, arrays):
    e_inc, showers = (array.copy() for array in arrays)
    with ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer:
        writer.append(e_inc, showers)
        showers[:] = 1
    with ShowerFile(tmp_path / "toy.h5") as file:
        np.testing.assert_array_equal(file.showers(slice(None)), arrays[1])


def test_same_showers_give_the_same_bytes(tmp_path, toy_geometry, arrays):
    for name in ("a.h5", "b.h5"):
        with ShowerWriter(tmp_path / name, toy_geometry, {"seed": 1}) as writer:
            writer.append(*arrays)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_existing_file_is_kept_unless_told_otherwise(tmp_path, toy_geometry, arrays):
    path = tmp_path / "toy.h5"
    path.write_text("precious")
    with pytest.raises(OutputError, match=r"toy\.h5: exists already"):
        ShowerWriter(path, toy_geometry)
    assert path.read_text() == "precious"
    with ShowerWriter(path, toy_geometry, overwrite=True) as writer:
        assert path.read_text() == "precious"
        writer.append(*arrays)
    with ShowerFile(path) as file:
        assert len(file) == 50


def test_target_without_a_folder_or_itself_a_folder(tmp_path, toy_geometry):
    with pytest.raises(OutputError, match=r"folder .*absent does not exist"):
        ShowerWriter(tmp_path / "absent" / "toy.h5", toy_geometry)
    with pytest.raises(OutputError, match="is a folder"):
        ShowerWriter(tmp_path, toy_geometry, overwrite=True)


def test_error_in_the_block_leaves_nothing_behind(tmp_path, toy_geometry, arrays):
    path = tmp_path / "toy.h5"
    path.write_text("precious")

    def interrupted():
        with ShowerWriter(path, toy_geometry, overwrite=True) as writer:
            writer.append(*arrays)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["toy.h5"]
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinite"), (-1.0, "negative")]
)
@pytest.mark.parametrize("which", [0, 1])
def test_impossible_energies_are_refused(tmp_path, toy_geometry, arrays, value, kind, which):
    arrays[which][7, 0] = value
    with (
        pytest.raises(ShowerFileError, match=f"{kind}, the first in row 7"),
        ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer,
    ):
        writer.append(*arrays)
    assert not list(tmp_path.iterdir())


def test_energies_too_large_for_float32_are_refused(tmp_path, toy_geometry, arrays):
    showers = arrays[1].astype(np.float64)
    showers[3, 3] = 1e200
    with (
        pytest.raises(ShowerFileError, match="infinite, the first in row 3"),
        ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer,
    ):
        writer.append(arrays[0], showers)


def test_wrong_number_of_voxels_is_refused(tmp_path, toy_geometry, arrays):
    with (
        pytest.raises(OutputError, match=r"\(50, 60\) .* geometry of 72 voxels"),
        ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer,
    ):
        writer.append(arrays[0], arrays[1][:, :60])


def test_different_numbers_of_rows_are_refused(tmp_path):
    """In a process of its own, where no type checker looks at the shapes first."""
    script = (
        "import numpy as np, sys\n"
        "from calo4pqvae.data.shower_file import ShowerWriter\n"
        "from calo4pqvae.errors import OutputError\n"
        "from calo4pqvae.geometry import CylindricalGeometry\n"
        "try:\n"
        "    geometry = CylindricalGeometry.regular(1, 1, [0, 1])\n"
        "    with ShowerWriter(sys.argv[1], geometry) as writer:\n"
        "        writer.append(np.ones((2, 1)), np.ones((3, 1)))\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "toy.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "shape (2, 1) and showers of shape (3, 1)" in done.stdout
    assert not list(tmp_path.iterdir())


def test_writer_without_a_shower_leaves_no_file(tmp_path, toy_geometry):
    with (
        pytest.raises(OutputError, match="no shower was appended"),
        ShowerWriter(tmp_path / "toy.h5", toy_geometry),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_append_after_the_block_is_refused(tmp_path, toy_geometry, arrays):
    with ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer:
        writer.append(*arrays)
    with pytest.raises(OutputError, match="is closed"):
        writer.append(*arrays)


def test_two_writers_of_one_file(tmp_path, toy_geometry, arrays):
    script = (
        "import sys\n"
        "from calo4pqvae.data.shower_file import ShowerWriter\n"
        "from calo4pqvae.errors import OutputError\n"
        "from calo4pqvae.geometry import CylindricalGeometry\n"
        "try:\n"
        "    ShowerWriter(sys.argv[1], CylindricalGeometry.dataset_2())\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    path = tmp_path / "toy.h5"
    with ShowerWriter(path, toy_geometry) as writer:
        writer.append(*arrays)
        command = [sys.executable, "-c", script, str(path)]
        second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "is being written by another program" in second.stdout
    with ShowerFile(path) as file:
        np.testing.assert_array_equal(file.showers(slice(None)), arrays[1])


def test_rest_of_a_dead_writer_is_replaced(tmp_path, toy_geometry, arrays):
    (tmp_path / "toy.h5.part").write_bytes(b"half a file")
    with ShowerWriter(tmp_path / "toy.h5", toy_geometry) as writer:
        writer.append(*arrays)
    assert [p.name for p in tmp_path.iterdir()] == ["toy.h5"]


FULL_DISK = """
import resource, signal, sys
import numpy as np
from calo4pqvae.data.shower_file import ShowerWriter
from calo4pqvae.errors import OutputError
from calo4pqvae.geometry import CylindricalGeometry
path, limit, n_batches = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(0)
try:
    with ShowerWriter(path, CylindricalGeometry.dataset_2(), overwrite=True) as writer:
        for _ in range(n_batches):
            writer.append(np.full((64, 1), 5e3), rng.random((64, 6480), dtype=np.float32))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize(
    ("limit", "n_batches", "stored"),
    [(6_000_000, 20, "256 of 512"), (6_000_000, 5, "256 of 320"), (1000, 1, "0 of 64")],
)
def test_full_disk_loses_nothing(tmp_path, limit, n_batches, stored):
    """The system refuses to let the file grow (EFBIG), while writing or while closing."""
    path = tmp_path / "toy.h5"
    path.write_text("precious")
    command = [sys.executable, "-c", FULL_DISK, str(path), str(limit), str(n_batches)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"full after {stored} showers" in done.stdout
    assert "nothing was replaced" in done.stdout
    assert done.stdout.count("\n") == 1
    assert not done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["toy.h5"]
    assert path.read_text() == "precious"


def test_links_devices_and_planted_parts(tmp_path, toy_geometry, arrays):
    real, link = tmp_path / "real.h5", tmp_path / "link.h5"
    link.symlink_to("real.h5")
    with ShowerWriter(link, toy_geometry) as writer:
        writer.append(*arrays)
    assert link.is_symlink()
    with ShowerFile(real) as file:
        assert len(file) == 50
    victim = tmp_path / "victim"
    victim.write_bytes(b"dear")
    (tmp_path / "new.h5.part").symlink_to(victim)
    os.mkfifo(tmp_path / "pipe.h5")
    for name, reason in {"new.h5": "is a link", "pipe.h5": "is a named pipe"}.items():
        with pytest.raises(OutputError, match=reason):
            ShowerWriter(tmp_path / name, toy_geometry, overwrite=True)
    assert victim.read_bytes() == b"dear"


def test_a_file_that_came_meanwhile_is_not_replaced(
    tmp_path, toy_geometry, arrays, monkeypatch
):
    """Another writer finishes between the look at the target and the opening of the part."""
    other = ShowerWriter(tmp_path / "toy.h5", toy_geometry)
    other.append(*arrays)
    part_file = shower_writer.PartFile

    def late(target):
        other.__exit__(None, None, None)
        return part_file(target)

    monkeypatch.setattr(shower_writer, "PartFile", late)
    with pytest.raises(OutputError, match="exists already"):
        ShowerWriter(tmp_path / "toy.h5", toy_geometry)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.h5"]
    with ShowerFile(tmp_path / "toy.h5") as file:
        assert len(file) == 50


@pytest.mark.parametrize("compression", shower_writer.COMPRESSIONS)
def test_every_compression_is_read_by_a_process_that_has_not_written(
    tmp_path, toy_geometry, toy_showers, compression
):
    """A filter that the first look has loaded, in a process of its own, is loaded here, too."""
    if compression == "zstd":
        pytest.importorskip("hdf5plugin", reason="the extra zstd is not installed")
    e_inc, voxels = toy_showers(300)
    path = tmp_path / "packed.h5"
    with ShowerWriter(path, toy_geometry, compression=compression) as writer:
        writer.append(e_inc, voxels)
    code = "import sys; from calo4pqvae.data.shower_file import ShowerFile\n"
    code += "print(ShowerFile(sys.argv[1]).showers(slice(None)).tobytes().hex())"
    read = [sys.executable, "-W", "ignore", "-c", code, str(path)]
    told = subprocess.run(read, check=True, capture_output=True, text=True).stdout
    assert bytes.fromhex(told) == voxels.tobytes()
