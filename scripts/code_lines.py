"""Code lines of each room of the package, without blanks, comments and docstrings.

    python scripts/code_lines.py [--root src/calo4pqvae]

Prints the table of `docs/architecture.md`: files, code lines, docstring lines and the longest
file of each room. A line counts as code if a token other than a comment or a docstring begins
on it, or goes on there. Sources of other languages are counted apart, by lines that are
neither blank nor begin with a comment.
"""

import argparse
import ast
import io
import tokenize
from collections import defaultdict
from pathlib import Path

SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip
OTHERS = {".hpp", ".h", ".c", ".cpp", ".cu", ".js", ".css", ".html"}


def docstring_lines(source: str) -> set[int]:
    """Lines of docstrings, also of those that follow a constant."""
    lines = set()
    for node in ast.walk(ast.parse(source)):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            lines |= set(range(node.lineno, node.end_lineno + 1))
    return lines


def code_lines(source: str) -> int:
    """Count lines on which code stands."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstring_lines(source))


def other_lines(source: str) -> int:
    """Count lines of another language that are neither blank nor only a comment."""
    rows = (line.strip() for line in source.splitlines())
    return sum(bool(row) and not row.startswith(("//", "/*", "*", "<!--")) for row in rows)


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("src/calo4pqvae"))
    root = parser.parse_args().root
    rooms = defaultdict(lambda: [0, 0, 0, 0, 0])
    for path in sorted(root.rglob("*")):
        if path.suffix not in OTHERS | {".py"} or "__pycache__" in path.parts:
            continue
        parts = path.relative_to(root).parts
        row = rooms[parts[0] if len(parts) > 1 else "top level"]
        source = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            row[0] += 1
            row[1] += code_lines(source)
            row[2] += len(docstring_lines(source))
            row[3] = max(row[3], len(source.splitlines()))
        else:
            row[4] += other_lines(source)
    print("| room | files | code | docstrings | longest file | C++, JavaScript, CUDA |")
    print("|---|---|---|---|---|---|")
    for room, (files, code, words, longest, others) in sorted(
        rooms.items(), key=lambda item: -item[1][1]
    ):
        name = room if room == "top level" else f"`{room}/`"
        print(f"| {name} | {files} | {code:,} | {words:,} | {longest} | {others or ''} |")
    total = [sum(row[k] for row in rooms.values()) for k in (0, 1, 2, 4)]
    longest = max(row[3] for row in rooms.values())
    print(f"| all | {total[0]} | {total[1]:,} | {total[2]:,} | {longest} | {total[3]:,} |")


if __name__ == "__main__":
    main()
