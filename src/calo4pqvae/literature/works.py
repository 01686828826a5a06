"""The works of ``works.yaml``, their BibTeX, and which of them a file has used."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import yaml

__all__ = ["Work", "bibtex", "cited", "load_works", "software"]


@dataclass(frozen=True)
class Work:
    """A paper, a data set or a program.

    Attributes:
        topic: heading of the page that it stands under.
        key: of its BibTeX entry.
        type: of its BibTeX entry.
        authors: given name before family name; ``others`` stands for the rest.
        title: as printed.
        note: what it is to this package.
        journal: where it appeared, or which report it is.
        volume: of the journal.
        pages: first and last.
        year: None where there is none.
        doi: without the resolver's address.
        arxiv: number, without a version.
        url: for what has neither.
        cite: patterns of lines of `calo4pqvae inspect` that show that it was used.
        always: whether it belongs into every list of references.
    """

    topic: str
    key: str
    type: str
    authors: Sequence[str]
    title: str
    note: str
    journal: str = ""
    volume: str = ""
    pages: str = ""
    year: int | None = None
    doi: str = ""
    arxiv: str = ""
    url: str = ""
    cite: Sequence[str] = field(default=())
    always: bool = False

    @property
    def link(self) -> str:
        """Where to read it; empty if nobody can."""
        if self.arxiv:
            return f"https://arxiv.org/abs/{self.arxiv}"
        return f"https://doi.org/{self.doi}" if self.doi else self.url


def load_works() -> list[Work]:
    """Read the list that comes with the package."""
    text = files("calo4pqvae.literature").joinpath("works.yaml").read_text("utf-8")
    return [
        Work(topic=part["topic"], **work)
        for part in yaml.safe_load(text)
        for work in part["works"]
    ]


def software(version: str) -> Work:
    """The entry of this package itself."""
    return Work(
        topic="The model",
        key="calo4pqvae",
        type="software",
        authors=["{The calo4pqvae developers}"],
        title=(
            "calo4pqvae: calorimeter showers from a discrete variational autoencoder with a "
            "four-partite Boltzmann prior"
        ),
        note="This software.",
        volume=version,
    )


def cited(facts: Iterable[str]) -> list[Work]:
    """Choose the works that belong to a result.

    Arguments:
        facts: lines of `calo4pqvae inspect` of the files that led to it.
    """
    lines = list(facts)
    return [
        work
        for work in load_works()
        if work.always or any(re.search(p, line) for p in work.cite for line in lines)
    ]


def bibtex(work: Work) -> str:
    """Write an entry for BibTeX or biber, in UTF-8."""
    place = {"article": "journal", "inproceedings": "booktitle", "techreport": "institution"}
    rows = {
        "author": " and ".join(work.authors),
        "title": f"{{{work.title}}}",
        place.get(work.type, "howpublished"): work.journal,
        "version" if work.type == "software" else "volume": work.volume,
        "pages": work.pages.replace("-", "--"),
        "year": str(work.year or ""),
        "doi": work.doi,
        "eprint": work.arxiv,
        "archiveprefix": "arXiv" if work.arxiv else "",
        "url": work.url,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in rows.items() if value]
    return "\n".join([f"@{work.type}{{{work.key},", *lines, "}"])
