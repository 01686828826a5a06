"""HDF5 that takes numbers from elsewhere, declares more than it holds, or was left marked."""

import os
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t, h5z

from calo4pqvae._core.intake.child import in_child
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import ShowerFileError

N = 60
CHUNKS = {"chunks": (10, 72), "compression": "gzip"}


@pytest.fixture
def arrays(toy_showers):
    return toy_showers(N)


@pytest.fixture
def read(toy_geometry):
    def all_showers(path):
        with ShowerFile(path, toy_geometry) as file:
            return file.e_inc(), file.showers(slice(None))

    return all_showers


@pytest.fixture
def refused(read):
    def complaint(path, says):
        start = time.monotonic()
        with pytest.raises(ShowerFileError, match=says) as caught:
            read(path)
        assert time.monotonic() - start < 10
        assert "\n" not in str(caught.value)
        assert str(path.name) in str(caught.value)

    return complaint


def linked(path, target, e_inc="/good/e", showers="/good/showers"):
    with h5py.File(path, "w") as file:
        file["incident_energies"] = h5py.ExternalLink(target, e_inc)
        file["showers"] = h5py.ExternalLink(target, showers)
    return path


@pytest.fixture
def target(tmp_path, arrays):
    with h5py.File(tmp_path / "target.h5", "w") as file:
        file.create_dataset("good/e", data=arrays[0])
        file.create_dataset("good/showers", data=arrays[1], **CHUNKS)
        file.create_dataset("showers", data=arrays[1] * 0 + 1, **CHUNKS)
        file["soft"] = h5py.SoftLink("/good")
    return tmp_path / "target.h5"


def test_external_links_lead_to_the_dataset_they_name(tmp_path, target, arrays, read):
    del target
    direct = linked(tmp_path / "a.h5", "target.h5")
    through = linked(tmp_path / "b.h5", "target.h5", "soft/e", "/soft/showers")
    linked(tmp_path / "c.h5", "a.h5", "/incident_energies", "showers")
    for path in (direct, through, tmp_path / "c.h5"):
        e_inc, showers = read(path)
        assert np.array_equal(e_inc, arrays[0])
        assert np.array_equal(showers, arrays[1])


def test_a_link_into_a_folder_below_or_through_a_link_of_the_system(tmp_path, target, read):
    (tmp_path / "below").mkdir()
    target.rename(tmp_path / "below" / "target.h5")
    path = linked(tmp_path / "a.h5", "below/target.h5")
    wanted = read(path)[1].sum()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.h5").symlink_to(path)
    assert read(tmp_path / "elsewhere" / "x.h5")[1].sum() == wanted > 0


def test_links_that_leave_the_folder_or_lead_nowhere_are_refused(tmp_path, target, refused):
    (tmp_path / "mine").mkdir()
    refused(linked(tmp_path / "mine" / "a.h5", "../target.h5"), r"is not in .*mine; copy")
    refused(linked(tmp_path / "mine" / "b.h5", str(target)), r"is not in .*mine; copy")
    (tmp_path / "mine" / "target.h5").symlink_to(target)
    refused(linked(tmp_path / "mine" / "c.h5", "target.h5"), r"is not in .*mine; copy")
    refused(linked(tmp_path / "d.h5", "absent.h5"), "absent.h5, which is not in")
    refused(linked(tmp_path / "e.h5", "target.h5", "/no", "/such"), "has no dataset")
    os.mkfifo(tmp_path / "pipe.h5")
    refused(linked(tmp_path / "f.h5", "pipe.h5"), "pipe.h5, which is not in")
    refused(linked(tmp_path / "g.h5", "g.h5", "/incident_energies"), "more than 16 others")


def test_a_file_in_the_working_folder_is_not_taken_for_the_one_beside(
    tmp_path, target, refused, monkeypatch
):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    refused(linked(tmp_path / "mine" / "a.h5", target.name), "is not in")


def virtual(path, arrays, sources, rows, e_rows=None):
    layout = h5py.VirtualLayout((rows, 72), dtype="f4")
    for place, (name, n) in sources.items():
        layout[place : place + n] = h5py.VirtualSource(name, "showers", shape=(n, 72))
    with h5py.File(path, "w") as file:
        file["incident_energies"] = np.resize(arrays[0], (e_rows or rows, 1))
        file.create_virtual_dataset("showers", layout)
    return path


@pytest.fixture
def part(tmp_path, arrays):
    with h5py.File(tmp_path / "part1.h5", "w") as file:
        file["showers"] = arrays[1]
    return "part1.h5"


