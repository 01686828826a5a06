r"""Measure a chip's lasting errors: what fields and couplings does it make of zeros?

With all fields and couplings programmed to 0, a qubit's mean spin is $-\tanh\beta h$ of the
field that it still feels, and a coupler's correlation $-\tanh\beta J$. Several programmings
average over errors that are new in each, and tell how well the lasting ones are known: each is
shrunk by the share of its measured variance that is real.
"""

import datetime as dt

import numpy as np
from jaxtyping import Float

from calo4pqvae.annealer.chip.constants import first_beta
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.programs.program import Program
from calo4pqvae.annealer.programs.shims import Shims
from calo4pqvae.annealer.sampler import AnnealerSampler

__all__ = ["measure_shims"]

PROGRAMMINGS, READS = 12, 400
"""Access time of 0.5 s on system4. New errors of 0.007 then leave 0.002; 400 reads leave 0.002
on each field and coupling, too."""


def measure_shims(
    sampler: AnnealerSampler, programmings: int = PROGRAMMINGS, reads: int = READS
) -> Shims:
    """Program zeros where the model lies, and read what the chip makes of them.

    Arguments:
        sampler: the annealer; its inverse temperature is taken as that of a single qubit.
        programmings: programmings, at least 2.
        reads: reads of each.

    Raises:
        AnnealerError: the solver fails, or the limit has no room for it.
    """
    graph, n0 = sampler.graph, sampler.graph.sizes[0]
    used = sampler.placement.used
    mine = graph.among_free.numpy() if used is None else used & graph.among_free.numpy()
    ends = graph.edges.numpy()[:, mine] - n0
    copies = sampler.placement.qubits[:, n0:]
    ends = np.concatenate([ends + k * copies.shape[1] for k in range(len(copies))], axis=1)
    qubits = copies.ravel()
    nothing = np.zeros(len(qubits))
    zeros = Program(qubits, ends, nothing, np.zeros(ends.shape[1]), nothing)
    before = sampler.usage.time.total
    spins = sampler.send([zeros] * programmings, reads)
    beta = first_beta(sampler.properties)
    means = np.stack([s.mean(axis=0) for s in spins])
    pairs = np.stack([(s[:, ends[0]] * s[:, ends[1]]).mean(axis=0) for s in spins])
    pairs -= means[:, ends[0]] * means[:, ends[1]]
    measured = (-np.arctanh(x.clip(-0.99, 0.99)) / beta for x in (means, pairs))
    field, coupling = map(_lasting, measured)
    chip = WorkingGraph.of(sampler.dispatcher.backend.sampler)
    return Shims(
        sampler.dispatcher.backend.name,
        chip.fingerprint,
        dt.datetime.now(dt.UTC).date().isoformat(),
        qubits,
        field,
        np.sort(qubits[ends.T], axis=1),
        coupling,
        1e-6 * (sampler.usage.time.total - before),
    )


def _lasting(values: Float[np.ndarray, "programmings n"]) -> Float[np.ndarray, " n"]:
    """Average over programmings, shrunk by the share of the variance that lasts."""
    mean = values.mean(axis=0)
    noise = values.var(axis=0, ddof=1).mean() / len(values)
    real = max(0.0, 1 - noise / max(float((mean**2).mean()), 1e-300))
    return real * mean
