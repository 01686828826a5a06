"""Draw figures 2 to 6 of the paper and print its tables 1 and 2, from a model's weights.

    python scripts/paper_figures.py OUT --model pretrained-paper --reference FILE .. \
        [--no-latents DIR] [--imperfections none|typical] [--mode shared|single] [--beta B]

Test showers, the same reconstructed, and showers of the prior sampled classically and by an
emulated annealer: partition 0 held by flux biases, temperature matched before, as in the paper.
One set of bits makes drawn values, point values, and the paper's literal ones (`PointVoxels`).
The model of `no_latents.py` is the row that says what latents gain. OUT receives the showers
(for `calo4pqvae evaluate`), the figures, and tables.md: FPD and KPD of both feature sets less
those of Geant4 against itself on as many showers; response, its width and the spread of the
depth in the windows of figure 6; and measured times beside the published rows.
"""

import argparse
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise, derive_seed
from calo4pqvae.annealer import (
    IMPERFECTIONS,
    AnnealerSampler,
    EmulatedAnnealer,
    Settings,
    WorkingGraph,
    measure_temperature,
)
from calo4pqvae.bench.table_2 import Plan, measure, published_rows
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.opening import PRIOR_ENERGY
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.distances import Distances
from calo4pqvae.evaluation.metrics.metric import WINDOWS, Options
from calo4pqvae.evaluation.plotting.prior import prior_energy
from calo4pqvae.evaluation.plotting.style import save
from calo4pqvae.evaluation.published import CALO4PQVAE, IN_TABLE_1, SUBMISSIONS
from calo4pqvae.evaluation.report.figures import FIGURES
from calo4pqvae.generation.request import request_of
from calo4pqvae.models.storage import load_model
from calo4pqvae.units import GeV

DRAWN = ("totals", "energy_by_layers", "sparsity_by_layers", "energy_in_windows")
CUTS, AT_ONCE, HIDDEN_BETA, REDRAWS = 8, 256, 8.5, 60
SCORES = ("fpd", "kpd", "fpd.legacy", "kpd.legacy")


