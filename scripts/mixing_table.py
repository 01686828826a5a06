"""Print a Markdown table of how fast the prior of a model mixes, by incident energy.

    python scripts/mixing_table.py demo-train/run/model 8

The energies are spread evenly in their logarithm over the range of the model. Times are in
sweeps. Below the table stand how many of them chains need from random starts, and how long that
many and 3,000 take.
"""

import sys
import time

import numpy as np
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.diagnostics.equilibrium import ConditionMixing
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.errors import Calo4pQVAEError
from calo4pqvae.generation.bulk import draw_energies, measure_sweeps
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.storage import load_model
from calo4pqvae.units import GeV


def main(arguments: list[str]) -> int:
    """Measure a model's prior and print the table."""
    if len(arguments) != 2 or not arguments[1].isdigit() or arguments[1] == "0":
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(_table(arguments[0], int(arguments[1])))
    except Calo4pQVAEError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _table(folder: str, n_energies: int) -> str:
    stored = load_model(folder)
    energies = np.geomspace(*stored.config.data.energy_gev, n_energies).astype(np.float32)
    found = measure_sweeps(stored.model, energies[:, None] * GeV, n_energies=n_energies)
    lines = [
        "| incident energy [GeV] | τ of the energy | longest τ of a node | R̂ | independent/s |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(e, mixing) for e, mixing in zip(energies, found.conditions, strict=True)]
    lines += ["", f"{found.sweeps} sweeps of {found.chains} chains per energy were run."]
    if found.thinning > 1:
        lines.append(f"Times shorter than {found.thinning} sweeps read as {found.thinning}.")
    lines.append(f"Chains from random starts need {found.burn_in} sweeps.")
    lines += [_speed(stored.model, sweeps) for sweeps in (found.burn_in, 3000)]
    return "\n".join(lines)


def _speed(model: ShowerModel, sweeps: int) -> str:
    """Time 4,096 chains, each clamped to an energy of its own, from the call to their bits."""
    e_inc = draw_energies(4096, model.scale.low, model.scale.high, 0)
    t, code = model.condition(torch.from_numpy(e_inc))
    taken = []
    sampler = choose_sampler(model.prior.graph, SharedNoise(1))
    for _ in range(5):
        start = time.perf_counter()
        sample_machine(model.prior, sampler, t, code, sweeps)
        taken.append(time.perf_counter() - start)
    each = 1e6 * min(taken) / len(e_inc)
    return f"{sweeps} sweeps take {each:.1f} µs per chain on {torch.get_num_threads()} threads."


def _row(energy: float, mixing: ConditionMixing) -> str:
    cells = (
        f"{energy:.3g}",
        f"{mixing.tau_energy:.2f} ± {mixing.tau_energy_error:.2f}",
        f"{mixing.tau_node:.2f} ± {mixing.tau_node_error:.2f}",
        f"{mixing.r_hat:.4f}",
        f"{mixing.effective_per_second:.2g}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
