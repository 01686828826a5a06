import hashlib
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calo4pqvae.data.energies import EnergySequence
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import GeometryError, PhysicsWarning, ShowerFileError
from calo4pqvae.geometry import CylindricalGeometry

N = 600


@pytest.fixture(scope="module")
def arrays():
    """Recognisable toy showers: the energy of voxel j of shower i is i + j / 100."""
    e_inc = np.linspace(2000, 5000, N, dtype=np.float32)[:, None]
    showers = np.arange(N)[:, None] + np.arange(72)[None] / 100
    return e_inc, showers.astype(np.float32)


@pytest.fixture(scope="module")
def toy_file(tmp_path_factory, toy_geometry, arrays):
    path = tmp_path_factory.mktemp("showers") / "toy.h5"
    write(path, *arrays)
    with ShowerFile(path, toy_geometry) as file:
        yield file


def write(path, e_inc, showers, **options):
    with h5py.File(path, "w") as file:
        file["incident_energies"] = e_inc
        file.create_dataset("showers", data=showers, **options)


@settings(deadline=None, derandomize=True)
@given(rows=st.lists(st.integers(0, N - 1), max_size=80))
def test_rows_in_any_order_with_repetitions(toy_file, arrays, rows):
    rows = np.array(rows, dtype=np.int64)
    np.testing.assert_array_equal(toy_file.e_inc(rows), arrays[0][rows])
    np.testing.assert_array_equal(toy_file.showers(rows), arrays[1][rows])


@settings(deadline=None, derandomize=True)
@given(
    st.builds(slice, *[st.none() | st.integers(-N, N)] * 2, st.sampled_from([None, 1, 7, -3]))
)
def test_slices_mean_what_they_mean_in_numpy(toy_file, arrays, rows):
    np.testing.assert_array_equal(toy_file.e_inc(rows), arrays[0][rows])
    np.testing.assert_array_equal(toy_file.showers(rows), arrays[1][rows])


def test_chunks_join_to_the_whole_file(toy_file, arrays):
    pieces = list(toy_file.chunks(size=250))
    assert [len(e_inc) for e_inc, _ in pieces] == [250, 250, 100]
    np.testing.assert_array_equal(np.concatenate([e for e, _ in pieces]), arrays[0])
    np.testing.assert_array_equal(np.concatenate([s for _, s in pieces]), arrays[1])


def test_chunks_of_chosen_rows_keep_their_order(toy_file, arrays):
    rows = np.array([599, 3, 300, 4, 3])
    pieces = list(toy_file.chunks(size=2, rows=rows))
    np.testing.assert_array_equal(np.concatenate([s for _, s in pieces]), arrays[1][rows])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("shape", [(N, 72), (N, 6, 4, 3)])
@pytest.mark.parametrize("chunks", [None, True, "narrow"])
def test_other_layouts_read_alike(tmp_path, toy_geometry, arrays, dtype, shape, chunks):
    chunks = (7, *(2 for _ in shape[1:])) if chunks == "narrow" else chunks
    showers = arrays[1].astype(dtype).reshape(shape)
    write(tmp_path / "toy.h5", arrays[0][:, 0].astype(dtype), showers, chunks=chunks)
    with ShowerFile(tmp_path / "toy.h5", toy_geometry) as file:
        assert len(file) == N
        read = file.showers(slice(None))
        assert read.dtype == file.e_inc().dtype == np.float32
        assert file.e_inc().shape == (N, 1)
        np.testing.assert_array_equal(read, showers.reshape(N, 72).astype(np.float32))


def test_extra_datasets_and_plain_attributes_are_tolerated(tmp_path, toy_geometry, arrays):
    write(tmp_path / "toy.h5", *arrays)
    with h5py.File(tmp_path / "toy.h5", "a") as file:
        file["cpu_seconds"] = np.zeros(N)
        file.attrs.update(geometry="flat", seed=np.int64(3), name=np.bytes_(b"toy"), f=0.5)
    with ShowerFile(tmp_path / "toy.h5", toy_geometry) as file:
        assert file.attrs == {"geometry": "flat", "seed": 3, "name": "toy", "f": 0.5}
        assert type(file.attrs["seed"]) is int


def test_geometry_is_told_from_the_number_of_voxels(tmp_path):
    e_inc = np.full((3, 1), 5000.0)
    for expected in (CylindricalGeometry.dataset_2(), CylindricalGeometry.dataset_3()):
        path = tmp_path / f"{expected.n_voxels}.h5"
        write(path, e_inc, np.ones((3, expected.n_voxels), np.float32))
        with ShowerFile(path) as file:
            assert file.geometry == expected


def test_unknown_number_of_voxels_asks_for_a_geometry(tmp_path, arrays):
    write(tmp_path / "toy.h5", *arrays)
    with pytest.raises(GeometryError, match="72 voxels"):
        ShowerFile(tmp_path / "toy.h5")


@pytest.mark.parametrize("text", ['{"n_layers": 6}', '{"layers": [{}]}', '{"threshold": 1}'])
def test_malformed_description_of_the_geometry(tmp_path, arrays, text):
    write(tmp_path / "toy.h5", *arrays)
    with h5py.File(tmp_path / "toy.h5", "a") as file:
        file.attrs["geometry"] = text
    with pytest.raises(GeometryError, match="attribute 'geometry' is malformed"):
        ShowerFile(tmp_path / "toy.h5")


def test_digest_is_that_of_the_bytes(toy_file):
    assert toy_file.sha256() == hashlib.sha256(toy_file.path.read_bytes()).hexdigest()


