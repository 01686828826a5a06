import sys

import pytest

from calo4pqvae._core.optional import require
from calo4pqvae.errors import MissingExtraError


def test_installed_library_is_returned():
    assert require("json", "report") is sys.modules["json"]


def test_submodule_is_returned():
    assert require("json.decoder", "report").JSONDecoder is sys.modules["json"].JSONDecoder


def test_missing_library_is_named_with_its_extra():
    with pytest.raises(MissingExtraError, match=r"no_such_lib .*calo4pqvae\[download\]"):
        require("no_such_lib.part", "download")


def test_library_that_lacks_a_library_of_its_own_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import no_such_lib\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_lib"):
        require("half_installed", "report")
