"""Open every page of the built site in Chromium, at the width of a laptop and of a phone.

    make docs && python scripts/site_pictures.py FOLDER            # all looked at, some drawn
    python scripts/site_pictures.py FOLDER --draw index paper      # these drawn

Says which page, or what in it, is cut off at the edge of the window, and what the browser
complains of. Pictures, light and dark, are for human eyes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "site"
sys.path.insert(0, str(ROOT / "tests" / "support"))
from chromium import Chromium  # noqa: E402

WINDOWS = {"laptop": (1440, 900), "phone": (390, 844)}
DRAWN = (
    "index",
    "tutorials/first-showers",
    "results",
    "api/testing",
    "literature",
    "paper",
    "notebooks/tour",
)
CUT_OFF = """(() => {
  const edge = document.documentElement.clientWidth + 1;
  const scrolls = (one) => /auto|scroll/.test(getComputedStyle(one).overflowX);
  const inside = (one) => one.closest("article *");
  const reached = (one) => inside(one) && (scrolls(one) || reached(one.parentElement));
  const wide = [...document.querySelectorAll("article *")]
    .filter((one) => one.getBoundingClientRect().right > edge && !reached(one))
    .map((one) => one.tagName + " " + one.textContent.slice(0, 40));
  if (document.documentElement.scrollWidth > innerWidth) wide.push("the page");
  return wide.slice(0, 3);
})()"""


def complaints(browser: Chromium) -> list[str]:
    """What the browser says, but for the search, which needs a server."""
    said = [str(event["params"]) for event in browser.complaints()]
    return [one for one in said if "search.js" not in one]


def main() -> int:
    parser = argparse.ArgumentParser(description="Look at the site.")
    parser.add_argument("folder", type=Path, help="where pictures go")
    parser.add_argument("--draw", nargs="*", default=DRAWN, help="pages that are drawn")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    pages = sorted(page for page in SITE.rglob("*.html") if page.name != "404.html")
    wrong = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Chromium(Path(profile))
        for window, size in WINDOWS.items():
            browser.resize(*size)
            for page in pages:
                name = page.relative_to(SITE).with_suffix("").as_posix()
                for scheme in ("light", "dark") if name in args.draw else ("light",):
                    browser.prefer(scheme)
                    browser.open(page)
                    if said := browser.run(CUT_OFF) + complaints(browser):
                        wrong += 1
                        print(f"{name}, {window}, {scheme}:", *said, sep="\n  ")
                    if name in args.draw:
                        picture = f"{name.replace('/', '-')}-{window}-{scheme}.png"
                        browser.screenshot(args.folder / picture, whole=True)
                    browser.run("localStorage.clear()")  # the choice of light or dark
        browser.close()
    print(f"{len(pages)} pages, {wrong} with something to mend")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
