"""Every link of the built site leads somewhere, and nothing is fetched from elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["broken_links"]

_FETCHED = {("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src")}
"""What a browser loads by itself; pages that do so from another host need a network."""


class _Page(HTMLParser):
    """Targets and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[tuple[str, bool]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {v for v in (given.get("id"), given.get("name")) if v}
        for name in ("href", "src"):
            if target := given.get(name):
                fetched = (tag, name) in _FETCHED or (
                    tag == "link" and given.get("rel") in {"stylesheet", "preload"}
                )
                self.targets.append((target, fetched))


def broken_links(site: Path) -> list[str]:
    """List links to files or anchors that are not there, and files loaded from other hosts."""
    pages = {
        path: _Page(path.read_text("utf-8"))
        for path in site.rglob("*.html")
        if path.name != "404.html"  # its links are those of the root
    }
    wrong = []
    for path, page in pages.items():
        for target, fetched in page.targets:
            if problem := _problem(path, target, fetched, pages):
                wrong.append(f"{path.relative_to(site)}: {target}: {problem}")
    return sorted(set(wrong))


def _problem(path: Path, target: str, fetched: bool, pages: dict[Path, _Page]) -> str | None:
    url = urlsplit(target)
    if url.scheme or url.netloc:
        return "is loaded from another host" if fetched and url.scheme != "data" else None
    file = (path.parent / unquote(url.path)).resolve() if url.path else path
    if file.is_dir():
        file /= "index.html"
    if not file.exists():
        return "is not there"
    if url.fragment and file in pages and unquote(url.fragment) not in pages[file].anchors:
        return "has no such anchor"
    return None
