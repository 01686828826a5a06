"""Build the distributions as they would be published, and use them as a stranger would.

    python scripts/check_release.py                     # newest libraries
    python scripts/check_release.py --oldest --tests    # the oldest ones; with tests
    python scripts/check_release.py --tag v0.2.0        # also: does all agree with the tag?

An sdist is made, a wheel from it, `twine check` reads both. The wheel goes into an empty
environment without the checkout, and there the demo and the examples run. Whatever stands after
`--` goes to pip, such as `--extra-index-url`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "release"

NEEDED = (
    "calo4pqvae/py.typed",
    "calo4pqvae/pretrained/model.safetensors",
    "calo4pqvae/pretrained/README.md",
    "calo4pqvae/data/files/geant4_wsi_sample.h5",
    "calo4pqvae/evaluation/metrics.schema.json",
    "calo4pqvae/literature/works.yaml",
)
EXTRAS = ("report", "dimod")
TESTED = ("download",)
"""Extras that demo and examples need, and the one that tests need beside them; qpu wants a
newer numpy than the oldest, so that what needs it is skipped."""

LARGEST = 20e6
"""Bytes of the wheel; the sample of showers is 6 MB of it, and PyPI takes 100 MB."""


def run(*words: str | Path, cwd: Path = ROOT, **settings: object) -> None:
    print("$", *words, flush=True)
    subprocess.run([str(word) for word in words], check=True, cwd=cwd, **settings)


def build() -> Path:
    """Make sdist and wheel, check their descriptions and contents; return the wheel."""
    shutil.rmtree(OUT, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", OUT)
    (wheel,), (source,) = OUT.glob("*.whl"), OUT.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, source)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (description,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        text = archive.read(description).decode("utf-8")
    if os.environ.get("CALO4PQVAE_REPOSITORY") and re.search(r"\]\((?!https?://)", text):
        raise SystemExit("the description of the wheel has links beside the repository")
    if missing := set(NEEDED) - names:
        raise SystemExit(f"the wheel lacks {', '.join(sorted(missing))}")
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 2 or wheel.stat().st_size > LARGEST:
        raise SystemExit(f"the wheel holds {sorted(tops)}, {wheel.stat().st_size} bytes")
    return wheel


def agrees_with_tag(wheel: Path, tag: str) -> None:
    """The tag, the wheel and the citation file name one version, which the changelog has."""
    version = tag.removeprefix("v")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["version"]
    built = wheel.name.split("-")[1]
    noted = f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    if not (version == cited == built and noted):
        raise SystemExit(
            f"tag {tag}, wheel {built}, CITATION.cff {cited}, changelog "
            f"{'has it' if noted else 'lacks it'}"
        )


def oldest(pip: list[str], wanted: tuple[str, ...]) -> list[str]:
    """The smallest versions that pyproject.toml allows, as requirements.

    What the words for pip pin stays as they say.
    """
    pinned = {word.partition("==")[0] for word in pip}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for name in wanted for line in extras[name])]
    lines = list(dict.fromkeys(lines))
    return [line.replace(">=", "==") for line in lines if line.partition(">=")[0] not in pinned]


def use(wheel: Path, args: argparse.Namespace, pip: list[str]) -> None:
    """Install the wheel in an empty environment, and run what a newcomer runs."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(args.python, "-m", "venv", work / "env", cwd=work)
        python = work / "env" / "bin" / "python"
        extras = (*EXTRAS, *TESTED) if args.tests else EXTRAS
        wanted = [f"{wheel}[{','.join(extras)}]", *(oldest(pip, extras) if args.oldest else [])]
        run(python, "-m", "pip", "install", "--quiet", *wanted, *pip, cwd=work)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        clean["PATH"] = f"{python.parent}{os.pathsep}{clean['PATH']}"
        with tarfile.open(next(OUT.glob("*.tar.gz"))) as archive:
            archive.extractall(work / "source", filter="data")
        (source,) = (work / "source").iterdir()
        shutil.rmtree(source / "src")  # only what is installed may be found
        run("calo4pqvae", "--version", cwd=work, env=clean)
        run("calo4pqvae", "demo", "-o", work / "demo", cwd=work, env=clean)
        run("calo4pqvae", "cite", work / "demo" / "metrics.json", cwd=work, env=clean)
        run(python, source / "examples" / "bars_and_stripes.py", cwd=work, env=clean)
        if args.tests:
            tools = ["pytest", "pytest-xdist", "beartype", "hypothesis", "jsonschema"]
            run(python, "-m", "pip", "install", "--quiet", *tools, *pip, cwd=work)
            words = ["-n", "auto", "-q", "-m", "not slow", "tests/boltzmann", "tests/data"]
            if args.oldest:  # the oldest jaxtyping cannot check what conftest has imported
                words += ["-o", "addopts=--import-mode=importlib"]
            run(python, "-m", "pytest", *words, cwd=source, env=clean)


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the distributions.")
    parser.add_argument("--python", default=sys.executable, help="which Python to install for")
    parser.add_argument("--oldest", action="store_true", help="with the oldest libraries")
    parser.add_argument("--tests", action="store_true", help="and run tests there")
    parser.add_argument("--tag", help="the tag that will be published")
    own = sys.argv[1:]
    pip = own[own.index("--") + 1 :] if "--" in own else []
    args = parser.parse_args(own[: len(own) - len(pip) - 1] if "--" in own else own)
    wheel = build()
    if args.tag:
        agrees_with_tag(wheel, args.tag)
    use(wheel, args, pip)
    print("the distributions are in", OUT.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
