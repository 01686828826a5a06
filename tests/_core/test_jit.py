"""Compiled code follows all its sources, and no state of its cache ends a program."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import calo4pqvae
from calo4pqvae._core.sources import digest_of_sources, sources_of

PACKAGE = Path(calo4pqvae.__file__).parent

BORROWED = (
    "_core/cache.py",
    "_core/jit.py",
    "_core/sources.py",
    "_core/truncated_normal.py",
    "errors.py",
)
"""Files that the copied package takes from ours as they are."""

LOOP = """
import math
from calo4pqvae._core.jit import compiled
from calo4pqvae._core.truncated_normal import normal_from
from calo4pqvae.numbers import FACTOR

@compiled()
def quantile(p):
    return FACTOR * normal_from(p)
"""

CALL = """
from calo4pqvae.loop import quantile
value = quantile(0.975)
stats = quantile.stats
print(value, sum(stats.cache_hits.values()))
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small package with our compiled normal distribution, and the cache of one call."""
    place = tmp_path_factory.mktemp("warm")
    root = place / "source" / "calo4pqvae"
    for name in BORROWED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / name, root / name)
    for folder in (root, root / "_core"):
        (folder / "__init__.py").touch()
    (root / "loop.py").write_text(LOOP)
    (root / "numbers.py").write_text("FACTOR = 1.0\n")
    assert call(place) == (pytest.approx(1.959964, abs=1e-6), 0)
    assert call(place) == (pytest.approx(1.959964, abs=1e-6), 1)
    return place


@pytest.fixture
def place(warm: Path, tmp_path: Path) -> Path:
    """The warm package of its own for a test; its cache lies in `cache`, not in the package."""
    (tmp_path / "source").symlink_to(warm / "source")
    shutil.copytree(warm / "cache", tmp_path / "cache")
    return tmp_path


def run(
    place: Path, cache: Path | None = None, before: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    source = str((place / "source").resolve())
    names = {"PYTHONPATH": source, "NUMBA_CACHE_DIR": str(cache or place / "cache"), **more}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{before}\n{CALL}"],
        env={**os.environ, **names},
        check=False,
        capture_output=True,
        text=True,
    )


def call(place: Path, cache: Path | None = None, **more: str) -> tuple[float, int]:
    """The 0.975 quantile, and how many compiled forms came from the disk."""
    done = run(place, cache, **more)
    assert done.returncode == 0, done.stderr
    value, hits = done.stdout.split()
    return float(value), int(hits)


def edit(place: Path, name: str, old: str, new: str) -> None:
    """Change a source of a copy of the package that keeps the cache's names."""
    path = place / "source" / "calo4pqvae" / name
    text = path.read_text()
    assert old in text
    status = path.stat()
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # no clock gives it away


@pytest.mark.parametrize(
    ("name", "old", "new", "factor"),
    [
        (
            "_core/truncated_normal.py",
            "return x * over / under",
            "return 1.3 * x * over / under",
            1.3,
        ),
        ("numbers.py", "1.0", "1.5", 1.5),
    ],
    ids=["function", "constant"],
)
def test_an_edit_in_another_file_is_seen_by_a_warm_cache(
    warm: Path, name: str, old: str, new: str, factor: float
) -> None:
    """The normal distribution of a warm cache, made wrong by 30 %, is seen at once."""
    edit(warm, name, old, new)
    try:
        assert call(warm) == (pytest.approx(factor * 1.959964, rel=1e-6), 0)
    finally:
        edit(warm, name, new, old)
        assert call(warm)[0] == pytest.approx(1.959964, rel=1e-6)


