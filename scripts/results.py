"""Make every table of docs/results.md anew, or what is left of them, and join them in one page.

    make results DATA=FOLDER                 # of the pretrained model, from the held-out files
    python scripts/results.py --low LOW.h5 --full FULL.h5 --train TRAIN.h5 .. --other OTHER.h5

LOW and FULL hold showers of Geant4 that trained nothing, up to 100 GeV and up to 1 TeV; TRAIN
are the training files, for the fits of other priors and for `quick`; OTHER are more showers of
Geant4 up to 100 GeV that are not in LOW. `--model` takes another model than the pretrained one,
`--also NAME=RUN` sets a further one beside it, such as a run of the preset `paper`.

Work lies in build/results/STATE, where the state is that of the sources, the files and the
models: what has been made there is not made again, so that the held-out files are read for
one state once. Each table is a file in it; RESULTS.md joins them in the order of
docs/results.md. `--only` takes names of tables, `--list` prints them with their commands.
`--small` divides the numbers of showers and sweeps by ten, for a trial on training files.
"""

import argparse
import hashlib
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
SEEDS = range(5)

RECONSTRUCT = """
import sys
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.generation.bulk import reconstruct
from calo4pqvae.models.storage import load_model
run, source, target, seed = sys.argv[1:]
model = load_model(run).model
with ShowerFile(source) as file, ShowerWriter(target, model.geometry, {}) as writer:
    reconstruct(model, file, writer, seed=int(seed))
"""
"""Showers of Geant4 encoded and decoded; no command does that without an evaluation."""


class Step(NamedTuple):
    """Something to make: a file by a command, or a table by what a command prints.

    Attributes:
        target: the file, in the folder of the work.
        words: the command; a script of this folder, or one of `calo4pqvae`.
        table: heading of the table that the command prints; empty where it prints none.
        after: targets that it needs.
    """

    target: str
    words: tuple[str, ...]
    table: str = ""
    after: tuple[str, ...] = ()


