"""What makes the documentation site: formulas, links, pages from other places."""

import re
from pathlib import Path

import pytest
from pages.api import api_pages
from pages.links import broken_links
from pages.stage import ELSEWHERE, stage

ROOT = Path(__file__).parents[1]


def test_formulas_become_mathml_and_prices_do_not() -> None:
    markdown = pytest.importorskip("markdown")
    pytest.importorskip("latex2mathml")
    made = markdown.markdown(
        "$E(z) = -b_i z_i$, `$x$`, 5 $ and 6 $, \\$x\\$\n\n$$\\frac{a_1}{b*c*d}$$",
        extensions=["pages.mathml"],
    )
    assert made.count("<math") == 2
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in made
    assert "<em>" not in made
    assert "<code>$x$</code>" in made


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">x</a><a href="b.html#gone">x</a><a href="c.html">x</a>'
        '<a href="https://elsewhere.org">x</a><script src="https://elsewhere.org/x.js"></script>'
        '<link rel="stylesheet" href="data:text/css,"><img src="">'
    )
    (tmp_path / "b.html").write_text('<h1 id="there">x</h1>')
    assert broken_links(tmp_path) == [
        "a.html: b.html#gone: has no such anchor",
        "a.html: c.html: is not there",
        "a.html: https://elsewhere.org/x.js: is loaded from another host",
    ]


def test_pages_are_gathered_and_links_out_of_docs_lead_to_copies(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "src/calo4pqvae/pretrained/README.md",
        "src/calo4pqvae/pretrained/cells/README.md",
        "src/calo4pqvae/pretrained/paper/README.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(
            f"# {name}\n\n[index](docs/a.md)\n" if "src" not in name else "x"
        )
    (tmp_path / "src" / "x.py").write_text("1")
    (docs / "b.md").write_text("# The second\n")
    (docs / "a.md").write_text(
        "<!-- code: suite -->\n# A\n\n[b.md](b.md#x) [b.md](b.md) [c](../CONTRIBUTING.md) "
        "[x](../src/x.py) `[q](q.md)` [`code`](../README.md)\n\n```python\nx[0](1)\n```\n"
    )
    stage(tmp_path, tmp_path / "out")
    made = (tmp_path / "out" / "a.md").read_text()
    assert "[The second](b.md#x) [The second](b.md)" in made
    assert "[c](contributing.md) [x](files/src/x.py) `[q](q.md)` [`code`](index.md)" in made
    assert "x[0](1)" in made
    assert "<!--" not in made
    assert "run" in made.splitlines()[-1]
    assert (tmp_path / "out" / "files" / "src" / "x.py").read_text() == "1"
    assert "(a.md)" in (tmp_path / "out" / "contributing.md").read_text()

    (docs / "a.md").write_text("[gone](gone.md)")
    with pytest.raises(ValueError, match="gone"):
        stage(tmp_path, tmp_path / "out")


def test_notebooks_are_executed_once_for_each_text(tmp_path: Path) -> None:
    for library in ("jupytext", "nbclient", "nbconvert", "ipykernel"):
        pytest.importorskip(library)
    from pages.notebooks import notebook_pages

    sources, made, cache = (tmp_path / name for name in ("sources", "made", "cache"))
    sources.mkdir()
    source = sources / "short.py"
    source.write_text(
        "# # Short\n\n# %%\nimport pathlib\nprint(6 * 7, len([*pathlib.Path().iterdir()]))"
    )
    notebook_pages(sources, made, cache, execute=True)
    assert "42 0" in (made / "short.md").read_text()  # in an empty folder
    (executed,) = cache.glob("short-*")
    (executed / "short.md").write_text("kept")
    notebook_pages(sources, made, cache, execute=True)
    assert (made / "short.md").read_text() == "kept"


def test_every_page_is_in_the_navigation_once() -> None:
    """Notebooks, the reference and pages from elsewhere are made when the site is built."""
    nav = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"[\w/.-]+\.md", nav)
    docs = ROOT / "docs"
    written = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    made = {f"notebooks/{path.stem}.md" for path in (docs / "notebooks").glob("*.py")}
    made |= {f"api/{name}" for name in api_pages(ROOT / "src")}
    assert len(listed) == len(set(listed))
    elsewhere = set(ELSEWHERE.values()) - {"index.md"}
    assert set(listed) == written | made | elsewhere