def forms(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_forms_of_older_sources_go(warm: Path) -> None:
    before = [path.name for path in forms(warm / "cache")]
    edit(warm, "numbers.py", "1.0", "2.0")
    call(warm)
    middle = [path.name for path in forms(warm / "cache")]
    edit(warm, "numbers.py", "2.0", "1.0")
    call(warm)
    assert [path.name for path in forms(warm / "cache")] == before
    assert len(middle) == len(before)
    assert middle != before


def cut(path: Path) -> None:
    os.truncate(path, 500)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_form_is_compiled_again(place: Path) -> None:
    for damage in (cut, empty, flip):
        for path in forms(place / "cache"):
            damage(path)
        assert call(place) == (pytest.approx(1.959964, abs=1e-6), 0)
    assert call(place) == (pytest.approx(1.959964, abs=1e-6), 1)


def test_a_form_that_another_user_could_have_put_there_is_not_run(place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    for path in forms(place / "cache"):
        os.chown(path, 12345, 12345)
    assert call(place) == (pytest.approx(1.959964, abs=1e-6), 0)


def test_a_folder_that_cannot_be_written_costs_time_only(place: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for cache in (Path("/proc/none"), tmp_path / "file"):
        assert call(place, cache) == (pytest.approx(1.959964, abs=1e-6), 0)


def test_a_full_disk_costs_time_only(place: Path, tmp_path: Path) -> None:
    done = run(
        place,
        tmp_path / "new",
        before="import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (99, 99))",
    )
    assert done.returncode == 0, done.stderr
    assert forms(tmp_path / "new") == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 kB."""
    mount = shutil.which("mount")
    if os.geteuid() or mount is None:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    words = [mount, "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_small_disk_for_the_cache_costs_time_only(place: Path, small_disk: Path) -> None:
    for _ in range(2):
        value, _ = call(place, small_disk)
        assert value == pytest.approx(1.959964, abs=1e-6)
    (small_disk / "filler").write_bytes(b"")
    with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
    assert call(place, small_disk)[0] == pytest.approx(1.959964, abs=1e-6)


def test_without_leave_to_compile_the_reason_is_said(place: Path) -> None:
    done = run(place, NUMBA_DISABLE_JIT="1")
    assert done.stderr.splitlines()[-1].endswith(
        "ConfigError: NUMBA_DISABLE_JIT is set, but the loops of this program run compiled "
        "only; unset it"
    )


def test_a_senseless_number_of_threads_is_one_sentence(place: Path) -> None:
    done = run(place, NUMBA_NUM_THREADS="0")
    assert "ConfigError: numba does not start" in done.stderr.splitlines()[-1]
    assert "mend or unset NUMBA_NUM_THREADS" in done.stderr.splitlines()[-1]


def test_sources_are_those_imported_at_any_distance_and_no_others() -> None:
    found = sources_of(PACKAGE / "models" / "autoregressive" / "layer_energies" / "box.py")
    names = {str(path.relative_to(PACKAGE)) for path in found}
    assert "_core/truncated_normal.py" in names
    assert all(path.is_relative_to(PACKAGE) for path in found)
    assert "geometry.py" not in names
    kernel = sources_of(PACKAGE / "boltzmann" / "samplers" / "cpu" / "kernel.py")
    assert {"lanes.py", "fixed_point.py"} <= {path.name for path in kernel}


def test_relative_imports_and_whole_packages_count(tmp_path: Path) -> None:
    for name, text in {
        "pkg/__init__.py": "from pkg.inner.far import X\n",
        "pkg/a.py": "from . import b\nfrom pkg.inner import near\nimport numpy\n",
        "pkg/b.py": "Y = 1\n",
        "pkg/inner/__init__.py": "from pkg.inner.near import *\n",
        "pkg/inner/near.py": "from ..c import Z\n",
        "pkg/inner/far.py": "X = 1\n",
        "pkg/c.py": "Z = 1\n",
        "numpy/__init__.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = sources_of(tmp_path / "pkg" / "a.py")
    names = {str(path.relative_to(tmp_path)) for path in found}
    inner = {"pkg/inner/__init__.py", "pkg/inner/near.py"}
    assert inner | {"pkg/a.py", "pkg/b.py", "pkg/c.py"} <= names
    assert "numpy/__init__.py" not in names
    before = digest_of_sources(tmp_path / "pkg" / "a.py")
    (tmp_path / "pkg" / "c.py").write_text("Z = 2\n")
    assert digest_of_sources(tmp_path / "pkg" / "a.py") != before
