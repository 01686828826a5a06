"""Gather the pages of the site from the files where they live.

`docs/` is what people read in the repository; the site adds what lies elsewhere (the
changelog, recipes, the model card) and what is made (the reference of names, executed
notebooks). Links out of `docs/` lead to copies.
"""

import os
import re
import shutil
from pathlib import Path

from pages.api import api_pages
from pages.blocks import MODES, mode_of

__all__ = ["stage"]

ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "src/calo4pqvae/pretrained/README.md": "model-card.md",
    "src/calo4pqvae/pretrained/cells/README.md": "model-card-cells.md",
    "src/calo4pqvae/pretrained/paper/README.md": "model-card-paper.md",
}
"""Files outside docs/ that are pages; whoever links to the README means the first page."""

_LINK = re.compile(
    r"^```.*?^```$|(?<!\[)`[^`\n]*`|\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s]+)\)",
    re.DOTALL | re.MULTILINE,
)
"""Links, with one picture in their text or none; code is matched first, and left alone."""

_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_MARK = re.compile(r"^<!-- code: [^>]*-->\n", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)

WHERE = {
    "suite": "The code of this page runs in the tests, at each change.",
    "nightly": "The code of this page takes minutes: `make pages` runs it as it stands.",
    "record": "The commands of this page are a record; the tests check that they are valid.",
}
assert set(WHERE) == set(MODES)


def stage(root: Path, target: Path) -> None:
    """Fill the folder that the site is built from.

    Arguments:
        root: of the repository.
        target: the folder; what lies there is removed.

    Raises:
        ValueError: a link leads nowhere.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / "docs", target, ignore=shutil.ignore_patterns("*.py", "*.yaml"))
    for page in sorted(target.rglob("*.md")):
        home = root / "docs" / page.relative_to(target)
        _write(root, target, home, page)
    for name, place in ELSEWHERE.items():
        if place != "index.md":
            _write(root, target, root / name, target / place)
    for name, text in api_pages(root / "src").items():
        path = target / "api" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _write(root: Path, target: Path, home: Path, page: Path) -> None:
    """Write a page with links that hold in its new place."""
    text = home.read_text("utf-8")
    if "card" in page.name:  # its front matter is for model hubs
        text = _FRONT_MATTER.sub("", text)

    def moved(found: re.Match) -> str:
        if not found["target"]:
            return found[0]
        text, link = found["text"], found["target"]
        path = link.partition("#")[0]
        if text.endswith(".md") and text == path:
            text = _TITLE.search((home.parent / path).read_text("utf-8"))[1]
        return f"[{text}]({_moved(root, target, home, page, link)})"

    mode = mode_of(home)
    text = _MARK.sub("", _LINK.sub(moved, text))
    if mode:
        text = f"{text.rstrip()}\n\n---\n\n*{WHERE[mode]}*\n"
    page.write_text(text, encoding="utf-8")


def _moved(root: Path, target: Path, home: Path, page: Path, link: str) -> str:
    """Where a link of a file leads in the site."""
    path, hash_, anchor = link.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link
    file = (home.parent / path).resolve()
    if (file / "README.md").is_file():
        file /= "README.md"
    if not file.is_file():
        raise ValueError(f"{home}: the link to {path} leads to no file")
    name = file.relative_to(root.resolve()).as_posix()
    if name in ELSEWHERE:
        place = target / ELSEWHERE[name]
    elif name.startswith("docs/notebooks/") and file.suffix == ".py":
        place = target / Path(name).relative_to("docs").with_suffix(".md")
    elif name.startswith("docs/"):
        place = target / Path(name).relative_to("docs")
    else:
        place = target / "files" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    return Path(os.path.relpath(place, page.parent)).as_posix() + hash_ + anchor
