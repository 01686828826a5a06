"""How cold is a chip? Measure the temperature of an emulated annealer for a Boltzmann machine.

    python examples/annealer_temperature.py

The emulated chip has holes, errors of the control, and a temperature that it does not tell. The
machine is laid on its working qubits; batches of reads find the temperature; states drawn at it
have the energies of block Gibbs sampling. With a D-Wave account, `open_solver()` in place of
the emulator is the real thing.
"""

import torch

from calo4pqvae.annealer import (
    IMPERFECTIONS,
    AnnealerSampler,
    EmulatedAnnealer,
    Request,
    Settings,
    WorkingGraph,
    measure_temperature,
)
from calo4pqvae.boltzmann import BoltzmannMachine, SharedNoise, choose_sampler

HIDDEN = 7.3
SWEEPS = 100


def main() -> dict[str, float]:
    """Measure, tell, and return the numbers."""
    perfect = WorkingGraph.perfect("zephyr", (3, 4), "emulated system4")
    chip = EmulatedAnnealer(
        beta=HIDDEN,
        graph=perfect.with_defects(qubits=325, couplers=2600, seed=1),
        imperfections=IMPERFECTIONS["typical"],
        sweeps=SWEEPS,
    )
    graph = WorkingGraph.of(chip).lay_out(per_partition=76)
    machine = BoltzmannMachine(graph, scale=0.4, generator=torch.Generator().manual_seed(1))
    codes = torch.rand(16, 76, generator=torch.Generator().manual_seed(2)) < 0.5
    request = Request(machine, codes.repeat(32, 1))
    print(f"{graph.n_nodes} nodes on {graph.lattice}")

    settings = Settings(beta=8.5, limit_s=10.0)
    annealer = AnnealerSampler(graph, chip, SharedNoise(seed=3), settings)
    print(f"one job takes {request.plan(annealer).seconds:.2g} s of the annealer")
    fit = measure_temperature(annealer, request, reads=512, sweeps=SWEEPS)
    print(f"beta {fit.beta} by mean energies, hidden {HIDDEN}")

    (problem, clamped), *_ = request.parts()
    classical = choose_sampler(graph, SharedNoise(seed=4))
    energies = {
        "annealer": problem.energy(annealer.sample(problem, clamped)),
        "block Gibbs": problem.energy(classical.sample(problem, clamped, SWEEPS)),
    }
    for name, energy in energies.items():
        error = float(energy.std()) / len(energy) ** 0.5
        print(f"mean energy, {name}: {float(energy.mean()):.2f} +- {error:.2f}")
    print(
        f"used {1e-6 * annealer.usage.time.total:.2g} s in {annealer.usage.programmings} jobs"
    )
    found = {name: float(energy.mean()) for name, energy in energies.items()}
    return {"beta": fit.beta.value, "error": fit.beta.error, **found}


if __name__ == "__main__":
    main()
