"""The pages of docs/: their code runs and prints what they say, their commands are valid."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
from pages.blocks import blocks_of, commands_of
from pages.run import PageError, run_page

from calo4pqvae.cli.main import COMMANDS, command_parser
from calo4pqvae.cli.options import given_options, refuse_idle

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
SUITE = [
    n for n, p in zip(NAMES, PAGES, strict=True) if any(b.mode == "suite" for b in blocks_of(p))
]
STOPS = {"&&", "||", "|", ";", "&", ">", ">>", "<"}


def test_pages_are_found() -> None:
    assert len(PAGES) > 15
    assert "docs/boltzmann.md" in SUITE


@pytest.mark.parametrize("name", SUITE)
def test_the_code_of_a_page_runs_and_prints_what_follows_it(name: str, tmp_path: Path) -> None:
    assert run_page(ROOT / name, tmp_path, ("suite",)) > 0


def commands(page: Path) -> list[list[str]]:
    """The words of each call of `calo4pqvae` in a page, with 1 for variables of the shell."""
    found = []
    for block in blocks_of(page):
        if block.language == "console":
            for command, _ in commands_of(block):
                line = re.sub(r"\$\w+", "1", command.replace("\\\n", " ").replace(";", " ;"))
                words = shlex.split(line, comments=True)
                if "calo4pqvae" in words:
                    words = words[words.index("calo4pqvae") + 1 :]
                    stop = next((i for i, w in enumerate(words) if w in STOPS), None)
                    found.append(words[:stop])
    return found


@pytest.mark.parametrize("name", [*NAMES, "README.md"])
def test_every_command_of_a_page_is_one_that_the_program_takes(name: str) -> None:
    """Also those that nobody runs: options are renamed, and records grow old."""
    for command, *words in commands(ROOT / name):
        if "--help" in words or command == "COMMAND" or ".." in words:
            continue
        assert command in COMMANDS, f"{name}: {command}"
        module = importlib.import_module(f"calo4pqvae.cli.{command}")
        parser = command_parser(command, module)
        args = parser.parse_args(words)
        given = given_options(parser, words)
        assert refuse_idle(getattr(module, "RULES", ()), args, given) is None


BROKEN = {
    "an error": "```python\n1 / 0\n```\n",
    "another output": "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n",
    "an output that is not shown": "```python\nprint(1)\n```\n",
    "a command that fails": "```console\n$ false\n```\n",
    "a command that prints something else": "```console\n$ echo one\ntwo\n```\n",
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_page_that_is_wrong_is_caught(what: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"<!-- code: suite -->\n\n{BROKEN[what]}", encoding="utf-8")
    with pytest.raises((PageError, ZeroDivisionError)):
        run_page(page, tmp_path, ("suite",))


def test_blocks_share_names_files_and_say_what_they_print(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- code: nightly -->\n"
        '```xml title="a.xml"\n<a/>\n```\n'
        "```python\nn = 2\n```\n"
        "<!-- code: record, no account -->\n```console\n$ false\n```\n"
        "<!-- code: suite -->\n```python\n"
        "from pathlib import Path\nprint(Path('a.xml').read_text(), 2)\n```\n\n"
        "```text\n<a/>\n...2\n```\n"
        "```console\n$ cat \\\n    a.xml\n<a/>\n$ true\n```\n",
        encoding="utf-8",
    )
    assert [b.mode for b in blocks_of(page)] == [
        "nightly",
        "nightly",
        "record",
        "suite",
        "nightly",
    ]
    (tmp_path / "here").mkdir()
    assert run_page(page, tmp_path / "here", ("suite", "nightly")) == 4


def test_a_page_that_does_not_say_where_its_code_runs_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\n1\n```\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md:1"):
        blocks_of(page)
    page.write_text("<!-- code: record -->\n```python\n1\n```\n", encoding="utf-8")
    with pytest.raises(ValueError, match="why"):
        blocks_of(page)
