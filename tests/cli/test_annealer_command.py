"""The command `annealer`, and `generate` on an emulated annealer, as a user types them."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dwave.system")

from calo4pqvae.cli.main import main
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.plotting.prior import prior_energy
from calo4pqvae.generation.day_page import html_page
from calo4pqvae.generation.first_day import FirstDay
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model

SETTINGS = (
    "data.energy_gev=[0.1,10]",
    "prior.nodes_per_partition=36",
    "prior.bias_order=0",
    "prior.initial_scale=0.7",
    "model.encoder_widths=[8,4,16]",
    "model.decoder_widths=[16,4,4,8]",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory, toy_geometry: CylindricalGeometry) -> Path:
    """An untrained model whose prior has couplings, on Zephyr(2,4)."""
    folder = tmp_path_factory.mktemp("model") / "run"
    config = load_config("quick", settings=SETTINGS)
    built = build_model(config, toy_geometry)
    built.decoder.mean.data[0, 1].fill_(5.0)
    save_model(folder / "model", built, config, {"a": 1})
    return folder


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No access to D-Wave, and a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


def run(task: str, model: Path, *words: str) -> int:
    return main(["annealer", task, "--model", str(model), *words])


def test_status_tells_about_the_chip(capsys):
    assert main(["annealer", "status", "--save-graph", "graph.json"]) == 0
    told = capsys.readouterr().out
    assert "zephyr(6,4), 1202 of 1248 qubits work, 10537 couplers" in told
    assert "published" in told
    assert len(json.loads(Path("graph.json").read_text())["missing_qubits"]) == 46


def test_status_of_a_model_that_fits(model, capsys):
    assert run("status", model, "--chip", "prototype2.6", "--seed", "3") in {0, 2}
    told = capsys.readouterr()
    assert "1215 of 1248" in told.out
    assert "fit" in told.out or "lacks" in told.err


def test_plans_cost_nothing_and_keep_the_limit(model, capsys):
    assert run("plan", model, "-n", "50", "--energy-gev", "5") == 0
    told = capsys.readouterr().out
    assert "shared" in told
    assert "programming" in told
    assert run("plan", model, "-n", "50", "--mode", "single", "--max-seconds", "0.1") == 2
    assert "more than the 0.1 s allowed; nothing was sent" in capsys.readouterr().err


def test_temperature_is_measured_and_used(model, capsys):
    words = ("--hidden-beta", "7", "--imperfections", "none")
    assert run("temperature", model, *words, "-o", "t.json") == 0
    found = json.loads(Path("t.json").read_text())
    assert found["converged"]
    assert abs(found["beta"] - 7) < 4 * found["error"]
    capsys.readouterr()
    made = ("-n", "6", "--temperature", "t.json", "-o", "made.h5", *words)
    assert main(["generate", "--model", str(model), "--sampler", "emulator", *made]) == 0
    with ShowerFile("made.h5") as file:
        note = json.loads(file.attrs["annealer"])
    assert note["settings"]["beta"] == found["beta"]


def test_the_best_preset_runs_on_the_emulator(tmp_path, toy_geometry, capsys):
    """None of its partitions is clamped, and each interval of energy has its own couplings."""
    config = load_config("best", settings=["data.energy_gev=[0.1,10]"])
    built = build_model(config, toy_geometry)
    built.prior.coupling.normal_(0.0, 0.5)
    built.prior.coupling_slope.normal_(0.0, 0.2)
    save_model(tmp_path / "run" / "model", built, config, {})
    assert run("plan", tmp_path / "run", "-n", "20") == 0
    assert "20 showers on emulated system4" in capsys.readouterr().out
    words = ("-n", "20", "--sampler", "emulator", "-o", "made.h5", "--imperfections", "none")
    assert main(["generate", "--model", "run", *words]) == 0
    assert "(converged, energy)" in capsys.readouterr().out


def test_check(model, capsys):
    words = ("--imperfections", "none", "--reads", "100", "--beta", "8.5")
    assert run("check", model, *words) == 0
    told = capsys.readouterr().out
    assert told.count("ok ") == 4
    assert "held qubits" not in told  # folded
    assert "is seen in 9 of 10 checks" in told
    assert run("check", model, *words, "--conditioning", "flux") == 0
    told = capsys.readouterr().out
    assert told.count("ok ") == 6
    assert "100 % as held" in told
    assert run("check", model, *words[:-1], "20") == 3
    assert "NO  temperature" in capsys.readouterr().out
    weak = ("--conditioning", "flux", "--holding-field", "0.05")
    assert run("check", model, *words, *weak) == 3
    told = capsys.readouterr().out
    assert "NO  held qubits" in told
    assert "NO  flux and folding" in told


def test_the_documented_way_of_checking(model, capsys):
    """On the default emulator, errors and all, with a measured temperature: folding is fine."""
    assert run("temperature", model, "-o", "t.json", "--reads", "512") == 0
    assert run("check", model, "--temperature", "t.json") == 0
    assert capsys.readouterr().out.count("NO ") == 0


def test_a_temperature_is_used_for_what_it_was_measured(model, tmp_path, toy_geometry, capsys):
    assert run("temperature", model, "-o", "t.json", "--reads", "512") == 0
    good = json.loads(Path("t.json").read_text())
    words = ["generate", "--sampler", "emulator", "-n", "2", "-o", "x.h5"]
    words += ["--temperature", "t.json"]
    mine = ["--model", str(model)]
    config = load_config("quick", settings=[*SETTINGS, "prior.initial_scale=0.6"])
    other = build_model(config, toy_geometry)
    save_model(tmp_path / "other" / "model", other, config, {})
    refused = {
        "for the annealer emulated system4": [*mine, "--chip", "system2"],
        "for the model": ["--model", str(tmp_path / "other")],
        "for an annealing time of 20.0 us, not for an": [*mine, "--anneal-us", "50"],
    }
    capsys.readouterr()
    for says, more in refused.items():
        assert main([*words, *more]) == 2, says
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    damaged = {
        "has not converged": {"converged": False},
        "converged, so": {"converged": "yes"},
        "its numbers are damaged": {"beta": -1.0},
        "numbers are damaged": {"beta": "8"},
        "are damaged": {"likelihood_ratio": {"value": 1.0}},
        "for the working graph another": {"graph": "another"},
        "for the working graph \\x00x,": {"graph": "\x00x"},
        "holds no measured temperature": {"schema": "another"},
    }
    for says, change in damaged.items():
        Path("t.json").write_text(json.dumps(good | change))
        assert main([*words, *mine]) == 2, says
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    for text in ("[]", "{", "\xff", "[" * 30_000):
        Path("t.json").write_text(text, encoding="latin-1")
        assert main([*words, *mine]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not Path("x.h5").exists()


def test_without_a_temperature_nothing_is_generated(model, capsys):
    """The paper's rule does not converge here, and no showers are made of what it left."""
    hot = ("--rule", "paper", "--hidden-beta", "3", "--imperfections", "none")
    words = ["generate", "--model", str(model), "--sampler", "emulator", "-n", "2"]
    assert main([*words, "-o", "x.h5", *hot]) == 2
    error = capsys.readouterr().err
    assert "was not found in 8 batches" in error
    assert error.count("\n") == 1
    assert not Path("x.h5").exists()
    assert run("temperature", model, *hot, "-o", "t.json") == 3
    assert json.loads(Path("t.json").read_text())["converged"] is False


