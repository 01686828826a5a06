"""The list of works: sound entries, valid BibTeX, a page that follows it."""

import re
from pathlib import Path

import pytest
import yaml
from pages.literature import literature_page

from calo4pqvae.literature import Work, bibtex, cited, load_works, software

ROOT = Path(__file__).parents[2]
WORKS = load_works()


def test_keys_are_unique_and_every_work_says_what_it_is_to_us() -> None:
    assert len({work.key for work in WORKS}) == len(WORKS) > 20
    assert all(work.note.endswith(".") for work in WORKS)
    assert sum(not work.link for work in WORKS) <= 2  # the paper and a report of D-Wave


def test_the_page_follows_the_list() -> None:
    """To renew it: PYTHONPATH=src:scripts python -m pages.literature"""
    assert (ROOT / "docs" / "literature.md").read_text("utf-8") == literature_page()


def test_papers_of_the_citation_file_are_in_the_list() -> None:
    stated = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    titles = {work.title for work in WORKS if work.always or work.cite}
    assert {reference["title"] for reference in stated["references"]} <= titles
    assert software("1").title == stated["title"]


@pytest.mark.parametrize("work", [*WORKS, software("1.0")], ids=lambda work: work.key)
def test_an_entry_is_valid_bibtex(work: Work) -> None:
    entry = bibtex(work)
    assert re.match(r"@(article|misc|inproceedings|techreport|software)\{\w+,\n", entry)
    assert entry.count("{") == entry.count("}")
    for line in entry.splitlines()[1:-1]:
        assert re.fullmatch(r"  \w+ = \{.+\},", line)
    assert not re.search(r"[&%#_$]", re.sub(r"\b(doi|url) = .*|@.*", "", entry))


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("attribute generator: Geant4 11.4.1", {"agostinelli_2003", "allison_2016"}),
        ("kind: metrics", {"kansal_2023", "naeem_2020", "pedregosa_2011", "kynkaanniemi_2019"}),
        ("attribute sampler: emulator of system4", {"raymond_2016", "boothby_2021"}),
    ],
)
def test_what_was_used_is_cited_and_nothing_else(line: str, keys: set[str]) -> None:
    plain = {work.key for work in cited([])}
    assert plain == {"fedorko_quantum_assisted", "toledo_marin_2024"}
    assert {work.key for work in cited([line])} - plain - {"calochallenge_2024"} == keys
