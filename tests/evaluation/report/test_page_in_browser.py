"""The page in a real browser: quiet, offline, readable, and its controls do what they say."""

import json
import shutil

import pytest
from chromium import Chromium, missing

from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.report.folder import compare_to_folder
from calo4pqvae.evaluation.report.pages import build_report

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

LAPTOP, PHONE = (1280, 800), (400, 800)


@pytest.fixture(scope="module")
def page(evaluated, tmp_path_factory):
    return build_report(evaluated, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = Chromium(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture
def shown(browser, page):
    """The page on a laptop, in light colours."""
    browser.prefer("light")
    browser.resize(*LAPTOP)
    browser.open(page)
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]


def settle(browser):
    """Wait until what was asked for is drawn."""
    browser.run("new Promise((done) => setTimeout(() => requestAnimationFrame(done), 50))")


def theme(browser):
    settle(browser)
    return browser.run(
        """[document.documentElement.dataset.theme,
            getComputedStyle(document.body).backgroundColor]"""
    )


def pictures(browser):
    """The pixels of both canvases."""
    settle(browser)
    return browser.run("[...document.querySelectorAll('canvas')].map((one) => one.toDataURL())")


def slide(browser, name, value):
    browser.run(
        f"""(() => {{
          const slider = document.querySelector("[name={name}]");
          slider.value = {value};
          slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
        }})()"""
    )


def column(browser, table, number, kind="table.sortable"):
    return browser.run(
        f"""[...document.querySelectorAll("{kind}")[{table}].tBodies[0].rows]
            .map((row) => row.cells[{number}].firstChild.textContent.trim())"""
    )


def test_page_asks_for_nothing_and_shows_the_verdict_at_once(shown):
    assert shown.run("performance.getEntriesByType('resource').length") == 0
    headline = shown.run("document.querySelector('h1').getBoundingClientRect().bottom")
    cards = shown.run("document.querySelector('.cards').getBoundingClientRect().bottom")
    assert 0 < headline < cards <= LAPTOP[1]
    images = "[...document.images].filter((one) => one.src)"
    assert shown.run(f"{images}.length > 5 && {images}.every((one) => one.naturalWidth > 0)")


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_nothing_hangs_over_the_side(shown, size):
    shown.resize(*size)
    shown.run("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    assert shown.run("document.documentElement.scrollWidth") <= size[0]


def test_colours_follow_the_system_until_the_reader_chooses(shown):
    light = theme(shown)
    shown.prefer("dark")
    dark = theme(shown)
    assert (light[0], dark[0]) == ("light", "dark")
    assert light[1] != dark[1]
    shown.click("#theme")
    assert theme(shown) == light
    shown.prefer("light")
    shown.click("#theme")
    assert theme(shown) == dark
    stored = "localStorage.length + sessionStorage.length + document.cookie.length"
    assert shown.run(stored) == 0


def test_a_click_sorts_numbers_as_numbers(shown):
    values = "10.2 ± 0.3", "−3", "–", "+9.5 ± 1.2 %", "1,204", "0.01"
    rows = dict(zip("abcdef", values, strict=True))
    shown.run(
        f"""document.querySelector("table.entries").tBodies[0].replaceChildren(
          ...Object.entries({json.dumps(rows)}).map(([name, value], place) => {{
            const row = document.createElement("tr");
            for (const text of [name, value, "", "", ""]) row.insertCell().append(text);
            row.dataset.place = place;
            return row;
          }}))"""
    )
    header = "table.entries th:nth-child(2) button"
    orders = []
    for _ in range(3):
        shown.click(header)
        orders.append("".join(column(shown, 0, 0, "table.entries")))
    assert orders == ["bfdaec", "eadfbc", "abcdef"]


def test_every_table_sorts_from_the_keyboard(shown):
    before = column(shown, 0, 0)
    shown.run("document.querySelector('table.sortable th button').focus()")
    shown.press("Enter", text="\r")
    after = column(shown, 0, 0)
    assert after == sorted(before, key=str.casefold) != before
    head = shown.run("document.querySelector('table.sortable th').getAttribute('aria-sort')")
    assert head == "ascending"


def test_a_drag_turns_both_showers_and_reset_turns_them_back(shown):
    first = pictures(shown)
    assert len(set(first)) == 2
    shown.drag(".pane canvas", 60, 25)
    turned = pictures(shown)
    assert all(a != b for a, b in zip(first, turned, strict=True))
    shown.click(".reset")
    assert pictures(shown) == first


def test_the_wheel_scrolls_past_the_display_until_it_is_touched(shown):
    first = pictures(shown)
    shown.wheel(".pane canvas", -200)
    assert pictures(shown) == first
    shown.click(".pane canvas")
    shown.wheel(".pane canvas", -200)
    assert pictures(shown) != first


@pytest.mark.parametrize("key", ["ArrowLeft", "ArrowUp", "+", "PageUp"])
def test_keys_move_the_display(shown, key):
    first = pictures(shown)
    shown.run("document.querySelector('.scene').focus()")
    shown.press(key)
    assert pictures(shown) != first
    shown.press("PageDown" if key == "PageUp" else "0")
    assert pictures(shown) == first


def test_cut_open_hides_the_near_half(shown):
    first = pictures(shown)
    count = "parseInt(document.querySelector('.numbers').textContent.split(', ').at(-1))"
    every = shown.run(count)
    shown.click(".cutaway")
    assert pictures(shown) != first
    assert 0 < shown.run(count) < every
    shown.click(".cutaway")
    assert pictures(shown) == first


def test_two_fingers_enlarge(shown):
    first = pictures(shown)
    shown.pinch(".pane canvas", 1.5)
    assert pictures(shown) != first
    shown.click("figure button.enlarge")
    shown.pinch(".stage", 2)
    image = "getComputedStyle(document.querySelector('.stage img')).transform"
    assert shown.run(f"new DOMMatrix({image}).a") == pytest.approx(2, rel=0.01)


def test_steps_and_threshold_choose_what_is_shown(shown, evaluated):
    events = json.loads((evaluated / "events.json").read_text())["events"]
    words = "[...document.querySelectorAll('.numbers')].map((one) => one.textContent)"
    slide(shown, "event", len(events) - 1)
    settle(shown)
    for text, event in zip(shown.run(words), events[-1], strict=True):
        assert text.startswith(f"{event['e_inc'] / 1e3:.3g} GeV in")
        assert f"{event['hits']} of {event['hits']} hits shown" in text
    assert shown.run("document.querySelector('[data-step=\"1\"]').disabled")
    slide(shown, "threshold", 0.5)
    settle(shown)
    for text, event in zip(shown.run(words), events[-1], strict=True):
        assert f"{event['hits']} of" not in text
    shown.click("[data-step='-1']")
    settle(shown)
    assert shown.run(words)[0].startswith(f"{events[-2][0]['e_inc'] / 1e3:.3g} GeV in")


def test_a_figure_enlarges_zooms_and_closes(shown):
    shown.click("figure button.enlarge")
    scale = "new DOMMatrix(getComputedStyle(document.querySelector('.stage img')).transform)"
    assert shown.run("document.querySelector('dialog').open")
    shown.wheel(".stage", -300)
    shown.press("+")
    size, x, y = shown.run(f"[{scale}.a, {scale}.e, {scale}.f]")
    assert size > 1.5
    shown.drag(".stage", 40, 30)
    moved = shown.run(f"[{scale}.a, {scale}.e, {scale}.f]")
    assert moved == pytest.approx([size, x + 40, y + 30])
    first = shown.run("document.querySelector('.stage img').alt")
    shown.press("ArrowRight")
    assert shown.run("document.querySelector('.stage img').alt") != first
    assert shown.run(f"{scale}.a") == 1
    shown.press("Escape", code="Escape", windowsVirtualKeyCode=27)
    assert not shown.run("document.querySelector('dialog').open")


def test_paper_is_light_and_unfolded(shown, tmp_path):
    shown.click("#theme")
    assert theme(shown)[1] != "rgb(255, 255, 255)"
    shown.send("Emulation.setEmulatedMedia", media="print")
    assert theme(shown) == ["dark", "rgb(255, 255, 255)"]
    assert shown.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    shown.send("Emulation.setEmulatedMedia", media="")
    shown.run(
        """addEventListener("beforeprint", () => {
          window.folded = document.querySelectorAll("details:not([open])");
        })"""
    )
    shown.print(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert shown.run("window.folded.length") == 0
    assert not shown.run("document.querySelector('details').open")


def test_page_without_showers_and_figures(browser, folder, tmp_path):
    (folder / "events.json").unlink()
    shutil.rmtree(folder / "figures")
    page = build_report(folder, tmp_path / "bare.html")
    browser.open(page)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.run("document.querySelectorAll('th button').length") > 5


@pytest.fixture(scope="module")
def comparison(shower_files, tmp_path_factory):
    """The page of two systems."""
    folder = tmp_path_factory.mktemp("comparison")
    with (
        ShowerFile(shower_files["generated"]) as one,
        ShowerFile(shower_files["reconstructed"]) as other,
        ShowerFile(shower_files["reference"]) as reference,
    ):
        systems = {"one": one, "other": other}
        compare_to_folder(systems, reference, folder, options=Options("none"))
    return folder / "comparison.html"


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_comparison_is_quiet_and_fits(browser, comparison, size):
    browser.prefer("light")
    browser.resize(*size)
    browser.open(comparison)
    settle(browser)
    assert browser.complaints() == []
    assert browser.requests() == [comparison.as_uri()]
    assert browser.run("document.documentElement.scrollWidth") <= size[0]
    assert browser.run("document.querySelector('#figure-prior_energy img').naturalWidth") > 0


def test_published_rows_sort_by_distance(browser, comparison):
    browser.prefer("light")
    browser.resize(*LAPTOP)
    browser.open(comparison)
    values = """[...document.querySelectorAll("#published tbody tr")]
        .map((row) => parseFloat(row.cells[1].textContent))"""
    browser.click("#published th:nth-child(2) button")
    order = browser.run(values)
    assert len(order) > 15
    assert order == sorted(order)
    assert browser.complaints() == []