def test_a_perfect_chip_gives_no_warning(model, capsys):
    """The few reads of a short job are no drift; the sentence says what would have been one."""
    words = ["generate", "--model", str(model), "--sampler", "emulator", "-n", "40"]
    assert main([*words, "--imperfections", "none", "--beta", "8.5", "-o", "x.h5"]) == 0
    told = capsys.readouterr()
    assert "warning" not in told.err.lower()
    assert "midway is found in 9 of 10 jobs like this" in told.out
    with ShowerFile("x.h5") as file:
        seen = json.loads(file.attrs["annealer"])["temperature_seen"]
    assert abs(seen["alpha"]["value"] - 1) < 4 * seen["alpha"]["error"]


def test_the_whole_path(model, capsys):
    """Temperature, conditioning by flux, generation and figure 2, classical and annealed."""
    common = ("generate", "--model", str(model), "-n", "300", "--energy-gev", "0.2", "9")
    assert main([*common, "-o", "classical.h5", "--seed", "1"]) == 0
    words = ("--sampler", "emulator", "--conditioning", "flux", "--gauges", "1")
    assert main([*common, "-o", "annealed.h5", "--seed", "1", *words]) == 0
    told = capsys.readouterr().out
    assert "converged" in told
    assert "programming" in told
    energy, e_inc = {}, {}
    for name in ("classical", "annealed"):
        with ShowerFile(f"{name}.h5") as file:
            energy[name] = file.column("prior_energy").astype(np.float64)
            e_inc[name] = file.e_inc()[:, 0].astype(np.float64)
    a, b = energy.values()
    error = np.hypot(a.std() / 300**0.5, b.std() / 300**0.5)
    assert abs(a.mean() - b.mean()) < 4 * error + 0.02 * abs(a.mean())
    figure = prior_energy(energy, e_inc)
    assert len(figure.axes) >= 2
    figure.savefig("figure2.png")