def test_closed_file_says_so(tmp_path, toy_geometry, arrays):
    write(tmp_path / "toy.h5", *arrays)
    with ShowerFile(tmp_path / "toy.h5", toy_geometry) as file:
        pass
    with pytest.raises(ShowerFileError, match="is closed"):
        file.showers(slice(0, 1))


@pytest.mark.parametrize("rows", [[N], [-1], [0, 10**12]])
def test_rows_outside_the_file_are_refused(toy_file, rows):
    with pytest.raises(ShowerFileError, match=f"row {rows[-1]} .* 0 to {N - 1}"):
        toy_file.showers(np.array(rows))
    with pytest.raises(ShowerFileError, match="was asked for"):
        toy_file.e_inc(np.array(rows))


@pytest.mark.parametrize("rows", [np.ones(N, bool), np.ones((2, 2), int), np.array([0.5])])
def test_rows_that_are_no_row_numbers_are_refused(toy_file, rows):
    with pytest.raises(ShowerFileError, match="whole row numbers"):
        toy_file.showers(rows)


def test_gev_in_place_of_mev_warns(tmp_path, toy_geometry, arrays):
    write(tmp_path / "gev.h5", arrays[0] / 1000, arrays[1] / 1000)
    with pytest.warns(PhysicsWarning, match=r"gev\.h5: suspicious scale, all incident"):
        file = ShowerFile(tmp_path / "gev.h5", toy_geometry)
    assert len(file) == N


@pytest.mark.parametrize("factor", [1e-4, 1e3])
def test_arrays_in_different_units_warn(tmp_path, toy_geometry, arrays, factor):
    write(tmp_path / "mixed.h5", arrays[0], arrays[1] * np.float32(factor))
    with pytest.warns(PhysicsWarning, match="median of deposited over incident") as caught:
        ShowerFile(tmp_path / "mixed.h5", toy_geometry)
    assert len(caught) == 1


def test_two_oddities_give_one_warning(tmp_path, toy_geometry, arrays):
    write(tmp_path / "mixed.h5", arrays[0] / 1000, arrays[1])
    with pytest.warns(PhysicsWarning, match=r"below 1000 MeV.* and the median") as caught:
        ShowerFile(tmp_path / "mixed.h5", toy_geometry)
    assert len(caught) == 1


def test_streaming_takes_no_more_memory_than_some_pieces():
    def peak_of(read):
        with ShowerFile(sample_path()) as file:
            tracemalloc.start()
            read(file)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return peak

    piece = 100 * 6480 * 4
    assert peak_of(lambda file: file.showers(slice(None))) > 14 * piece
    chunks = 3 * 256 * 6480 * 4  # one that is kept, and the next while it is decompressed
    assert peak_of(lambda file: [None for _ in file.chunks(100)]) < 3 * piece + chunks


def test_sample_reads_unchanged_against_plain_h5py():
    rows = np.array([1424, 0, 700])
    with ShowerFile(sample_path()) as file, h5py.File(sample_path()) as plain:
        expected = plain["showers"][()][rows]
        np.testing.assert_array_equal(file.showers(rows), expected)


def test_cache_holds_all_chunks_that_share_a_row(tmp_path, toy_geometry, arrays):
    write(tmp_path / "toy.h5", *arrays, chunks=(100, 5))
    with ShowerFile(tmp_path / "toy.h5", toy_geometry) as file:
        n_bytes = file._showers._dataset.id.get_access_plist().get_chunk_cache()[1]
    assert n_bytes == 2 * 15 * (100 * 5 * 4)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
@pytest.mark.parametrize("chunks", [(100, 5), (7, 72), (300, 72), (1, 24)])
def test_gzip_is_undone_exactly(tmp_path, toy_geometry, arrays, chunks, dtype, shuffle):
    path, wanted = tmp_path / "toy.h5", arrays[1][:150].astype(dtype)
    with h5py.File(path, "w") as file:
        file["incident_energies"] = arrays[0][:150]
        file.create_dataset(
            "showers", data=wanted, chunks=chunks, compression=4, shuffle=shuffle
        ) if chunks[0] <= 150 else file.create_dataset(
            "showers", data=wanted, maxshape=(None, 72), chunks=chunks, compression=4
        )
    with ShowerFile(path, toy_geometry) as file:
        assert file._showers._bands is not None
        for rows in (slice(None), slice(93, 108), np.array([149, 3, 3, 100, 99])):
            assert np.array_equal(file.showers(rows), wanted[rows].astype(np.float32))


@pytest.mark.parametrize("shape", [(72,), (6, 4, 3)])
def test_energies_are_had_without_a_geometry(tmp_path, arrays, shape):
    e_inc, showers = arrays
    write(tmp_path / "mine.h5", e_inc, showers.reshape(N, *shape))
    with pytest.raises(GeometryError):
        ShowerFile(tmp_path / "mine.h5")
    with ShowerFile.for_energies(tmp_path / "mine.h5") as file:
        np.testing.assert_array_equal(file.e_inc(), e_inc)
    sequence = EnergySequence.described({"file": str(tmp_path / "mine.h5")})
    np.testing.assert_array_equal(sequence.take(2, 3), e_inc[2:5])
    write(tmp_path / "wrong.h5", -e_inc, showers.reshape(N, *shape))
    with pytest.raises(ShowerFileError):
        ShowerFile.for_energies(tmp_path / "wrong.h5")
