"""The README is a landing page: short, and every link leads to a file or a heading."""

import re
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_the_files_it_points_to_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    local = [link for link in links if "://" not in link]
    assert len(local) >= 20
    assert [link for link in local if not (README.parent / link).exists()] == []


def test_it_is_not_longer_than_two_screens() -> None:
    assert len(TEXT.splitlines()) <= 80
    assert TEXT.count("](docs/figures/") == 1


def test_each_door_leads_to_a_page_with_code() -> None:
    doors = re.findall(r"^\| [\w ]+ \| \[[^]]+\]\((docs/[\w/-]+\.md)\) \|", TEXT, re.MULTILINE)
    assert len(doors) == 3


def test_on_a_package_index_every_link_leads_to_the_repository(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the build does; hatchling, which runs it, is only in the environments of builds."""
    hatchling = ModuleType("hatchling.metadata.plugin.interface")
    hatchling.MetadataHookInterface = object
    monkeypatch.setitem(sys.modules, hatchling.__name__, hatchling)
    hook = runpy.run_path(str(README.parent / "hatch_build.py"))["ReadmeHook"]()
    hook.root = str(README.parent)
    found = {}
    for repository in ("", "https://host.example/owner/name/"):
        monkeypatch.setenv("CALO4PQVAE_REPOSITORY", repository)
        monkeypatch.setenv("CALO4PQVAE_REF", "v1.2.3")
        hook.update(found)
        assert (found["readme"]["text"] == TEXT) is not bool(repository)
    links = re.findall(r"\]\(([^)]+)\)", found["readme"]["text"])
    assert [link for link in links if "://" not in link] == []
    assert "https://host.example/owner/name/raw/v1.2.3/docs/figures/event.svg" in links
    assert "https://host.example/owner/name/blob/v1.2.3/CONTRIBUTING.md" in links
