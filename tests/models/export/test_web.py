"""The page: quiet, offline, usable, and its showers are those of the compiled core."""

import json
import shutil
import subprocess
from importlib.util import find_spec

import numpy as np
import pytest
from chromium import Chromium, missing

from calo4pqvae.cli.main import main
from calo4pqvae.data.sample import sample_path
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.core import Core, Numbers
from calo4pqvae.models.export.web import export_web
from calo4pqvae.models.export.web.beside import showers_beside, unpack
from calo4pqvae.models.storage import load_pretrained

needs_zig = pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang is not installed")
needs_chromium = pytest.mark.skipif(bool(missing()), reason=missing())
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

LAPTOP, PHONE = (1366, 768), (390, 844)
DECODE = """
import { Generator } from "./calo4pqvae.mjs";
import { readFileSync, writeFileSync } from "node:fs";
const read = (name, Numbers) => new Numbers(new Uint8Array(readFileSync(name)).buffer);
const files = ["calo4pqvae.wasm", "model.c4pqvae"].map((name) => readFileSync(name));
const one = await Generator.open(...files);
const [energies, uniforms, bits] =
  [read("energies", Float32Array), read("uniforms", Float32Array), read("bits", Uint8Array)];
const part = (all, n, k) => all.subarray(k * n, (k + 1) * n);
const { nodes, uniforms: n } = one.facts;
const draw = (energy, k) => one.decode(energy, part(bits, nodes, k), part(uniforms, n, k));
const made = [...energies].map(draw);
writeFileSync("voxels", Buffer.concat(made.map((voxels) => Buffer.from(voxels.buffer))));
let said = "";
try { one.draw(1, 0, 0); } catch (error) { said = error.message; }
console.log(said);
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    stored, sweeps = load_pretrained(), np.full(32, 20)
    export_web(stored, folder, sweeps=sweeps, beside=[sample_path()])
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = Chromium(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture
def shown(browser, exported):
    browser.prefer("light")
    browser.resize(*LAPTOP)
    page = exported / "index.html"
    browser.open(page)
    until(browser, "document.body.dataset.milliseconds !== undefined")
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]


def until(browser, condition):
    browser.run(
        f"""new Promise((done, fail) => {{
          const end = performance.now() + 20000;
          const look = () => {condition} ? done() : performance.now() > end
            ? fail(new Error("never")) : requestAnimationFrame(look);
          look();
        }})"""
    )


def numbers(browser):
    return browser.run("[...document.querySelectorAll('dd')].map((one) => one.textContent)")


def choose(browser, place):
    browser.run(
        f"""(() => {{
          const slider = document.getElementById("energy");
          slider.value = {place};
          slider.dispatchEvent(new Event("input"));
        }})()"""
    )
    return browser.run("document.getElementById('gev').textContent")


@needs_zig
@needs_chromium
def test_each_press_draws_a_shower_beside_one_of_geant4(shown):
    first = numbers(shown)
    shown.click("#another")
    second = numbers(shown)
    assert first[:2] != second[:2]
    assert first[3:5] != second[3:5]
    assert choose(shown, 0) == "1 GeV"
    few = int(numbers(shown)[1])
    assert choose(shown, 12) == "100 GeV"
    assert int(numbers(shown)[1].replace(",", "")) > 5 * few
    assert "Geant4" in shown.run("document.getElementById('news').textContent")
    assert choose(shown, 18) == "1,000 GeV"
    assert shown.run("document.getElementById('which').textContent").startswith("none")


@needs_zig
@needs_chromium
def test_the_page_is_readable_on_phones_and_in_the_dark(shown):
    shown.resize(*PHONE)
    assert shown.run("document.documentElement.scrollWidth") <= PHONE[0]
    light = shown.run("getComputedStyle(document.body).backgroundColor")
    shown.click("#theme")
    assert shown.run("getComputedStyle(document.body).backgroundColor") != light
    names = shown.run(
        """[...document.querySelectorAll("button, input, canvas")].map((one) =>
          one.ariaLabel || one.labels?.[0]?.textContent || one.textContent)"""
    )
    assert all(names), names


@needs_zig
@needs_chromium
def test_keys_turn_both_showers(shown):
    settle = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    look = "['model', 'geant4'].map((id) => document.getElementById(id).toDataURL())"
    shown.run(settle)
    before = shown.run(look)
    shown.run("document.getElementById('geant4').focus()")
    shown.press("ArrowLeft")
    shown.run(settle)
    assert all(one != other for one, other in zip(before, shown.run(look), strict=True))


@needs_zig
@needs_node
def test_the_same_numbers_are_the_same_showers(exported):
    core = Core((exported / "model.c4pqvae").read_bytes())
    n, rng = 48, np.random.default_rng(5)
    energies = np.geomspace(1e3, 1e6, n, dtype=np.float32)
    uniforms = rng.uniform(1e-6, 1 - 1e-6, (n, core.uniforms)).astype(np.float32)
    bits = rng.random((n, core.nodes)) < 0.3
    for name, array in {"energies": energies, "uniforms": uniforms, "bits": bits}.items():
        (exported / name).write_bytes(array.tobytes())
    (exported / "decode.mjs").write_text(DECODE)
    done = subprocess.run(
        ["node", "decode.mjs"], cwd=exported, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "outside the range" in done.stdout
    theirs = np.fromfile(exported / "voxels", np.float32).reshape(n, -1)
    ours = core.decode(bits, energies, Numbers(uniforms=uniforms))
    same = ((theirs > 0) == (ours > 0)).all(axis=1)
    assert (~same).sum() <= 1
    hits = ours[same] > 0
    assert np.median(np.abs(theirs[same][hits] / ours[same][hits] - 1)) < 1e-4
    wrong = core.decode(~bits, energies, Numbers(uniforms=uniforms))
    assert ((wrong > 0) != (theirs > 0)).any(axis=1).sum() > n / 2


def test_showers_beside_are_the_nearest_and_keep_their_hits():
    with ShowerFile(sample_path()) as file:
        geometry = file.geometry
        e_inc, showers = file.e_inc()[:, 0], file.showers(slice(None))
    offered = showers_beside([sample_path()], geometry, 1e3, 1e6)
    assert [len(one["showers"]) for one in offered] == [3] * 13 + [0] * 6
    ten = next(one for one in offered if one["gev"] == 10)
    row = np.abs(np.log(e_inc / 1e4)).argmin()
    assert ten["showers"][0]["mev"] == pytest.approx(e_inc[row], abs=1e-3)
    packed = unpack(ten["showers"][0], geometry.threshold, geometry.n_voxels)
    hits = showers[row] > 0
    np.testing.assert_array_equal(packed > 0, hits)
    np.testing.assert_allclose(packed[hits], showers[row][hits], rtol=0.037)
    texts = (len(s["steps"]) + len(s["levels"]) for one in offered for s in one["showers"])
    assert sum(texts) < 200_000


def test_another_mesh_is_refused(tmp_path, toy_geometry):
    with ShowerFile(sample_path()) as file:
        geometry = file.geometry
    other = tmp_path / "other.h5"
    showers = np.full((1, toy_geometry.n_voxels), 10, np.float32)
    with ShowerWriter(other, toy_geometry) as writer:
        writer.append(np.full((1, 1), 1e3, np.float32), showers)
    with pytest.raises(ConfigError, match="another mesh"):
        showers_beside([other], geometry, 1e3, 1e6)


def test_without_its_compiler_the_command_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(
        "calo4pqvae._core.optional.importlib.util.find_spec", lambda _name: None
    )
    assert main(["export", "web", str(tmp_path / "page")]) == 2
    assert "calo4pqvae[web]" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


@needs_zig
def test_the_folder_says_what_it_holds(exported):
    card = json.loads((exported / "model.json").read_text())
    assert set(card["files"]) >= {"index.html", "calo4pqvae.wasm", "calo4pqvae.mjs"}
    assert card["units"] == {"energy": "MeV", "length": "mm"}
