"""Draw what the bits of a layered model encode.

    python scripts/bits_figure.py MODEL FIGURE.svg --reference FILE

Left: the chip, each qubit in the colour of the layer whose energy it holds; couplers in grey.
Middle: correlations of the layers' levels, real above the diagonal, drawn below. Right: mean
profiles of showers grouped by the bits of the mean layer, real and drawn.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.evaluation.plotting.style import house_style, save
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.storage import load_model
from calo4pqvae.units import GeV


def main():
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("figure", type=Path)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--above-gev", type=float, default=10.0)
    args = parser.parse_args()
    model = load_model(args.model).model
    if not isinstance(model, LayeredQVAE):
        raise SystemExit("only a layered model (preset best) has such bits")
    with ShowerFile(args.reference) as file:
        e_inc, showers = file.e_inc(), file.showers(slice(0, len(file)))
    rows = e_inc[:, 0] >= args.above_gev * GeV
    volume = torch.from_numpy(showers[rows]).view(-1, *model.geometry.shape)
    save(draw(model, volume, torch.from_numpy(e_inc[rows]), args.above_gev), args.figure)


@house_style
def draw(model, showers, e_inc, above_gev):
    """Draw the three panels."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    chip, matrix, profile = figure.subplots(1, 3)
    layers = model.read_out(showers).sum(dim=(2, 3))
    t, code = model.condition(e_inc)
    noise = SharedNoise(1)
    real = model.law.encode(layers, e_inc, t)
    drawn = sample_machine(model.prior, choose_sampler(model.prior.graph, noise), t, code, 1200)
    made = model.law.draw(drawn, e_inc, t, noise)
    shown = draw_chip(chip, model)
    figure.colorbar(shown, ax=chip, label="layer", shrink=0.8)
    sides = [levels(model, states)[0] for states in (real, drawn)]
    both = np.triu(np.corrcoef(sides[0].T), 1) + np.tril(np.corrcoef(sides[1].T), -1)
    image = matrix.imshow(both, vmin=-1, vmax=1, cmap="RdBu_r", origin="lower")
    figure.colorbar(image, ax=matrix, shrink=0.8)
    matrix.set(
        title=f"levels above {above_gev:g} GeV: Geant4 above, drawn below",
        xlabel="layer",
        ylabel="layer",
    )
    draw_profiles(profile, model, (real, layers), (drawn, made))
    return figure


def draw_chip(axes, model):
    """Draw qubits as short lines across the chip, and the couplers in use between them."""
    graph, distribution = model.prior.graph, model.law
    m = int(graph.lattice.split("(")[1].split(",")[0])
    sites = np.array(list(product(range(2), range(2 * m + 1), range(4), range(2), range(m))))
    u, w, k, j, z = sites[graph.labels.numpy()].T
    line, along = w + 0.2 * (k - 1.5), 2 * z + j + 0.5
    x, y = np.where(u == 0, line, along), np.where(u == 0, along, line)
    for a, b in graph.edges.T.tolist():
        axes.plot(x[[a, b]], y[[a, b]], color="#dddddd", lw=0.3, zorder=0)
    bits_of_layer, n = distribution.levels.bits[0], distribution.n_layers
    nodes = distribution.node_of_bit.numpy()
    layer = np.repeat(np.arange(n), bits_of_layer)
    rest = nodes[n * bits_of_layer :]
    axes.scatter(x[rest], y[rest], s=26, marker="s", color="#888888", label="sums and profile")
    shown = axes.scatter(
        x[nodes[: len(layer)]], y[nodes[: len(layer)]], s=26, c=layer, cmap="viridis"
    )
    axes.set(
        title=f"{len(nodes)} bits on {graph.lattice}", xticks=[], yticks=[], aspect="equal"
    )
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0))
    return shown


def levels(model, states):
    """Count the ones of each quantity: layers first, then total and profile."""
    bits = states[:, model.law.node_of_bit].numpy()
    ends = np.cumsum(model.law.levels.bits)[:-1]
    counts = np.stack([part.sum(axis=1) for part in np.split(bits, ends, axis=1)], axis=1)
    return counts[:, : model.law.n_layers], counts[:, model.law.n_layers :]


def draw_profiles(axes, model, real, drawn):
    """Draw mean shares of the energy for low, middle and high bits of the mean layer."""
    most = model.law.levels.bits[model.law.n_layers + 1]
    groups = ((0, 0), (most // 2, most // 2), (most, most))
    for (low, high), colour in zip(groups, ("#0072B2", "#E69F00", "#009E73"), strict=True):
        for (states, layers), style in ((real, "o"), (drawn, "-")):
            depth = levels(model, states)[1][:, 1]
            chosen = layers[torch.from_numpy((depth >= low) & (depth <= high))]
            share = (chosen / chosen.sum(dim=1, keepdim=True)).mean(dim=0)
            label = f"{low} of {most} bits up" if style == "-" else None
            axes.plot(share.numpy(), style, ms=2.5, color=colour, label=label)
    axes.set(
        title="mean profile by the mean-layer bits\n(points Geant4, lines drawn)",
        xlabel="layer",
        ylabel="share of the energy",
    )
    axes.legend()


if __name__ == "__main__":
    main()
