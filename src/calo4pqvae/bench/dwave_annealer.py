"""dwave-samplers: its simulated annealer is a Gibbs sampler at one constant temperature."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from calo4pqvae._core.optional import require
from calo4pqvae.bench.contender import Draw, Prepare, Task
from calo4pqvae.boltzmann.ising import to_bits, to_ising

__all__ = ["dwave_annealer"]


def dwave_annealer(task: Task) -> Prepare:
    """Set up the free nodes as a binary quadratic model.

    The annealer lets go of Python's lock, so that Python threads share the chains.
    """
    dimod, samplers = require("dimod", "bench"), require("dwave.samplers", "bench")
    graph, ising = task.lattice.free.graph, to_ising(task.lattice.free)
    model = dimod.BinaryQuadraticModel.from_numpy_vectors(
        ising.field[0].double().numpy(),
        (*graph.edges.numpy(), ising.coupling.double().numpy()),
        0.0,
        "SPIN",
    )
    annealer = samplers.SimulatedAnnealingSampler()
    shares = [len(part) for part in np.array_split(np.arange(task.chains), task.threads)]

    def run(reads: int, seed: int) -> Any:
        return annealer.sample(
            model,
            num_reads=reads,
            seed=seed,
            beta_schedule_type="custom",
            beta_schedule=np.ones(task.sweeps),
            proposal_acceptance_criteria="Gibbs",
        )

    def prepare(seed: int) -> Draw:
        seeds = np.random.SeedSequence(seed).generate_state(task.threads) >> 1

        def draw() -> Tensor:
            with ThreadPoolExecutor(task.threads) as pool:
                sets = list(pool.map(run, shares, seeds.tolist()))
            return torch.cat([_bits(samples) for samples in sets])

        return draw

    return prepare


def _bits(samples: Any) -> Tensor:
    """States with the nodes in the order of their numbers."""
    order = np.argsort(np.array(samples.variables))
    return to_bits(torch.from_numpy(samples.record.sample[:, order]))
