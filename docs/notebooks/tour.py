# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A tour in five minutes
#
# Showers from the model that comes with the package, beside showers of Geant4 that it has not seen.
# Nothing is downloaded; one core needs about a minute, most of it for compiling loops the first time.

# %%
import matplotlib.pyplot as plt
import numpy as np

import calo4pqvae as c4
from calo4pqvae import sample_path
from calo4pqvae.pretrained import unseen_sample_rows
from calo4pqvae.units import GeV

plt.rcParams |= {
    "figure.figsize": (7, 3.2),
    "figure.dpi": 110,
    "svg.fonttype": "path",
}

# %% [markdown]
# ## Geant4 showers, and a model
#
# A shower file knows its geometry: layers, azimuth bins and rings, in mm, with energies in MeV.

# %%
rows = unseen_sample_rows()  # rows that did not train the model
with c4.ShowerFile(sample_path()) as bundled:
    energies, geant4 = bundled.e_inc(rows), bundled.showers(rows)
    geometry = bundled.geometry

stored = c4.load_pretrained()
print(
    geometry.shape,
    "voxels;",
    len(rows),
    "showers;",
    stored.model.prior.graph.n_edges,
    "couplers",
)

# %% [markdown]
# ## Generate at the same energies
#
# The bits of each shower are drawn by block Gibbs sampling on the graph of a quantum annealer, then a decoder draws
# the voxels layer after layer.

# %%
with c4.ShowerWriter("tour.h5", geometry, overwrite=True) as file:
    c4.generate(stored.model, energies, file, sweeps=stored.config.prior.burn_in)
with c4.ShowerFile("tour.h5") as file:
    made = file.showers(slice(0, len(file)))

samples = {
    "Geant4": geant4.reshape(-1, *geometry.shape),
    "model": made.reshape(-1, *geometry.shape),
}

# %% [markdown]
# ## One shower of each
#
# Energy by layer and ring, of the shower with the largest incident energy below 50 GeV.

# %%
number = int(np.argmax(np.where(energies[:, 0] < 50 * GeV, energies[:, 0], 0)))
figure, axes = plt.subplots(1, 2, sharey=True, layout="constrained")
for axis, (name, showers) in zip(axes, samples.items(), strict=True):
    image = showers[number].sum(axis=1).T  # (r, layer) [MeV]
    shown = axis.imshow(
        np.where(image > 0, image, np.nan),
        origin="lower",
        aspect="auto",
        norm="log",
        vmin=0.1,
        vmax=2e3,
    )
    axis.set(title=name, xlabel="layer")
axes[0].set_ylabel("ring")
figure.colorbar(shown, ax=axes, label="energy [MeV]")
plt.show()

# %% [markdown]
# ## Where the energy goes
#
# Mean energy of each layer and of each ring, as a share of the incident energy. The error bars are those of the
# mean; what is left between the two is as large as the scatter of 297 showers allows.

# %%
figure, axes = plt.subplots(1, 2, layout="constrained")
for (name, showers), marker in zip(samples.items(), "os", strict=True):
    share = showers / energies[:, :, None, None]
    for axis, over in zip(axes, ((2, 3), (1, 2)), strict=True):
        values = share.sum(axis=over)
        error = values.std(axis=0) / len(values) ** 0.5
        axis.errorbar(
            range(values.shape[1]),
            values.mean(axis=0),
            error,
            fmt=marker,
            ms=3,
            label=name,
        )
axes[0].set(xlabel="layer", ylabel="share of the incident energy")
axes[1].set(xlabel="ring", yscale="log")
axes[0].legend()
plt.show()

# %% [markdown]
# ## The response
#
# Total energy over incident energy. The calorimeter measures 0.955 of the energy on average, and the spread
# falls with the energy.

# %%
figure, axis = plt.subplots(layout="constrained")
edges = np.linspace(0.75, 1.15, 33)
for name, showers in samples.items():
    response = showers.sum(axis=(1, 2, 3)) / energies[:, 0]
    axis.hist(
        response,
        edges,
        histtype="step",
        label=f"{name}: {response.mean():.3f} ± {response.std():.3f}",
    )
axis.set(xlabel="response", ylabel="showers")
axis.legend()
plt.show()

# %% [markdown]
# ## The bits
#
# What makes one shower of 50 GeV differ from another is 65 bits: "is this layer's energy above its median", "is the
# shower early or late". They are drawn by a Boltzmann machine, and can be drawn alone.

# %%
energy = c4.draw_energies(200, 50 * GeV, 50 * GeV, seed=1)
with c4.ShowerWriter("fifty.h5", geometry, overwrite=True) as file:
    c4.generate(stored.model, energy, file, sweeps=stored.config.prior.burn_in)
with c4.ShowerFile("fifty.h5") as file:
    prior_energy = file.column("prior_energy")
    layers = (
        file.showers(slice(0, 200)).reshape(-1, *geometry.shape).sum(axis=(2, 3))
    )
depth = (layers * np.arange(geometry.shape[0])).sum(axis=1) / layers.sum(axis=1)

figure, axes = plt.subplots(1, 2, layout="constrained")
axes[0].hist(prior_energy, 30)
axes[0].set(xlabel="energy of the bits, eq. (2) [nats]", ylabel="showers of 50 GeV")
axes[1].hist(depth, 30)
axes[1].set(xlabel="mean layer")
plt.show()

# %% [markdown]
# ## And now?
#
# `calo4pqvae demo` measures all of this properly, with errors and floors, and makes a page of it. The tutorials go on
# from here: your own detector, judging a sample, samplers and annealers.
