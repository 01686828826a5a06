"""`calo4pqvae demo`: what it refuses; the whole of it runs in the continuous integration."""

import pytest

from calo4pqvae.cli.main import main


@pytest.mark.parametrize("words", [["--preset", "quick"], ["--set", "training.epochs=1"]])
def test_settings_of_a_training_need_a_training(words, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["demo", "-o", str(tmp_path / "demo"), *words])
    assert "add --train" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
