"""What the README shows works as written, with less training."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_python_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    code = "".join(re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL))
    short = code.replace("settings=[", 'settings=["training.epochs=1", ')
    short = short.replace("draw_energies(1000,", "draw_energies(120,")
    assert short.count("training.epochs=1") == short.count("draw_energies(120") == 1
    monkeypatch.chdir(tmp_path)
    made: dict = {}
    exec(compile(short, "README.md", "exec"), made)
    assert capsys.readouterr().out.startswith("(45, 16, 9) 0.9")
    assert made["stored"].model.geometry.shape == (45, 16, 9)


def test_the_files_it_points_to_exist() -> None:
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    local = [link for link in links if "://" not in link]
    assert len(local) >= 5
    assert [link for link in local if not (README.parent / link).exists()] == []
