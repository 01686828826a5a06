"""Every way in which a shower file can be wrong gives one clear sentence."""

import subprocess
import sys
from itertools import permutations

import h5py
import numpy as np
import pytest

from calo4pqvae.data.checks import AXES
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ShowerFileError

N = 300


@pytest.fixture
def arrays(toy_showers):
    return toy_showers(N)


@pytest.fixture
def refuse(tmp_path, toy_geometry):
    """Write a file and assert that opening it fails with one sentence that names it."""

    def check(message, path=tmp_path / "bad.h5", geometry=toy_geometry, **datasets):
        if datasets:
            with h5py.File(path, "w") as file:
                for key, values in datasets.items():
                    file[key] = values
        with pytest.raises(ShowerFileError, match=message) as caught:
            ShowerFile(path, geometry)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    return check


@pytest.fixture
def good(tmp_path, arrays):
    path = tmp_path / "good.h5"
    with h5py.File(path, "w") as file:
        file["incident_energies"], file["showers"] = arrays
    return path


def test_missing_file(refuse, tmp_path):
    refuse("no such file", tmp_path / "absent.h5")


def test_unfinished_file(refuse, tmp_path):
    (tmp_path / "new.h5.part").touch()
    refuse("still being written or was left incomplete", tmp_path / "new.h5")


def test_folder(refuse, tmp_path):
    refuse("is a folder", tmp_path)


def test_file_without_a_byte(refuse, tmp_path):
    (tmp_path / "zero.h5").touch()
    refuse("has 0 bytes", tmp_path / "zero.h5")


def test_not_hdf5(refuse, tmp_path):
    (tmp_path / "text.h5").write_text("incident_energies,showers\n" * 100)
    refuse("is not an HDF5 file", tmp_path / "text.h5")


@pytest.mark.parametrize("fraction", [0.5, 0.999])
def test_truncated(refuse, good, fraction):
    content = good.read_bytes()
    good.write_bytes(content[: int(len(content) * fraction)])
    refuse("truncated HDF5 file", good)


