"""Print a Markdown table of how fast the prior of a model mixes, by incident energy.

    python scripts/mixing_table.py demo/run/model 8

The energies are spread evenly in their logarithm over the range of the model. Times are in
sweeps; the last line says how many of them chains need from random starts.
"""

import sys

import numpy as np
import torch

from calo4pqvae.errors import Calo4pQVAEError
from calo4pqvae.random import SharedNoise
from calo4pqvae.samplers.choose import choose_sampler
from calo4pqvae.samplers.equilibrium import ConditionMixing, measure_mixing
from calo4pqvae.storage import load_model
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
    prior = stored.model.prior
    energies = np.geomspace(*stored.config.data.energy_gev, n_energies).astype(np.float32)
    t, code = stored.model.condition(torch.from_numpy(energies)[:, None] * GeV)
    found = measure_mixing(prior.problem(t), code, choose_sampler(prior.graph, SharedNoise(0)))
    lines = [
        "| incident energy [GeV] | τ of the energy | longest τ of a node | R̂ | independent/s |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(e, mixing) for e, mixing in zip(energies, found.conditions, strict=True)]
    lines += ["", f"{found.sweeps} sweeps of {found.chains} chains per energy were run."]
    if found.thinning > 1:
        lines.append(f"Times shorter than {found.thinning} sweeps read as {found.thinning}.")
    return "\n".join([*lines, f"Chains from random starts need {found.burn_in} sweeps."])


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