def cut_short(path, answers):
    """Leave a journal as if the job had been broken off after some answers."""
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT DISTINCT key FROM records ORDER BY 1")
        gone = found.fetchall()[answers:]
        database.executemany("DELETE FROM records WHERE key = ?", gone)
    database.close()


def test_a_refused_job_leaves_no_journal(model, capsys):
    words = ["generate", "--model", str(model), "-n", "5", "--sampler", "emulator"]
    words += ["--imperfections", "none", "--journal", "kept", "-o", "a.h5"]
    assert main([*words, "--beta", "0.01"]) == 2
    assert not Path("kept").exists()
    assert main([*words, "--beta", "8"]) == 0
    assert capsys.readouterr().err.count("paid for") == 0


def test_a_journal_is_kept_and_replayed(model, capsys):
    words = ("generate", "--model", str(model), "-n", "5", "--sampler", "emulator")
    options = ("--beta", "8", "--journal", "kept", "--imperfections", "none")
    assert main([*words, *options, "-o", "a.h5"]) == 0
    assert main([*words, *options, "-o", "b.h5", "--journal", "no", "--resume"]) == 2
    assert "holds no journal to go on with" in capsys.readouterr().err
    assert main([*words, *options, "-o", "b.h5"]) == 0
    assert "4 answers are kept and not asked for again" in capsys.readouterr().err
    cut_short(Path("kept/journal.sqlite"), 3)
    assert main([*words, *options, "-o", "d.h5"]) == 0
    with ShowerFile("a.h5") as one, ShowerFile("b.h5") as two, ShowerFile("d.h5") as three:
        assert np.array_equal(one.showers(slice(None)), two.showers(slice(None)))
        assert np.array_equal(one.showers(slice(None)), three.showers(slice(None)))
    assert main([*words, *options, "-o", "c.h5", "--seed", "1"]) == 2
    assert "is another one" in capsys.readouterr().err