def steps(args: argparse.Namespace) -> Iterator[Step]:
    """All that is to be made, each after what it needs."""
    part = 10 if args.small else 1
    models = {"best": args.model, **dict(word.split("=", 1) for word in args.also)}
    for name, run in models.items():
        made = ("--model", run, "--energies-from")
        yield generate(f"low_{name}.h5", *made, args.low, "--seed", "4")
        yield generate(f"full_{name}.h5", *made, args.full, "-n", str(3000 // part))
        for sample, file, windows in (
            ("low", args.low, ("5-10", "40-50", "80-100")),
            ("full", args.full, ("5-10", "40-50", "150-200")),
        ):
            given = ("--generated", f"{sample}_{name}.h5", "--reference", file, "--model", run)
            yield Step(
                f"{sample}_{name}/metrics.json",
                ("evaluate", *given, "--windows-gev", *windows, "-o", f"{sample}_{name}"),
                after=(f"{sample}_{name}.h5",),
            )
    for sample, words in (("low", "1 to 100 GeV"), ("full", "1 GeV to 1 TeV")):
        files = {name: f"{sample}_{name}/metrics.json" for name in models}
        columns = [f"{name}={file}" for name, file in files.items()]
        needs = tuple(files.values())
        title = f"{words}: scores"
        yield Step(f"{sample}_scores.md", ("scores_table.py", *columns), title, needs)
        for name, file in files.items():
            both = f"{name}={file}", f"{name}:reconstructed={file}"
            title = f"{words}: {name} and its reconstruction"
            yield Step(f"{sample}_{name}.md", ("results_table.py", *both), title, needs)
    yield from structure(args, models)
    yield from windows(args, part)
    yield from halves(args, models["best"])
    yield from sampling(args, models["best"], part)
    yield from priors(args, models["best"], part)
    yield from quick(args, part)


def structure(args: argparse.Namespace, models: dict[str, str]) -> Iterator[Step]:
    """Structure of single showers, and worth, of the models, a closed form, and Geant4."""
    yield Step("mean.h5", ("mean_shower.py", args.train[0], args.low, "mean.h5"))
    title = "Structure of single showers"
    words = ("structure_table.py", "low_best.h5", args.low)
    yield Step("structure.md", words, title, ("low_best.h5",))
    files = {"mean": "mean.h5"} | {name: f"low_{name}.h5" for name in models}
    columns = [f"{name}={file}" for name, file in files.items()]
    words = ("worth_table.py", args.low, *columns, "--geant4", args.other)
    yield Step("worth.md", words, "Worth in showers of Geant4", tuple(files.values()))


def windows(args: argparse.Namespace, part: int) -> Iterator[Step]:
    """Figure 6 as numbers: many showers at each energy, so that the errors are Geant4's."""
    for sample, file, n in (("low", args.low, 32_000), ("full", args.full, 15_000)):
        made = ("--model", args.model, "--energies-from", file, "-n", str(n // part))
        yield generate(f"many_{sample}.h5", *made, "--seed", "21")
        words = ("windows_table.py", f"best=many_{sample}.h5", "--reference", file)
        title = f"Total energy in windows, {sample}"
        yield Step(f"windows_{sample}.md", words, title, (f"many_{sample}.h5",))
    words = ("energy_figure.py", "energy.svg", f"Geant4={args.full}", "best=full_best.h5")
    yield Step("energy.svg", words, after=("full_best.h5",))


def halves(args: argparse.Namespace, run: str) -> Iterator[Step]:
    """What sampling adds, on halves that share no shower."""
    sampled = [f"sampled_{seed}.h5" for seed in SEEDS]
    decoded = [f"reconstructed_{seed}.h5" for seed in SEEDS]
    for seed, (one, other) in enumerate(zip(sampled, decoded, strict=True)):
        made = ("--model", run, "--energies-from", args.low, "--seed", str(seed))
        yield generate(one, *made)
        yield Step(other, ("-c", RECONSTRUCT, run, args.low, other, str(seed + 1)))
    pairs = f"sampled={','.join(sampled)}", f"reconstructed={','.join(decoded)}"
    words = ("halves_table.py", *pairs, "--reference", args.low)
    yield Step("halves.md", words, "Sampled and reconstructed", (*sampled, *decoded))


def sampling(args: argparse.Namespace, run: str, part: int) -> Iterator[Step]:
    """Long chains and an emulated annealer against the usual sweeps."""
    made = ("--model", run, "--energies-from", args.low, "--seed", "5")
    yield generate("long.h5", *made, "--sweeps", str(30_000 // part))
    emulator = ("--sampler", "emulator", "--imperfections", "none")
    yield generate("emulator.h5", *made, *emulator)
    systems = ("long=long.h5", "emulator=emulator.h5")
    words = ("compare", *systems, "--reference", "low_best.h5", "-o", "sampling")
    needs = ("long.h5", "emulator.h5", "low_best.h5")
    yield Step("sampling/comparison.json", words, after=needs)
    file = "sampling/comparison.json"
    columns = (f"30,000 sweeps={file}#long", f"emulator={file}#emulator")
    words = ("scores_table.py", *columns)
    yield Step("sampling.md", words, "Classical and annealed sampling", (file,))


def priors(args: argparse.Namespace, run: str, part: int) -> Iterator[Step]:
    """The same decoder with other distributions of the bits."""
    complete = ("prior.lattice=complete", "prior.nodes_per_partition=17")
    others = {
        "independent": ("prior.lattice=none",),
        "none": ("longitudinal.level_bits=[0,0,0,0,0]",),
        "seed33": ("training.seed=33",),
        "complete": (*complete, "training.fit_steps=0"),
    }
    for name, settings in others.items():
        words = ("refit_prior.py", run, f"prior_{name}", "--data", *args.train, "--set")
        yield Step(f"prior_{name}", (*words, *settings))
    named = [f"{name}=prior_{name}" for name in ("independent", "none", "seed33", "complete")]
    named.insert(1, f"native={run}")
    few = ("--likelihood-showers", "100") if part > 1 else ()
    words = ("prior_ablation.py", *named, "--reference", args.low, *few)
    needs = tuple(f"prior_{name}" for name in others)
    yield Step("priors.md", words, "Does the prior earn its place?", needs)


def quick(args: argparse.Namespace, part: int) -> Iterator[Step]:
    """The preset `quick`: the demo that trains, its model on LOW, and one of the full range."""
    fewer = ("--set", "training.epochs=2") if part > 1 else ()
    yield Step("demo/metrics.json", ("demo", "--train", *fewer, "-o", "demo"))
    full = ("train", "--preset", "quick", "--data", args.train[-1], "--out", "quick", *fewer)
    yield Step("quick/model/config.json", full)
    for name, run, file, needs in (
        ("quick_low", "demo/run", args.low, "demo/metrics.json"),
        ("quick_full", "quick", args.full, "quick/model/config.json"),
    ):
        yield generate(f"{name}.h5", "--model", run, "--energies-from", file, after=(needs,))
        given = ("--generated", f"{name}.h5", "--reference", file, "--model", run)
        words, after = ("evaluate", *given, "-o", name), (needs, f"{name}.h5")
        yield Step(f"{name}/metrics.json", words, after=after)
    for name, title in (
        ("demo", "`make demo-train`"),
        ("quick_low", "`quick` on 1 to 100 GeV"),
        ("quick_full", "`quick` over the full range"),
    ):
        both = f"{name}={name}/metrics.json", f"{name}:reconstructed={name}/metrics.json"
        after = (f"{name}/metrics.json",)
        yield Step(f"{name}.md", ("results_table.py", *both), title, after)


def generate(target: str, *words: str, after: tuple[str, ...] = ()) -> Step:
    """Showers of a model."""
    return Step(target, ("generate", *words, "-o", target), after=after)


def command(step: Step) -> list[str]:
    """The words of a step as they are run, in the folder of the work."""
    first, *rest = step.words
    if first == "-c":
        return [sys.executable, *step.words]
    if first.endswith(".py"):
        return [sys.executable, str(SCRIPTS / first), *rest]
    return [sys.executable, "-m", "calo4pqvae", *step.words]


def make(step: Step, work: Path) -> bool:
    """Make what is not there yet; whether it is there in the end."""
    target = work / step.target
    if target.exists():
        return True
    print(f"{step.target}: {shlex.join(command(step)[1:])[:160]}", flush=True)
    prints = subprocess.PIPE if step.table else sys.stderr
    done = subprocess.run(command(step), cwd=work, stdout=prints, text=True, check=False)
    if done.returncode == 0 and step.table:
        part = target.with_name(f"{target.name}.part")
        part.write_text(done.stdout, encoding="utf-8")
        part.rename(target)
    return done.returncode == 0 and target.exists()


def state_of(args: argparse.Namespace) -> str:
    """Name of the present state of sources, files and models."""
    content = hashlib.sha256(f"small: {args.small}".encode())
    for path in sorted([*(ROOT / "src").rglob("*.py"), *SCRIPTS.glob("*.py")]):
        content.update(path.read_bytes())
    for name in (args.low, args.full, args.other, *args.train):
        with open(name, "rb") as stream:  # noqa: PTH123
            content.update(hashlib.file_digest(stream, "sha256").digest())
    for run in (args.model, *(word.partition("=")[2] for word in args.also)):
        content.update(run.encode())
        for path in sorted(Path(run).rglob("*.safetensors")):
            content.update(path.read_bytes())
    return content.hexdigest()[:12]


def chosen(every: Sequence[Step], names: Sequence[str]) -> list[Step]:
    """The steps of the tables named, and all that these need."""
    if not names:
        return list(every)
    by_target = {step.target: step for step in every}
    wanted: list[str] = [f"{name}.md" if f"{name}.md" in by_target else name for name in names]
    for target in wanted:
        if target not in by_target:
            raise SystemExit(f"there is no table {target.removesuffix('.md')!r}; see --list")
        wanted += by_target[target].after
    return [step for step in every if step.target in wanted]


def main() -> int:
    """Make all tables, or what is left of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("low", "full", "other"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--train", nargs="+", required=True)
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--also", nargs="+", default=[], metavar="NAME=RUN")
    parser.add_argument("--only", nargs="+", default=[], metavar="TABLE")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    for name in ("low", "full", "other"):
        setattr(args, name, str(Path(getattr(args, name)).resolve()))
    args.train = [str(Path(name).resolve()) for name in args.train]
    every = chosen(list(steps(args)), args.only)
    if args.list:
        for step in every:
            print(f"{step.target}: {shlex.join(step.words)[:120]}")
        return 0
    work = ROOT / "build" / "results" / state_of(args)
    work.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    for step in every:
        if set(step.after) & set(failed) or not make(step, work):
            failed.append(step.target)
    tables = [step for step in every if step.table and (work / step.target).exists()]
    page = "\n".join(
        f"## {step.table}\n\n{(work / step.target).read_text('utf-8')}" for step in tables
    )
    (work / "RESULTS.md").write_text(page, encoding="utf-8")
    print(f"{work / 'RESULTS.md'}: {len(tables)} tables")
    if failed:
        print(f"failed: {', '.join(failed)}; give the command again to go on", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
