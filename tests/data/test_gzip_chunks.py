"""Chunks that are packed here are those of HDF5's own gzip filter to whoever reads them."""

import h5py
import numpy as np
import pytest

from calo4pqvae.data import gzip_chunks
from calo4pqvae.data.gzip_chunks import write_gzip
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter, filters_of

CHUNK = 256


@pytest.fixture(scope="module")
def real():
    """Numbers of a third chunk that is not full."""
    with ShowerFile(sample_path()) as file:
        return file.e_inc(slice(0, 600)), file.showers(slice(0, 600)), file.geometry


def written(path, values, write):
    row = values.shape[1:]
    with h5py.File(path, "w") as file:
        rows = file.create_dataset(
            "x", values.shape, chunks=(CHUNK, *row), maxshape=(None, *row), **filters_of("gzip")
        )
        write(rows, values)
    with h5py.File(path) as file:
        return file["x"][:], file["x"].id.get_storage_size()


def by_hdf5(rows, values):
    rows[:] = values


def packed_here(rows, values):
    write_gzip(rows, 0, values)


def test_hdf5_reads_what_was_packed_here_and_it_is_no_larger(tmp_path, real):
    mine, size = written(tmp_path / "mine.h5", real[1], packed_here)
    theirs, theirs_size = written(tmp_path / "theirs.h5", real[1], by_hdf5)
    assert mine.tobytes() == theirs.tobytes() == real[1].tobytes()
    assert size < 1.02 * theirs_size


def test_bytes_in_another_order_are_noticed(tmp_path, real, monkeypatch):
    monkeypatch.setattr(gzip_chunks, "_shuffled", lambda values: values.tobytes())
    mine, _ = written(tmp_path / "mine.h5", real[1], packed_here)
    assert mine.tobytes() != real[1].tobytes()


def test_a_file_of_showers_says_gzip_and_grows_by_hdf5_as_any(tmp_path, real):
    e_inc, showers, geometry = real
    path = tmp_path / "showers.h5"
    with ShowerWriter(path, geometry) as writer:
        for start in range(0, 600, 100):
            rows = slice(start, start + 100)
            writer.append(e_inc[rows], showers[rows], prior_energy=np.arange(100.0) + start)
    with h5py.File(path, "a") as file:
        for values in file.values():
            assert (values.compression, values.shuffle, values.chunks[0]) == (
                "gzip",
                True,
                CHUNK,
            )
            values.resize(601, axis=0)  # into what was filled up
        assert file["prior_energy"][600] == 0
        file["showers"][600] = showers[0]
    with h5py.File(path) as file:
        assert file["showers"][:600].tobytes() == showers.tobytes()
        assert file["showers"][600].tobytes() == showers[0].tobytes()
        assert file["incident_energies"][:600].tobytes() == e_inc.tobytes()
        np.testing.assert_array_equal(file["prior_energy"][:600], np.arange(600, dtype="f4"))