def test_virtual_datasets(tmp_path, arrays, part, read, refused, monkeypatch):
    whole = virtual(tmp_path / "whole.h5", arrays, {0: (part, N), N: (part, N)}, 2 * N)
    assert np.array_equal(read(whole)[1], np.vstack([arrays[1]] * 2))
    gone = {0: (part, N), N: ("part2_moved_away.h5", N)}
    refused(
        virtual(tmp_path / "gone.h5", arrays, gone, 2 * N), "part2_moved_away.h5, which is not"
    )
    refused(virtual(tmp_path / "gap.h5", arrays, {0: (part, N)}, 2 * N), "would read as zeros")
    refused(virtual(tmp_path / "long.h5", arrays, {0: (part, 2 * N)}, 2 * N), "takes more from")
    (tmp_path / part).unlink()
    refused(whole, "part1.h5, which is not in")
    monkeypatch.setenv("HDF5_VDS_PREFIX", "/nowhere")
    with h5py.File(tmp_path / part, "w") as file:
        file["showers"] = arrays[1]
    refused(whole, "HDF5_VDS_PREFIX is set")


def test_raw_files(tmp_path, arrays, read, refused, monkeypatch):
    path, size = tmp_path / "raw.h5", arrays[1].nbytes
    arrays[1].tofile(tmp_path / "numbers.raw")
    with h5py.File(path, "w") as file:
        file["incident_energies"] = arrays[0]
        file.create_dataset("showers", (N, 72), "f4", external=[("numbers.raw", 0, size)])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "numbers.raw").write_bytes(bytes(size))
    monkeypatch.chdir(tmp_path / "other")  # HDF5 itself would take the zeros that lie here
    assert np.array_equal(read(path)[1], arrays[1])
    (tmp_path / "numbers.raw").write_bytes(bytes(100))
    refused(path, "needs 17,280 bytes of raw files, which hold 100")
    (tmp_path / "numbers.raw").unlink()
    refused(path, "numbers.raw, which is not in")


def test_rows_that_were_reserved_but_never_written(tmp_path, arrays, refused):
    with h5py.File(tmp_path / "some.h5", "w") as file:
        file["incident_energies"] = np.vstack([arrays[0]] * 2)
        showers = file.create_dataset("showers", (2 * N, 72), "f4", **CHUNKS)
        showers[:45] = arrays[1][:45]
    refused(tmp_path / "some.h5", "7 of 12 chunks, the first from row 50 on, were reserved")
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["incident_energies"] = arrays[0]
        file.create_dataset("showers", (N, 72), "f4")
    refused(tmp_path / "none.h5", "laid out but never written")


def test_sizes_are_checked_before_memory_is_taken(tmp_path, arrays, refused):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file.create_dataset("incident_energies", (10**9, 1), "f4", chunks=(10, 1))
        file.create_dataset("showers", (10**9, 72), "f4", chunks=(10, 72))
    assert (tmp_path / "rows.h5").stat().st_size < 10_000
    refused(tmp_path / "rows.h5", "declares 1,000,000,000 rows")
    with h5py.File(tmp_path / "few.h5", "w") as file:
        file["incident_energies"] = arrays[0]
        file.create_dataset("showers", (10**7, 72), "f4", chunks=(10, 72))
    refused(tmp_path / "few.h5", "declares 1,000,000 chunks, more than the file has bytes")
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        file["incident_energies"] = arrays[0]
        file.create_dataset("showers", (N, 72), "f4", maxshape=(None, 72), chunks=(10**6, 72))
    refused(tmp_path / "chunk.h5", "in chunks of 288,000,000 bytes")


def with_chunk(path, e_inc, content, code=h5z.FILTER_DEFLATE, values=(1,)):
    """A file whose showers are one chunk with any content."""
    with h5py.File(path, "w") as file:
        file["incident_energies"] = e_inc
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_chunk((N, 72))
        plan.set_filter(code, h5z.FLAG_OPTIONAL, values)
        space = h5s.create_simple((N, 72))
        data = h5d.create(file.id, b"showers", h5t.IEEE_F32LE, space, plan)
        data.write_direct_chunk((0, 0), content, filter_mask=0)
    return path


def test_gzip_that_would_fill_the_memory(tmp_path, arrays, refused):
    squeeze = zlib.compressobj(9)
    bomb = b"".join(squeeze.compress(bytes(1 << 24)) for _ in range(64)) + squeeze.flush()
    path = with_chunk(tmp_path / "bomb.h5", arrays[0], bomb)
    script = (
        "import resource, sys\n"
        "from calo4pqvae.data.shower_file import ShowerFile\n"
        "from calo4pqvae.errors import ShowerFileError\n"
        "from calo4pqvae.geometry import CylindricalGeometry\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = used()\n"
        "try:\n"
        "    ShowerFile(sys.argv[1], CylindricalGeometry.regular(6, 4, [0, 5, 10, 15]))\n"
        "except ShowerFileError as error:\n"
        "    print((used() - before) // 1024, error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(path)], check=True, capture_output=True, text=True
    )
    megabytes, says = found.stdout.split(maxsplit=1)
    assert int(megabytes) < 100, "a gigabyte was unpacked"
    assert "bomb.h5: /showers is damaged near row 0" in says
    honest = with_chunk(tmp_path / "good.h5", arrays[0], zlib.compress(arrays[1].tobytes()))
    assert honest.exists()
    short = with_chunk(tmp_path / "short.h5", arrays[0], zlib.compress(bytes(99)))
    refused(short, "damaged near row 0")


