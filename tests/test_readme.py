"""The README is a landing page: short, and every link leads to a file or a heading."""

import re
from pathlib import Path

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
