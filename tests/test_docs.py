"""The pages of docs/ that show Python: their code runs and prints what they say."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ["boltzmann.md"]
BLOCK = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs_and_prints_what_follows_it(page: str) -> None:
    """All blocks of a page are one program; a block's output follows it as ```text."""
    blocks = BLOCK.findall((DOCS / page).read_text("utf-8"))
    assert len(blocks) >= 5
    names: dict = {}
    for code, output in blocks:
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(code, page, "exec"), names)
        assert printed.getvalue() == output
