"""Imports run one way: a package may import only from the steps below its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from architecture_figure import SAYS

import calo4pqvae

SOURCE = Path(calo4pqvae.__file__).parent

LADDER = (
    {"units", "errors"},
    {"_core", "literature", "pretrained"},
    {"geometry"},
    {"data", "boltzmann"},
    {"config", "annealer", "testing", "evaluation", "shards"},
    {"models", "simulation"},
    {"training", "generation", "bench"},
    {"cli"},
)
"""Steps from the bottom to the top; the packages of one step do not know each other."""

ROOM_OF_ENTRY = {"__main__": "cli"}


def step(room: str) -> int:
    return next(number for number, rooms in enumerate(LADDER) if room in rooms)


def room_of(path: Path) -> str:
    """The package, or the module of the top level, that a source file belongs to."""
    first = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    return ROOM_OF_ENTRY.get(first, first)


def rooms_imported(source: str) -> set[str]:
    """Rooms of this package named by any import, at the top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write absolute imports"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = (name.split(".") for name in names)
    known = set().union(*LADDER)
    return {p[1] for p in parts if p[0] == "calo4pqvae" and len(p) > 1 and p[1] in known}


def is_allowed(importer: str, imported: str) -> bool:
    return importer == imported or step(imported) < step(importer)


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_only_from_below(path: Path) -> None:
    room = room_of(path)
    assert any(room in rooms for rooms in LADDER), f"{room} has no place on the ladder"
    wrong = {
        other
        for other in rooms_imported(path.read_text(encoding="utf-8"))
        if not is_allowed(room, other)
    }
    assert not wrong, f"{room} may not import {sorted(wrong)}"


def test_every_package_is_a_known_room() -> None:
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert rooms <= set().union(*LADDER)


def test_the_reader_of_imports_sees_all_forms() -> None:
    source = """
import calo4pqvae.data.splits as s
from calo4pqvae import boltzmann as prior
def inner():
    from calo4pqvae.cli.main import main
    import numpy
"""
    assert rooms_imported(source) == {"data", "boltzmann", "cli"}


@pytest.mark.parametrize(
    ("importer", "imported"), [("data", "models"), ("data", "boltzmann"), ("units", "geometry")]
)
def test_upward_and_sideways_imports_are_refused(importer: str, imported: str) -> None:
    assert not is_allowed(importer, imported)


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, calo4pqvae; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_picture_has_every_room():
    assert set(SAYS) == set().union(*LADDER)
