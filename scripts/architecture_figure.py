"""Draw the modules, and the way of one shower in training and in generation.

    python scripts/architecture_figure.py docs/figures/architecture.svg

Rows are the rungs of `tests/test_import_ladder.py`, read from there: a module imports only from
rows below its own.
"""

import ast
import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from calo4pqvae.evaluation.plotting.style import INK, SAMPLES, SOFT, house_style, save

ROOT = Path(__file__).parents[1]
SAYS = {
    "units": "MeV, mm",
    "errors": "one sentence each",
    "_core": "plumbing",
    "literature": "what to cite",
    "geometry": "cylinder",
    "pretrained": "shipped weights",
    "data": "shower files, eq. (1)",
    "boltzmann": "eq. (2), samplers, ln Z",
    "config": "settings, presets",
    "annealer": "chip, jobs, emulator",
    "testing": "conformance suite",
    "shards": "folders of showers",
    "models": "bits and showers",
    "training": "loop, checkpoints",
    "generation": "showers in bulk",
    "simulation": "Geant4",
    "evaluation": "scores, figures, pages",
    "bench": "time and energy",
    "cli": "one file per command",
}
WAYS = {
    "Training": (
        ("data", "showers [MeV] and incident energies"),
        ("data", "energies become logits, eq. (1)"),
        ("models", "an encoder gives the bits of the shower"),
        ("boltzmann", "the machine scores them; a sampler\ndraws the negative phase"),
        ("models", "a decoder gives hits and energies; losses"),
        ("training", "one step, a log line, a checkpoint"),
    ),
    "Generation": (
        ("generation", "incident energies, numbered, with a seed"),
        ("models", "the energy sets clamped bits, or fields\nand couplings"),
        ("boltzmann", "Gibbs sweeps draw the free bits ..."),
        ("annealer", "... or a quantum annealer, or its emulator"),
        ("models", "the decoder draws voxels [MeV], threshold"),
        ("data", "showers stream to a file"),
        ("evaluation", "which is judged against Geant4"),
    ),
}
WIDTH, HEIGHT, ROW = 1.62, 0.60, 0.86


def ladder() -> list[list[str]]:
    """Read the rungs from the test that holds them, lowest first."""
    tree = ast.parse((ROOT / "tests" / "test_import_ladder.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LADDER":
            order = list(SAYS)
            return [sorted(rooms, key=order.index) for rooms in ast.literal_eval(node.value)]
    raise SystemExit("tests/test_import_ladder.py holds no LADDER")


def place(rungs: list[list[str]]) -> dict[str, tuple[float, float]]:
    """Centre of each module's box."""
    places = {}
    for level, rooms in enumerate(rungs):
        for number, room in enumerate(rooms):
            x = (number - (len(rooms) - 1) / 2) * (WIDTH + 0.34)
            places[room] = (x, level * ROW)
    return places


def draw_box(axes: Axes, room: str, centre: tuple[float, float], colour: str) -> None:
    """One module: its name, and what is in it."""
    x, y = centre
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle=style, fc="white", ec=colour, lw=1.0)
    )
    axes.text(x, y + 0.11, room, ha="center", va="center", color=INK, fontsize=9, weight="bold")
    axes.text(x, y - 0.15, SAYS[room], ha="center", va="center", color=SOFT, fontsize=7)


def draw_way(axes: Axes, left: float, title: str, colours: dict[str, str]) -> None:
    """The steps of one way, each with the module that does it."""
    steps = WAYS[title]
    axes.text(left, 6.25, title, color=INK, fontsize=10, weight="bold", va="center")
    for number, (room, words) in enumerate(steps):
        y = 5.75 - number * 0.8
        if number + 1 < len(steps):
            axes.plot([left + 0.08] * 2, [y - 0.12, y - 0.68], color=SOFT, lw=0.8, zorder=0)
        axes.plot([left + 0.08], [y], "o", ms=7, color=colours[room])
        axes.text(left + 0.3, y + 0.06, room, fontsize=8, color=colours[room], weight="bold")
        axes.text(left + 0.3, y - 0.05, words, fontsize=7.5, color=INK, va="top")


@house_style
def main(path: Path) -> None:
    """Draw the picture."""
    rungs = ladder()
    used = dict.fromkeys(room for steps in WAYS.values() for room, _ in steps)
    colours = {room: look.colour for room, look in zip(used, SAMPLES, strict=False)}
    figure = Figure(figsize=(12.8, 5.6))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set_axis_off()
    axes.text(-4.8, 6.75, "Modules: imports go downwards only", fontsize=9, color=SOFT)
    axes.text(5.3, 6.75, "The way of one shower", fontsize=9, color=SOFT)
    for room, centre in place(rungs).items():
        draw_box(axes, room, centre, colours.get(room, SOFT))
    for left, title in zip((5.3, 8.7), WAYS, strict=True):
        draw_way(axes, left, title, colours)
    axes.set_xlim(-5.0, 11.85)
    axes.set_ylim(-0.45, 7.0)
    save(figure, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
