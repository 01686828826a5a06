"""`cite` prints the entries of what the given files used."""

from pathlib import Path

import pytest

from calo4pqvae.cli.main import main
from calo4pqvae.pretrained import pretrained_path


def test_software_and_paper_come_first_and_the_graph_of_a_model_follows(
    capsys: pytest.CaptureFixture,
) -> None:
    assert main(["cite"]) == 0
    plain = capsys.readouterr().out
    assert plain.startswith("@software{calo4pqvae,")
    assert "@misc{fedorko_quantum_assisted," in plain
    assert main(["cite", str(pretrained_path())]) == 0
    assert "Zephyr topology" in capsys.readouterr().out.removeprefix(plain)


def test_a_file_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["cite", str(tmp_path / "gone.h5")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