def main():
    """Sample, decode, draw, score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="pretrained-paper")
    parser.add_argument("--reference", nargs="+", required=True)
    parser.add_argument("--no-latents")
    parser.add_argument("--imperfections", choices=IMPERFECTIONS, default="none")
    parser.add_argument("--mode", choices=["shared", "single"], default="shared")
    parser.add_argument("--beta", type=float, help="skip matching, take this temperature")
    parser.add_argument("--sweeps", type=int, help="Gibbs sweeps (what the model asks for)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-times", action="store_true", help="leave table 2 out")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    stored = load_model(args.model)
    model, sweeps = stored.model, args.sweeps or stored.config.prior.burn_in
    e_inc, showers = read(args.reference, model.geometry)
    write(args.out / "Geant4.h5", model, e_inc, [showers])
    bits = {
        "reconstructed": encoded(model, e_inc, showers, args.seed),
        "classical": classical(model, e_inc, sweeps, args.seed),
        "annealer": annealed(model, e_inc, args),
    }
    energies = {name: prior_of(model, e_inc, z) for name, z in bits.items()}
    made = {"Geant4, encoded": energies.pop("reconstructed"), **energies}
    save(prior_energy(made, dict.fromkeys(made, e_inc[:, 0])), args.out / "figure-2.svg")
    reference = Measured.from_file(ShowerFile(args.out / "Geant4.h5", model.geometry))
    distances, lines = Distances(reference, Options("none", batches=1, splits=CUTS)), []
    for kind in ("drawn", "point", "literal"):
        made = {name: (model, z) for name, z in bits.items()}
        if args.no_latents:
            other = load_model(args.no_latents).model
            nothing = torch.zeros(len(e_inc), other.prior.graph.n_nodes, dtype=torch.bool)
            made["no latents"] = (other, nothing)
        paths = {}
        for number, (name, (maker, z)) in enumerate(made.items()):
            maker.choose_values(kind)
            paths[name] = args.out / f"{name.replace(' ', '-')}-{kind}.h5"
            batches = decoded(maker, e_inc, z, derive_seed(args.seed, number))
            write(paths[name], model, e_inc, batches, energies.get(name))
        lines += judged(kind, args.out, paths, distances)
    lines += published() + ([] if args.no_times else times(model, sweeps))
    (args.out / "tables.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def read(paths, geometry):
    """Read all showers of the reference, readout threshold applied [MeV]."""
    parts = []
    for path in paths:
        with ShowerFile(path, geometry) as file:
            parts += list(file.chunks(AT_ONCE))
    e_inc, showers = (np.concatenate(part) for part in zip(*parts, strict=True))
    return e_inc, np.where(showers >= geometry.threshold, showers, 0)


@torch.no_grad()
def encoded(model, e_inc, showers, seed):
    """Draw the encoder's bits of test showers."""
    noise, bits = SharedNoise(derive_seed(seed, 1)), []
    for start in range(0, len(e_inc), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        volume = torch.from_numpy(showers[part]).view(-1, *model.geometry.shape)
        bits.append(model.encode(volume, torch.from_numpy(e_inc[part]), noise))
    return torch.cat(bits)


def classical(model, e_inc, sweeps, seed):
    """Sample the prior at the energies of the test showers by block Gibbs."""
    t, code = model.condition(torch.from_numpy(e_inc))
    sampler = choose_sampler(model.prior.graph, SharedNoise(derive_seed(seed, 2)))
    return sample_machine(model.prior, sampler, t, code, sweeps)


def annealed(model, e_inc, args):
    """Sample the prior by an emulated annealer, clamped by flux biases, temperature matched."""
    chip = EmulatedAnnealer(
        beta=HIDDEN_BETA,
        graph=WorkingGraph.around(model.prior.graph),
        imperfections=IMPERFECTIONS[args.imperfections],
        seed=args.seed,
    )
    settings = Settings(
        beta=args.beta or HIDDEN_BETA / 1.3,
        conditioning="flux",
        mode=args.mode,
        out_of_range="rescale",
    )
    noise = SharedNoise(derive_seed(args.seed, 3))
    sampler = AnnealerSampler(model.prior.graph, chip, noise, settings)
    request = request_of(model, e_inc)
    if args.beta is None:
        fit = measure_temperature(sampler, request, reads=512, seed=args.seed)
        print(f"temperature of the annealer: {fit.beta}, hidden {HIDDEN_BETA}, {fit.converged}")
    return sample_machine(model.prior, sampler, request.t, request.clamped, 0)


def prior_of(model, e_inc, bits):
    """Evaluate eq. (2)."""
    return model.prior.energy(bits.float(), model.scale(torch.from_numpy(e_inc))).numpy()


@torch.no_grad()
def decoded(model, e_inc, bits, seed):
    """Make showers of bits, batch by batch."""
    for start in range(0, len(e_inc), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        noise = RowNoise(seed, start)
        yield model.decode(bits[part], torch.from_numpy(e_inc[part]), noise).numpy()


def write(path, model, e_inc, batches, energies=None):
    """Write showers with the energies of their bits."""
    done = 0
    with ShowerWriter(path, model.geometry, {}, overwrite=True) as writer:
        for batch in batches:
            rows = slice(done, done := done + len(batch))
            more = {} if energies is None else {PRIOR_ENERGY: energies[rows]}
            writer.append(e_inc[rows], batch.reshape(len(batch), -1), **more)


def judged(kind, out, paths, distances):
    """Draw figures 3 to 6, and give the rows of table 1 and of the windows."""
    reference = distances.reference
    samples = {
        name: Measured.from_file(ShowerFile(path, reference.geometry), like=reference)
        for name, path in paths.items()
    }
    seen = {"Geant4": reference, **samples}
    seen = {name: sample.observables for name, sample in seen.items()}
    shown = {name: seen[name] for name in seen if name != "no latents"}
    for number, name in enumerate(DRAWN, start=3):
        draw = resolve_name(f"calo4pqvae.evaluation.plotting.{FIGURES[name].draw}")
        save(draw(shown), out / f"figure-{number}-{kind}.svg")
    heads = "FPD 362 | KPD 362 | FPD 226 | KPD 226"
    lines = [
        f"\n{kind} values, {len(reference)} showers, less Geant4 against itself [10⁻³]\n",
        f"| showers | {heads} |\n|---|--:|--:|--:|--:|",
    ]
    for name, sample in samples.items():
        found = distances.of(sample)
        cells = [above(found[score]) for score in SCORES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    windows = [w for w in WINDOWS if in_window(seen["Geant4"], w).sum() >= 20]
    names = [f"{low / GeV:g}-{high / GeV:g} GeV" for low, high in windows]
    lines.append(f"\n| response [%], width, depth | {' | '.join(names)} |")
    lines.append("|---" + "|--:" * len(names) + "|")
    for name in paths:
        cells = [in_words(seen["Geant4"], seen[name], window) for window in windows]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def above(result):
    """Format the score on parts of the floor's size less the floor."""
    own, floor = result.matched, result.floor
    error = np.hypot(own.error, floor.error)
    return f"{1e3 * (own.value - floor.value):.3g} ± {1e3 * error:.2g}"


def in_window(side, window):
    """Find the showers of a window of incident energy."""
    return (side.e_inc >= window[0]) & (side.e_inc < window[1])


def in_words(reference, sample, window):
    """Format mean response, and ratios of the spreads of response and depth to Geant4's."""
    rng, values = np.random.default_rng(0), []
    for redraw in range(REDRAWS + 1):
        moments = []
        for side in (reference, sample):
            rows = np.flatnonzero(in_window(side, window))
            rows = rng.choice(rows, len(rows)) if redraw else rows
            moments.append(spreads(side, rows))
        (mean, width, depth), (own, own_width, own_depth) = moments
        values.append((100 * (own / mean - 1), own_width / width, own_depth / depth))
    errors = np.std(values[1:], axis=0)
    texts = zip(
        ("{:+.2f} ± {:.2f}", "{:.2f} ± {:.2f}", "{:.2f} ± {:.2f}"),
        values[0],
        errors,
        strict=True,
    )
    return ", ".join(form.format(*pair) for form, *pair in texts)


def spreads(side, rows):
    """Mean response, and spreads of response and depth around their trends in the energy."""
    log_e, response = np.log(side.e_inc[rows]), side.e_tot[rows] / side.e_inc[rows]
    layers = side.e_layer[rows]
    depth = layers @ np.arange(layers.shape[1]) / layers.sum(axis=1)
    around = [y - np.polyval(np.polyfit(log_e, y, 1), log_e) for y in (response, depth)]
    return response.mean(), *(part.std() for part in around)


def published():
    """Give the rows that the paper shows, which were made with other showers."""
    lines = ["\npublished, 100,000 showers of dataset 2, as printed [10⁻³]\n"]
    lines.append("| system | FPD | KPD |\n|---|--:|--:|")
    for row in [CALO4PQVAE, *(row for row in SUBMISSIONS if row.name in IN_TABLE_1)]:
        legacy = "" if "fpd" in row.scores else ".legacy"
        numbers = (row.scores[name + legacy] for name in ("fpd", "kpd"))
        texts = [f"{1e3 * n.value:.3g} ± {1e3 * n.error:.2g}" for n in numbers]
        lines.append(f"| {row.name} | " + " | ".join(texts) + " |")
    return lines


def times(model, sweeps):
    """Give table 2: times and energies measured here, and as printed."""
    rows = measure(model, Plan(sweeps=sweeps, repeats=3, geant4_showers=0))
    lines = ["\n| system | showers | batch | time of a shower [ms] | energy [J] | status |"]
    lines.append("|---|---|--:|--:|--:|---|")
    for row in [*rows, *published_rows()]:
        pairs = ((row.seconds, 1e3), (row.joules, 1.0))
        cost = " | ".join("-" if x is None else f"{k * x.value:.3g}" for x, k in pairs)
        lines.append(f"| {row.system} | {row.sample} | {row.batch} | {cost} | {row.status} |")
    return lines


if __name__ == "__main__":
    main()
