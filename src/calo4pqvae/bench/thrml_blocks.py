"""THRML (Extropic's sampler in jax): block Gibbs on the free nodes, all chains by vmap."""

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from calo4pqvae._core.optional import require
from calo4pqvae.bench.contender import Draw, Prepare, Task, UnavailableError
from calo4pqvae.boltzmann.ising import to_ising

__all__ = ["thrml_blocks"]


def thrml_blocks(task: Task) -> Prepare:
    """Build and compile the sampling program.

    Raises:
        UnavailableError: the device is CUDA and jax has none.
    """
    # XLA reads these once, when it first looks for devices: the size of its pool of threads,
    # and whether it may take most of a GPU's memory for itself.
    os.environ["NPROC"] = str(task.threads)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    jax = require("jax", "bench")
    device = _device(jax, task.device)
    with jax.default_device(device):
        program, blocks = _program(jax, task)
        chains = _all_chains(jax, program, blocks, task)

    def prepare(seed: int) -> Draw:
        with jax.default_device(device):
            key = jax.random.key(seed)

        def draw() -> Tensor:
            with jax.default_device(device):
                # torch wants memory that it may write to.
                return torch.from_numpy(np.array(chains(key)))

        return draw

    return prepare


def _device(jax: Any, name: str) -> Any:
    try:
        return jax.devices(name)[0]
    except RuntimeError as error:
        raise UnavailableError(f"jax finds no {name} device") from error


def _program(jax: Any, task: Task) -> tuple[Any, list[Any]]:
    """The free nodes as THRML's objects; its energies have the opposite sign of h and J."""
    thrml, models = require("thrml", "bench"), require("thrml.models", "bench")
    graph, ising = task.lattice.free.graph, to_ising(task.lattice.free)
    nodes = [thrml.SpinNode() for _ in range(graph.n_nodes)]
    edges = [(nodes[i], nodes[j]) for i, j in graph.edges.T.tolist()]
    h, couplings = (jax.numpy.asarray(-x.numpy()) for x in (ising.field[0], ising.coupling))
    machine = models.IsingEBM(nodes, edges, h, couplings, jax.numpy.asarray(1.0))
    blocks = [thrml.Block(nodes[part]) for part in graph.partitions[1:]]
    return models.IsingSamplingProgram(machine, blocks, clamped_blocks=[]), blocks


def _all_chains(jax: Any, program: Any, blocks: list[Any], task: Task) -> Any:
    """A compiled function from a key to the last states of all chains."""
    thrml = require("thrml", "bench")
    schedule = thrml.SamplingSchedule(task.sweeps, n_samples=1, steps_per_sample=1)

    def one_chain(key: Any) -> Any:
        key, *starts = jax.random.split(key, 1 + len(blocks))
        start = [
            jax.random.bernoulli(k, shape=(len(block),))
            for k, block in zip(starts, blocks, strict=True)
        ]
        states = thrml.sample_states(key, program, schedule, start, [], blocks)
        return jax.numpy.concatenate([state[0] for state in states])

    many = jax.vmap(one_chain)
    return jax.jit(lambda key: many(jax.random.split(key, task.chains)))
