"""Files from outside are opened at the gate alone, by readers that are registered."""

import ast
from pathlib import Path
from pkgutil import resolve_name

import pytest

import calo4pqvae
from calo4pqvae.cli.readers import READERS

SOURCE = Path(calo4pqvae.__file__).parent

OPENERS = {
    "open", "read_text", "read_bytes", "safe_load", "fromstring", "iterparse", "load_file",
    "safe_open", "memmap", "fromfile", "loadtxt", "genfromtxt", "ZipFile", "Unpickler",
}  # fmt: skip
"""Last names of calls that open or parse a file, whatever module they belong to."""

OPENERS_OF = {
    "h5py": {"File"},
    "json": {"load", "loads"},
    "np": {"load"},
    "torch": {"load"},
    "pickle": {"load", "loads"},
    "yaml": {"load", "compose", "load_all"},
    "ET": {"parse"},
    "sqlite3": {"connect"},
}
"""Calls of libraries, under names that others use as well."""

WRITING = ("w", "a", "x")

ALLOWED = {
    "_core/intake": "the gate itself",
    "_core/atomic.py": "writes files",
    "_core/lock_file.py": "lock files, written by this program under its own names",
    "_core/owner.py": "who holds a lock, and /proc",
    "_core/journal": "journals have pages and records with checksums of their own",
    "_core/lazy.py": "stubs of the package",
    "_core/cache.py": "compiled code of this program, whose owner is looked at",
    "_core/cpp.py": "sources of the package, and /proc/cpuinfo",
    "_core/jit.py": "compiled forms behind a digest",
    "_core/sources.py": "sources of the package",
    "bench/machine.py": "/proc/cpuinfo",
    "bench/power.py": "counters of the kernel under /sys",
    "boltzmann/samplers/cuda/sampler.py": "a source of the package",
    "cli/main.py": "/dev/null",
    "cli/streams.py": "/dev/null",
    "config/reading.py": "presets of the package",
    "data/transfer.py": "writes files",
    "evaluation/published.py": "a table of the package",
    "evaluation/report/figures.py": "a table of the package",
    "evaluation/report/pages.py": "templates of the package",
    "evaluation/structure/names.py": "a table of the package",
    "literature/works.py": "a table of the package",
    "models/export": "sources and examples of the package",
    "models/vae": "no file: a layer called open",
    "pretrained/__init__.py": "a table of the package",
    "shards/crew.py": "a pipe from its own worker",
    "data/formats/root.py": "uproot, after the gate and a look in a child",
    "shards/ledger.py": "appends to a manifest",
    "shards/folder.py": "a copy by way of JSON, no file",
    "shards/serve.py": "a pipe from its own master, and a log that it writes",
    "data/opening.py": "hashes the bytes of a file",
    "generation/maker.py": "hashes the bytes of a model that was read",
    "simulation/journal.py": "a copy by way of JSON, no file",
    "simulation/stacks/__init__.py": "stacks of the package",
}
"""Files that may call an opener, with the reason."""

EVERYBODY = {
    "MOST_ROWS",
    "MOST_SOURCES",
    "one_line",
    "parsing",
    "printable",
    "parse_json",
    "parse_yaml",
    "regular_file",
}
"""Names of the gate that open nothing."""


def openings(source: str) -> list[str]:
    """Calls that open or parse a file for reading, in order."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        owner = getattr(getattr(function, "value", None), "id", "")
        if name not in OPENERS and name not in OPENERS_OF.get(owner, ()):
            continue
        modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
        modes += [k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)]
        if not any(isinstance(m, str) and m.startswith(WRITING) for m in modes):
            found.append(ast.unparse(function))
    return found


def gate_names(source: str) -> set[str]:
    """Names that a module imports from the gate."""
    return {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("calo4pqvae._core.intake")
        and node.module != "calo4pqvae._core.intake.settings"  # types of settings, no reader
        for alias in node.names
    }


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


FILES = sorted(SOURCE.rglob("*.py"))


def test_files_are_opened_at_the_gate_alone() -> None:
    wrong = {}
    for path in FILES:
        name = path.relative_to(SOURCE).as_posix()
        allowed = any(name == key or name.startswith(f"{key}/") for key in ALLOWED)
        if not allowed and (calls := openings(path.read_text(encoding="utf-8"))):
            wrong[name] = calls
    assert not wrong, "read these through calo4pqvae._core.intake"


def test_the_list_of_exceptions_is_no_longer_than_needed() -> None:
    for key in ALLOWED:
        paths = [p for p in FILES if p.relative_to(SOURCE).as_posix().startswith(key)]
        assert any(openings(p.read_text(encoding="utf-8")) for p in paths), key


def test_every_module_that_reads_at_the_gate_belongs_to_a_registered_reader() -> None:
    registered = {module for reader in READERS.values() for module in reader.modules}
    for path in FILES:
        if "_core/intake" in path.as_posix():
            continue
        names = gate_names(path.read_text(encoding="utf-8")) - EVERYBODY
        assert not names or module_of(path) in registered, f"{path}: {sorted(names)}"


def test_entries_exist() -> None:
    for reader in READERS.values():
        assert callable(resolve_name(reader.entry))
        for module in reader.modules:
            resolve_name(module)


@pytest.mark.parametrize(
    "source",
    [
        "open(path)",
        "path.open('rb')",
        "Path(x).read_text(encoding='utf-8')",
        "import numpy as np\nnp.load(path)",
        "h5py.File(path)",
        "json.loads(text)",
        "def f():\n    with h5py.File(path, mode='r') as file: pass",
        "torch.load(path, weights_only=True)",
        "ET.parse(path)",
    ],
)
def test_the_test_sees_an_opening(source: str) -> None:
    assert len(openings(source)) == 1


@pytest.mark.parametrize("source", ["open(path, 'w')", "path.open(mode='ab')", "len(path)"])
def test_writing_is_no_opening(source: str) -> None:
    assert not openings(source)