def test_a_filter_that_is_not_installed_is_named(tmp_path, arrays, refused, monkeypatch):
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda _: False)
    values = (0, 0, 0, 0, 5, 1, 1)
    path = with_chunk(tmp_path / "blosc.h5", arrays[0], bytes(1000), 32001, values)
    refused(path, r"filter 32001 \(Blosc\), which is not here; .*pip install hdf5plugin")
    path = with_chunk(tmp_path / "zstd.h5", arrays[0], bytes(1000), 32015)
    refused(path, r"filter 32015 \(Zstandard\)")


def test_the_mark_of_a_writer_that_died(tmp_path, refused):
    path = tmp_path / "marked.h5"
    script = (
        "import h5py, os, sys\n"
        "file = h5py.File(sys.argv[1], 'w', libver='latest')\n"
        "file.swmr_mode = True\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
        "os._exit(0)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        refused(path, "is being written|mark of a writer that died")
        writer.communicate("")
    refused(path, "mark of a writer that died, and nobody writes it now; .*h5clear -s")


NO_LOCK = """
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
int flock(int fd, int op) {
  if (op & LOCK_UN) return 0;
  errno = atoi(getenv("FLOCK_ERRNO")); return -1;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler to replace flock")
@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
def test_file_systems_without_locks(tmp_path, arrays):
    (tmp_path / "nolock.c").write_text(NO_LOCK)
    library = tmp_path / "nolock.so"
    build = ["gcc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "nolock.c")]
    subprocess.run(build, check=True)
    with h5py.File(tmp_path / "ref.h5", "w") as file:
        file["incident_energies"], file["showers"] = arrays
    script = (
        "import os, sys\n"
        "from calo4pqvae.data.shower_file import ShowerFile\n"
        "from calo4pqvae.geometry import CylindricalGeometry\n"
        "for number in (37, 95, 116, 524):\n"
        "    os.environ['FLOCK_ERRNO'] = str(number)\n"
        "    os.utime(sys.argv[1], (number, number))\n"
        "    cylinder = CylindricalGeometry.regular(6, 4, [0, 5, 10, 15])\n"
        "    with ShowerFile(sys.argv[1], cylinder) as f:\n"
        "        print(number, len(f))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "ref.h5")],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LD_PRELOAD": str(library), "FLOCK_ERRNO": "37"},
    )
    assert found.stdout.split("\n")[:-1] == [f"{n} {N}" for n in (37, 95, 116, 524)]


def test_a_pipe_in_place_of_a_file(tmp_path, refused):
    os.mkfifo(tmp_path / "pipe.h5")
    refused(tmp_path / "pipe.h5", "is a pipe")
    with pytest.raises(ShowerFileError, match="is a device"):
        ShowerFile("/dev/zero")
    with pytest.raises(ShowerFileError, match="is no name of a file"):
        ShowerFile("nul\0byte.h5")


def test_attributes_of_any_kind_are_plain(tmp_path, arrays, toy_geometry):
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["incident_energies"], file["showers"] = arrays
        file.attrs["bytes"] = np.bytes_(b"\xff\x1b[31m")
        file.attrs["nan"], file.attrs["empty"] = np.float32("nan"), h5py.Empty("f4")
        file.attrs["pairs"] = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
        file.attrs["words"] = ["one", "two"]
        file.attrs["reference"] = file["showers"].ref
    with ShowerFile(tmp_path / "odd.h5", toy_geometry) as file:
        attrs = file.attrs
    assert attrs["words"] == ["one", "two"]
    assert attrs["pairs"] == [[1, 2.5]]
    assert np.isnan(attrs["nan"])
    assert all(isinstance(v, str | int | float | list) for v in attrs.values())


def endless():
    while True:
        pass


def crash():
    os.abort()


def swell():
    return len(bytearray(10**10))


@pytest.mark.parametrize(
    ("look", "says"),
    [
        (endless, "computes for more than 2 s"),
        (crash, "crashes"),
        (swell, "needs more than 512 MiB"),
        (lambda: 1 / 0, "division by zero"),
    ],
)
def test_what_happens_in_the_child_harms_nobody(look, says):
    start = time.monotonic()
    with pytest.raises(ShowerFileError, match=says):
        in_child(look, "x.h5", ShowerFileError)
    assert time.process_time() > 0
    assert time.monotonic() - start < 60
    assert in_child(lambda: [1, "two"], "x.h5", ShowerFileError) == [1, "two"]


def test_the_child_is_asked_once_for_a_file(tmp_path, arrays, toy_geometry, monkeypatch):
    path = tmp_path / "ref.h5"
    with h5py.File(path, "w") as file:
        file["incident_energies"], file["showers"] = arrays
    forks = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: forks.append(1) or fork())
    for _ in range(3):
        ShowerFile(path, toy_geometry).close()
    assert len(forks) == 1
    path.write_bytes(Path(path).read_bytes() + b"\0")
    ShowerFile(path, toy_geometry).close()
    assert len(forks) == 2
