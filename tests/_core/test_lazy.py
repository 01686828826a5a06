"""Public names that are imported when first used, from the list in the stub."""

import importlib
import subprocess
import sys

import pytest

import calo4pqvae
from calo4pqvae._core.lazy import attach_stub


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose module notes that it is imported."""
    folder = tmp_path / "parcel"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from calo4pqvae._core.lazy import attach_stub\n"
        "__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)\n"
    )
    (folder / "__init__.pyi").write_text(
        "from parcel.inside import two as two\nfrom parcel.inside import one as one\n"
        "three: int\n"
    )
    (folder / "inside.py").write_text("one, two, four = 1, 2, 4\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("parcel")
    for name in [name for name in sys.modules if name.split(".")[0] == "parcel"]:
        del sys.modules[name]


def test_a_name_is_imported_when_first_used(package):
    assert package.__all__ == ["one", "two"]
    assert "parcel.inside" not in sys.modules
    assert package.two == 2
    assert "parcel.inside" in sys.modules
    assert vars(package)["two"] == 2
    assert "one" not in vars(package)
    assert {"one", "two"} <= set(dir(package))


@pytest.mark.parametrize("name", ["three", "four", "__wrapped__"])
def test_other_names_are_missing_as_usual(package, name):
    with pytest.raises(AttributeError, match=f"module 'parcel' has no attribute '{name}'"):
        getattr(package, name)


def test_every_public_name_of_the_package_exists():
    """In a process of its own, as the names of the package import all that there is."""
    program = "from calo4pqvae import *; print(*dir())"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert set(calo4pqvae.__all__) <= set(done.stdout.split())


def test_a_stub_without_imports_gives_no_names(tmp_path):
    (tmp_path / "__init__.pyi").write_text("x: int\n")
    assert attach_stub("parcel", str(tmp_path / "__init__.py"))[2] == []