def test_damaged_chunk_is_found_when_it_is_read(tmp_path):
    content = bytearray(sample_path().read_bytes())
    with h5py.File(sample_path()) as file:
        place = file["showers"].id.get_chunk_info(3)
    content[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    (tmp_path / "damaged.h5").write_bytes(content)
    with ShowerFile(tmp_path / "damaged.h5") as file:
        assert file.showers(slice(0, 256)).any()
        with pytest.raises(
            ShowerFileError, match=r"damaged\.h5: /showers is damaged near row 8"
        ):
            file.showers(slice(800, 801))


def test_file_that_another_process_writes(refuse, good):
    script = (
        "import h5py, sys\n"
        "file = h5py.File(sys.argv[1], 'r+')\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(good)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        refuse("is being written by another program", good)
        writer.communicate("")


def test_missing_keys(refuse, arrays):
    refuse(r"no dataset 'showers', only the keys \['energies', 'inc", energies=1.0,
           incident_energies=arrays[0])  # fmt: skip
    refuse("no dataset 'incident_energies' and no dataset 'showers'", other=1.0)


def test_group_in_place_of_a_dataset(tmp_path, refuse, arrays):
    with h5py.File(tmp_path / "group.h5", "w") as file:
        file["incident_energies"] = arrays[0]
        file.create_group("showers")
    refuse("has no dataset 'showers'", tmp_path / "group.h5")


def test_wrong_number_of_voxels(refuse, arrays):
    refuse(
        "one shower has 60 voxels .* the geometry has 72",
        incident_energies=arrays[0],
        showers=arrays[1][:, :60],
    )


def test_transposed_array(refuse, arrays):
    refuse(
        r"\(72, 300\), that is \(voxels, showers\); transpose",
        incident_energies=arrays[0],
        showers=arrays[1].T,
    )


@pytest.mark.parametrize("order", list(permutations(range(3)))[1:])
def test_axes_in_another_order(refuse, arrays, order):
    found = ", ".join(AXES[axis] for axis in order)
    cylinder = arrays[1].reshape(N, 6, 4, 3).transpose(0, *(axis + 1 for axis in order))
    refuse(rf"order \(shower, {found}\)", incident_energies=arrays[0], showers=cylinder)


def test_more_axes_than_a_shower_has(refuse, arrays):
    showers = arrays[1].reshape(N, 6, 2, 2, 3)
    refuse("one shower has 72 voxels", incident_energies=arrays[0], showers=showers)


@pytest.mark.parametrize("order", list(permutations(range(3)))[1:])
@pytest.mark.parametrize("n", [100, 300])
def test_flat_array_in_another_order(refuse, order, n):
    with ShowerFile(sample_path()) as sample:
        e_inc, showers = sample.e_inc(slice(0, n)), sample.showers(slice(0, n))
    stored = showers.reshape(n, 45, 16, 9).transpose(0, *(axis + 1 for axis in order))
    found = ", ".join(AXES[axis] for axis in order)
    refuse(
        rf"stored in the order \({found}\); store them in the order \(layer, alpha, r\)",
        geometry=None,
        incident_energies=e_inc,
        showers=stored.reshape(n, -1),
    )


def test_right_order_is_never_refused_for_few_showers(tmp_path):
    with ShowerFile(sample_path()) as sample:
        for first in range(0, 120, 3):
            rows = slice(first, first + 1 + first // 3 % 4)
            with h5py.File(tmp_path / f"{first}.h5", "w") as file:
                file["incident_energies"] = sample.e_inc(rows)
                file["showers"] = sample.showers(rows)
            ShowerFile(tmp_path / f"{first}.h5").close()


def test_noise_in_place_of_showers_is_not_taken_for_another_order(tmp_path, toy_geometry, rng):
    for number in range(50):
        with h5py.File(tmp_path / f"{number}.h5", "w") as file:
            file["incident_energies"] = np.full((3, 1), 5000.0)
            file["showers"] = rng.exponential(50.0, (3, 72))
        ShowerFile(tmp_path / f"{number}.h5", toy_geometry).close()


@pytest.mark.parametrize(
    ("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite"),
                        (-1e-3, "negative"), (1e300, "infinite")]
)  # fmt: skip
def test_impossible_voxels(refuse, arrays, value, kind):
    showers = arrays[1].astype(np.float64)
    showers[[7, 150], [3, 5]] = value
    refuse(
        f"2 voxels are {kind}, the first in row 7",
        incident_energies=arrays[0],
        showers=showers,
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_impossible_voxels_far_inside_are_found_when_read(
    tmp_path, toy_geometry, arrays, value
):
    showers = arrays[1].copy()
    showers[280, 4] = value
    with h5py.File(tmp_path / "late.h5", "w") as file:
        file["incident_energies"], file["showers"] = arrays[0], showers
    with ShowerFile(tmp_path / "late.h5", toy_geometry) as file:
        assert len(file.showers(slice(0, 280))) == 280
        with pytest.raises(ShowerFileError, match="the first in row 280"):
            file.showers(np.array([290, 280, 3]))
        with pytest.raises(ShowerFileError, match="the first in row 280"):
            list(file.chunks(100))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(np.nan, "NaN"), (np.inf, "infinite"), (-5.0, "negative"), (0.0, "zero")],
)
def test_impossible_incident_energies(refuse, arrays, value, kind):
    e_inc = arrays[0].copy()
    e_inc[[250, 9]] = value
    refuse(
        f"2 incident energies are {kind}, the first in row 9",
        incident_energies=e_inc,
        showers=arrays[1],
    )


def test_different_numbers_of_rows(refuse, arrays):
    refuse(
        "299 incident energies but 300 showers",
        incident_energies=arrays[0][1:],
        showers=arrays[1],
    )


def test_incident_energies_with_two_columns(refuse, arrays):
    refuse(
        r"incident_energies has the shape \(300, 2\)",
        incident_energies=np.hstack([arrays[0], arrays[0]]),
        showers=arrays[1],
    )


def test_no_showers(refuse, arrays):
    refuse("holds 0 showers", incident_energies=arrays[0][:0], showers=arrays[1][:0])


def test_text_or_a_scalar_in_place_of_numbers(refuse, arrays):
    refuse("store an array of numbers", incident_energies=arrays[0], showers=[b"text"] * N)
    refuse("store an array of numbers", incident_energies=5.0, showers=arrays[1])
