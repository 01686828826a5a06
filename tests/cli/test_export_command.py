"""The command `export` says first what it does, as it takes a while."""

import pytest

from calo4pqvae.cli.main import main
from calo4pqvae.errors import SamplerError

MEASURES = "calo4pqvae: exporting pretrained: measuring how many sweeps each energy needs, "
STOPPED = "calo4pqvae: error: stopped here"
WORDS = {
    "cpp": ("cpp", "out"),
    "web": ("web", "out"),
    "onnx": ("onnx", "out.onnx"),
}


@pytest.fixture(autouse=True)
def stopped(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Stop where the measurement would begin; every extra is installed."""

    def stop(*_args: object, **_named: object) -> None:
        raise SamplerError("stopped here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("calo4pqvae._core.optional.installed", lambda *_: None)
    for name in ("equilibrate", "stored_states"):
        monkeypatch.setattr(f"calo4pqvae.generation.equilibrated.{name}", stop)


@pytest.mark.parametrize("form", WORDS)
def test_the_model_and_the_time_are_told_before_the_measurement(form, capsys):
    if form == "onnx":
        pytest.importorskip("onnx")
    assert main(["export", *WORDS[form]]) == 2
    assert capsys.readouterr().err.splitlines() == [MEASURES + "about a minute", STOPPED]


@pytest.mark.parametrize("form", ["cpp", "web"])
def test_no_measurement_is_announced_where_sweeps_are_given(form, capsys):
    assert main(["export", *WORDS[form], "--sweeps", "9"]) == 2
    assert capsys.readouterr().err.splitlines() == ["calo4pqvae: exporting pretrained", STOPPED]


def test_a_model_of_another_kind_is_refused_at_once(capsys):
    assert main(["export", "cpp", "out", "--model", "pretrained-paper"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "layer after layer can be exported (preset best and its kind)" in line