BAD = {
    "no limit for a real annealer": (["--sampler", "annealer"], "--max-seconds"),
    "no access": (["--sampler", "annealer", "--max-seconds", "1"], "no access to D-Wave"),
    "two temperatures": (
        ["--sampler", "emulator", "--beta", "8", "--temperature", "t.json"],
        "--temperature does nothing beside --beta",
    ),
    "no such file": (["--sampler", "emulator", "--temperature", "t.json"], "no such file"),
    "resume without journal": (["--sampler", "emulator", "--resume"], "--journal"),
    "limit": (["--sampler", "emulator", "--max-seconds", "1e-3"], "nothing was sent"),
    "beta": (["--sampler", "emulator", "--beta", "-1"], "above 0"),
    "range": (["--sampler", "emulator", "--beta", "0.01"], "cannot hold this program"),
    "rule": (
        ["--sampler", "emulator", "--beta", "8", "--rule", "paper"],
        "--rule does nothing",
    ),
    "field": (["--sampler", "emulator", "--holding-field", "1"], "without --conditioning flux"),
    "solver": (
        ["--sampler", "emulator", "--solver", "a"],
        "--solver does nothing on the emulator",
    ),
    "chip": (
        ["--sampler", "annealer", "--max-seconds", "1", "--chip", "system1"],
        "--chip does nothing on a real annealer",
    ),
    "hidden": (
        ["--sampler", "annealer", "--max-seconds", "1", "--hidden-beta", "8"],
        "--hidden-beta does nothing on a real annealer",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_usage_is_one_line(model, capsys, case):
    words, says = BAD[case]
    try:
        status = main(["generate", "--model", str(model), "-n", "3", "-o", "x.h5", *words])
    except SystemExit as end:  # the words were refused before the command began
        status = end.code
    error = capsys.readouterr().err
    assert status == 2
    assert says in error
    assert error.count("\n") == 1
    assert not Path("x.h5").exists()


def test_the_pretrained_model_is_repaired_for_a_chip_with_holes(capsys):
    """It asks for the 398 couplers that it uses, and its showers then come from that chip."""
    assert main(["annealer", "status", "--save-graph", "chip.json"]) == 0
    words = ["--model", "pretrained", "--graph", "chip.json", "--showers", "0"]
    assert main(["annealer", "repair", *words, "-o", "repaired"]) == 0
    told = capsys.readouterr().out
    assert "65 nodes on emulated system4" in told
    assert "398 couplers asked for" in told
    note = json.loads(Path("repaired/model/config.json").read_text())["provenance"]["repair"]
    assert (note["asked"], note["nodes"]) == (398, 65)
    assert note["graph"] in told
    made = ["-n", "6", "--sampler", "emulator", "--graph", "chip.json", "--beta", "8"]
    made += ["--relax", "20", "-o", "made.h5"]
    assert main(["generate", "--model", "repaired", *made]) == 0
    with ShowerFile("made.h5") as file:
        assert json.loads(file.attrs["annealer"])["settings"]["relax"] == 20
    assert main(["annealer", "repair", *words, "-o", "repaired"]) == 2
    assert "exists" in capsys.readouterr().err


def test_shims_are_measured_and_used(model, capsys):
    assert run("shim", model, "-o", "s.json") == 0
    assert "108 fields" in capsys.readouterr().out
    assert run("temperature", model, "--shims", "s.json", "-o", "t.json") == 0
    told = capsys.readouterr().out
    assert "without errors of the chip" in told
    assert "its error covers reads and errors of the chip" in told
    assert json.loads(Path("t.json").read_text())["chip_errors"]["j"] >= 0
    assert run("temperature", model, "--shims", "s.json", "--chip", "system1") == 2
    assert "was measured on emulated system4" in capsys.readouterr().err


def test_a_first_day_is_rehearsed_on_one_page(capsys):
    """All steps in less than three seconds of the annealer; a limit ends the day early."""
    words = ["annealer", "rehearse", "--model", "pretrained", "-n", "50"]
    assert main([*words, "-o", "day.md"]) in {0, 3}  # a check may find fault by chance
    page = Path("day.md").read_text()
    assert page in capsys.readouterr().out
    steps = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("|")]
    wanted = ["chip", "placement", "plan", "shims", "temperature", "checks", "figure 2"]
    assert steps[2:] == [*wanted, "showers", "all"]
    total = float(page.split("| all |")[1].split("|")[1])
    assert 0.5 < total < 3
    assert "computed from 16 kW" in page
    assert main([*words, "--max-seconds", "0.1", "-o", "short.html"]) == 3
    page = Path("short.html").read_text()
    assert "nothing was sent" in page
    assert "<td>showers</td>" not in page


def test_a_day_as_html_is_escaped_and_draws_its_energies():
    energies = np.array([-3.0, -1.0, 2.0]), np.array([-2.0, -1.0, 2.5])
    day = FirstDay([("chip", "a < b", 0.25)], ["<i>"], energies, None, 0.25, 4000.0)
    page = html_page(day, "Day & night")
    assert "a &lt; b" in page
    assert "&lt;i&gt;" in page
    assert "Day &amp; night</h1>" in page
    assert "4 kJ, computed from 16 kW" in page
    assert page.count("<polyline") == 2
