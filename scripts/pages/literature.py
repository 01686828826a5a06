"""The page of the literature, made from the list that `calo4pqvae cite` prints from."""

from itertools import groupby
from pathlib import Path

from calo4pqvae.literature import Work, load_works

__all__ = ["literature_page"]

_HEAD = """# Literature

What this software builds on, uses, or is measured against. `calo4pqvae cite FILE ..` prints
BibTeX entries for what a run folder, a shower file or an evaluation has used, and for the
software itself. This page and the command are made from
[one list](../src/calo4pqvae/literature/works.yaml).
"""


def literature_page() -> str:
    """Write the page as Markdown, one section for each topic."""
    sections = [
        f"\n## {topic}\n\n" + "\n".join(_item(work) for work in works)
        for topic, works in groupby(load_works(), key=lambda work: work.topic)
    ]
    return _HEAD + "\n".join(sections) + "\n"


def _item(work: Work) -> str:
    names = [name for name in work.authors if name != "others"]
    shown = ", ".join(names) if len(names) <= 3 else f"{names[0]} et al."
    if len(names) < len(work.authors):
        shown = f"{names[0]} et al."
    link = work.link.replace("(", "%28").replace(")", "%29")
    title = f"[{work.title}]({link})" if link else work.title
    where = " ".join(part for part in (work.journal, work.volume) if part)
    details = ", ".join(part for part in (where, work.pages, str(work.year or "")) if part)
    return f"* {shown}, *{title}*{', ' + details if details else ''}. {work.note}"


if __name__ == "__main__":
    page = Path(__file__).parents[2] / "docs" / "literature.md"
    page.write_text(literature_page(), encoding="utf-8")
