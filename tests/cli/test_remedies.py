"""The library names no option; the command line adds what to type."""

import ast
import re
from pathlib import Path

import pytest

import calo4pqvae
from calo4pqvae.cli.remedies import REMEDIES, with_remedy

SOURCE = Path(calo4pqvae.__file__).parent
LIBRARY = [p for p in SOURCE.rglob("*.py") if p.relative_to(SOURCE).parts[0] != "cli"]
OPTION = re.compile(
    r"(?<![\w-])(?<!var\()--[a-z][\w-]*(?![\w-]*:)"  # not a property of a style sheet
    r"|calo4pqvae (train|generate|annealer|evaluate|simulate) "
)
LINKER = {"--allow-undefined", "--export=", "--no-entry", "--strip-all"}
SCHEMAS = {"calo4pqvae annealer temperature 1", "calo4pqvae annealer shims 1"}
STRANGERS = {"--std=c++17", "--use_fast_math", *LINKER, *SCHEMAS}


def strings(path: Path) -> list[str]:
    """All strings of a source file but its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in prose
    ]


def test_no_message_of_the_library_names_an_option():
    assert len(LIBRARY) > 150
    found = {
        f"{path.relative_to(SOURCE)}: {text}"
        for path in LIBRARY
        for text in strings(path)
        if OPTION.search(text) and text not in STRANGERS
    }
    assert found == set()


def test_the_reader_sees_options_and_commands():
    assert all(
        map(OPTION.search, ("use --sweeps N", "(--tables built)", "calo4pqvae train -x"))
    )
    other = ("a -- b", "x--y", "calo4pqvae annealer", "a--resume", "{--ink: var(--line)}")
    assert not any(map(OPTION.search, other))


def named_remedies() -> set[str]:
    """Remedies that errors, findings and worries of the library name."""
    text = "\n".join(path.read_text("utf-8") for path in LIBRARY)
    return {name for name in REMEDIES if f'"{name}"' in text}


def test_each_remedy_is_named_somewhere_and_has_words():
    assert named_remedies() == set(REMEDIES)
    given = "\n".join(path.read_text("utf-8") for path in LIBRARY)
    assert set(re.findall(r'remedy="([^"]+)"', given)) <= set(REMEDIES)


@pytest.mark.parametrize(
    ("remedy", "about", "said"),
    [
        ("", {}, "it is so"),
        ("rule", {}, "it is so; --rule names another one"),
        ("threshold", {}, "it is so; --threshold-kev K gives it, the smallest energy"),
        (
            "unfinished run",
            {"run": "r"},
            "it is so; finish it with: calo4pqvae train --resume --out r",
        ),
        (
            "unfinished run",
            {"run": Path("my runs", "1")},
            "it is so; finish it with: calo4pqvae train --resume --out 'my runs/1'",
        ),
        (
            "refit",
            {"run": "my run"},
            "it is so; repeat it with: calo4pqvae train --refit --out 'my run' --set ..",
        ),
    ],
)
def test_words_are_added(remedy, about, said):
    assert with_remedy("it is so", remedy, about).startswith(said)
