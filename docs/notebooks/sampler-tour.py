# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A tour of the samplers
#
# Boltzmann machines on lattices, from a few lines of Python: correlations, mixing, the partition function, and
# the same machine on an emulated annealer. No shower is in sight.

# %%
import matplotlib.pyplot as plt
import networkx
import numpy as np
import torch

from calo4pqvae.boltzmann import (
    BoltzmannMachine,
    SharedNoise,
    choose_sampler,
    even_schedule,
    exact_log_z,
    from_ising,
    from_networkx,
    log_z_bounds,
    measure_mixing,
    to_spins,
    zephyr,
)

plt.rcParams |= {
    "figure.figsize": (7, 3.2),
    "figure.dpi": 110,
    "svg.fonttype": "path",
}

# %% [markdown]
# ## A magnet
#
# An Ising square lattice of 32 x 32 spins with periodic borders, 64 chains at each temperature. Every sampler takes
# any graph; colours make sure that joined spins are never drawn at once.

# %%
size = 32
lattice = networkx.grid_2d_graph(size, size, periodic=True)
graph = from_networkx(lattice)
sampler = choose_sampler(graph, SharedNoise(seed=1))
temperatures = np.linspace(1.6, 3.4, 13)
magnetisation, errors, snapshots = [], [], {}
chains = None
for temperature in temperatures[
    ::-1
]:  # cool down slowly: chains go on where they were
    coupling = torch.full((graph.n_edges,), -1 / temperature)
    problem = from_ising(graph, torch.zeros(1, graph.n_nodes), coupling)
    chains = sampler.sample(
        problem, graph.nothing_clamped(64), sweeps=2000, start=chains
    )
    spins = to_spins(chains.numpy())
    m = np.abs(spins.mean(axis=1))
    magnetisation.append(m.mean())
    errors.append(m.std() / 8)
    snapshots[round(float(temperature), 2)] = spins[0]

figure, axis = plt.subplots(layout="constrained")
axis.errorbar(
    temperatures[::-1],
    magnetisation,
    errors,
    fmt="o",
    ms=4,
    label="compiled block Gibbs",
)
cold = np.linspace(1.6, 2.269, 100)
axis.plot(
    cold,
    (1 - np.sinh(2 / cold) ** -4) ** 0.125,
    label="Onsager and Yang, infinite lattice",
)
axis.set(xlabel="temperature / J", ylabel="magnetisation")
axis.legend()
plt.show()

# %%
figure, axes = plt.subplots(1, 3, figsize=(7, 2.6), layout="constrained")
nodes = list(lattice.nodes)  # labels of the graph are their numbers
for axis, temperature in zip(axes, (1.6, 2.35, 3.4), strict=True):
    picture = np.zeros((size, size))
    for spin, label in zip(
        snapshots[temperature], graph.labels.tolist(), strict=True
    ):
        picture[nodes[label]] = spin
    axis.imshow(picture, cmap="gray")
    axis.set(title=f"T = {temperature} J", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## How fast chains forget
#
# `measure_mixing` runs chains from random starts until they agree, and says how many sweeps that takes. Strong
# couplings on Zephyr, the graph of D-Wave's Advantage2, slow it down.

# %%
lattice = zephyr(36).unclamped()
strengths, burn_in = [0.1, 0.5, 1.0, 1.5, 2.0], []
for strength in strengths:
    machine = BoltzmannMachine(
        lattice, scale=strength, generator=torch.Generator().manual_seed(1)
    )
    drawer = choose_sampler(lattice, SharedNoise(seed=2))
    burn_in.append(
        measure_mixing(
            machine.problem(), lattice.nothing_clamped(1), drawer
        ).burn_in
    )
figure, axis = plt.subplots(layout="constrained")
axis.plot(strengths, burn_in, "o-")
axis.set(
    xlabel="standard deviation of the couplings",
    ylabel="sweeps to forget the start",
)
plt.show()

# %% [markdown]
# ## The partition function
#
# Annealed importance sampling brackets ln Z from both sides; a small machine can be enumerated to see that it does.

# %%
small = zephyr(4).unclamped()
machine = BoltzmannMachine(
    small, scale=2.0, generator=torch.Generator().manual_seed(3)
)
one = small.nothing_clamped(1)
exact = float(exact_log_z(machine.problem(), one)[0])

figure, axis = plt.subplots(layout="constrained")
for steps in (10, 30, 100, 300):
    drawer = choose_sampler(small, SharedNoise(seed=steps))
    bounds = log_z_bounds(machine.problem(), one, drawer, even_schedule(steps))
    for bound, marker, shift in (
        (bounds.lower, "^", 0.97),
        (bounds.upper, "v", 1.03),
    ):
        gap, error = float(bound.value[0]) - exact, float(bound.error[0])
        axis.errorbar(steps * shift, gap, error, fmt=f"C0{marker}", ms=5)
axis.axhline(0, color="k", lw=1)
axis.set(
    xscale="log",
    xlabel="temperatures on the way",
    ylabel="bounds less exact ln Z [nats]",
)
plt.show()

# %% [markdown]
# ## The same machine on an annealer
#
# The emulator has the interface, ranges, times and errors of a real chip, and a hidden temperature. First that is
# measured, then energies of annealed and classical states are compared.

# %%
from calo4pqvae.annealer import (
    IMPERFECTIONS,
    AnnealerSampler,
    EmulatedAnnealer,
    Request,
    Settings,
    WorkingGraph,
    measure_temperature,
)

machine = BoltzmannMachine(
    lattice, scale=0.4, generator=torch.Generator().manual_seed(5)
)
problem, nothing = machine.problem(), lattice.nothing_clamped(2000)
energies = {
    "classical": machine.problem().energy(
        choose_sampler(lattice, SharedNoise(6)).sample(problem, nothing, sweeps=300)
    )
}
for name in ("none", "typical"):
    chip = EmulatedAnnealer(
        beta=8.0,
        graph=WorkingGraph.around(lattice),
        imperfections=IMPERFECTIONS[name],
        sweeps=60,
    )
    annealer = AnnealerSampler(lattice, chip, SharedNoise(7), Settings(beta=6.0))
    fit = measure_temperature(
        annealer, Request(machine, nothing[:64]), reads=1000, sweeps=60
    )
    energies[f"annealed, errors: {name}"] = problem.energy(
        annealer.sample(problem, nothing)
    )
    print(f"errors {name}: inverse temperature {fit.beta}, hidden 8.0")

figure, axis = plt.subplots(layout="constrained")
edges = np.linspace(
    min(e.min() for e in energies.values()),
    max(e.max() for e in energies.values()),
    40,
)
for name, values in energies.items():
    axis.hist(values.detach().numpy(), edges, histtype="step", label=name)
axis.set(xlabel="energy [nats]", ylabel="states")
axis.legend()
plt.show()
