"""Numbers come first: whatever befalls a figure, they are there, and one line says so."""

import json
import os
import subprocess
import sys

import pytest

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import LostPartWarning
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.plotting import means
from calo4pqvae.evaluation.report import figures
from calo4pqvae.evaluation.report.figures import HEADINGS
from calo4pqvae.evaluation.report.folder import evaluate_to_folder
from calo4pqvae.evaluation.report.lost import losing
from calo4pqvae.evaluation.report.pages import build_report

STRUCTURE = {"centres", "pairs"}
"""Figures that come with the numbers of the structure, before the others."""


def test_a_part_that_fails_is_named_in_one_warning(tmp_path):
    def work():
        with losing(tmp_path / "metrics.json") as lost:
            for name in ("one", "two"):
                with lost.part(tmp_path / f"{name}.svg"):
                    raise RuntimeError("no\nlatex")
            with lost.part(tmp_path / "three.svg"):
                pass

    with pytest.warns(LostPartWarning) as warned:
        work()
    (said,) = (str(one.message) for one in warned)
    assert said.startswith("could not make one.svg, two.svg: RuntimeError: no latex; ")
    assert said.endswith("metrics.json is complete")


def test_an_interrupt_is_no_lost_part(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        losing(tmp_path / "metrics.json") as lost,
        lost.part(tmp_path / "one.svg"),
    ):
        raise KeyboardInterrupt


def test_a_figure_that_fails_costs_that_figure_and_leaves_no_older_one(
    shower_files, folder, monkeypatch
):
    """The folder holds an earlier evaluation: none of its figures stands beside new numbers."""

    def broken(samples):
        assert "Geant4" in samples
        assert json.loads((folder / "metrics.json").read_text())["schema"] == 4
        left = {path.stem for path in (folder / "figures").glob("*.svg")}
        assert left <= {"totals", "event", *STRUCTURE}  # in whatever order they are drawn
        raise ValueError("no such font")

    monkeypatch.setattr(means, "profiles", broken)
    for name in set(HEADINGS) - {"totals", "profiles", "event", *STRUCTURE}:
        monkeypatch.delitem(figures.FIGURES, name)
    before = (folder / "figures" / "totals.svg").stat().st_mtime_ns
    with (
        ShowerFile(shower_files["generated"]) as generated,
        ShowerFile(shower_files["reference"]) as reference,
        pytest.warns(
            LostPartWarning, match=r"could not make profiles\.svg: ValueError: no such"
        ),
    ):
        evaluate_to_folder(generated, reference, folder, options=Options("none"))
    drawn = {path.stem: path for path in (folder / "figures").iterdir()}
    assert set(drawn) == {"totals", "event", *STRUCTURE}
    assert drawn["totals"].stat().st_mtime_ns > before
    page = build_report(folder, folder / "report.html").read_text()
    assert f"Not drawn: {HEADINGS['profiles']}; " in page


DRAW = """
from matplotlib.figure import Figure
from calo4pqvae.evaluation.plotting.style import house_style, save
import sys, pathlib

@house_style
def draw():
    figure = Figure()
    figure.add_subplot().set_title("a title with $x^2$")
    return figure

save(draw(), pathlib.Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("settings", "backend"),
    [
        ("", "module://a_backend.that.is_not_here"),
        ("text.usetex: True\nbackend: nonsense", None),
        ("font.family: no such font\naxes.facecolor: red\nfigure.figsize: 1, 1", None),
    ],
)
def test_no_setting_of_the_user_changes_a_figure(tmp_path, settings, backend):
    """Byte for byte, against a process without any."""
    drawn = []
    for name, rc, extra in (("plain", "", {}), ("odd", settings, {"MPLBACKEND": backend})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "matplotlibrc").write_text(rc)
        environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
        environment |= {k: v for k, v in extra.items() if v is not None}
        environment |= {"MPLCONFIGDIR": str(tmp_path / name)}
        target = tmp_path / name / "figure.svg"
        subprocess.run(
            [sys.executable, "-c", DRAW, str(target)], check=True, env=environment, timeout=120
        )
        drawn.append(target.read_bytes())
    assert drawn[0] == drawn[1]
