"""Compiled simulated annealing of nodes over qubits."""

from typing import no_type_check

import numpy as np

from calo4pqvae._core.jit import compiled

__all__ = ["move_nodes"]


@compiled()
@no_type_check
def move_nodes(
    place,
    works,
    joined,
    first,
    other,
    weight,
    broken,
    start,
    end,
    steps,
    seed,
):
    """Move single nodes, or exchange two, to lower the price of lost couplers, in place.

    `place` ends as the cheapest one met. `works` and `joined` are of qubits; `first`, `other`
    and `weight` list the neighbours of each node and what losing each coupler costs; `broken`
    is the price of a qubit that does not work; the temperature falls from `start` to `end`.
    """
    np.random.seed(seed)  # noqa: NPY002 - the only generator of compiled code
    nodes, qubits = len(place), len(works)
    occupant = np.full(qubits, -1)
    for n in range(nodes):
        occupant[place[n]] = n
    total, best, lowest = 0.0, place.copy(), 0.0
    for step in range(steps):
        temperature = start * (end / start) ** (step / steps)
        a, q = np.random.randint(nodes), np.random.randint(qubits)  # noqa: NPY002
        p = place[a]
        if q == p or not works[q]:
            continue
        b = occupant[q]
        rise = 0.0 if works[p] else -broken
        for entry in range(first[a], first[a + 1]):
            n = other[entry]
            if n != b:
                rise += weight[entry] * (joined[p, place[n]] - 1.0 * joined[q, place[n]])
        if b >= 0:
            rise += 0.0 if works[p] else broken
            for entry in range(first[b], first[b + 1]):
                n = other[entry]
                if n != a:
                    rise += weight[entry] * (joined[q, place[n]] - 1.0 * joined[p, place[n]])
        if rise <= 0 or np.random.random() < np.exp(-rise / temperature):  # noqa: NPY002
            place[a], occupant[q], occupant[p] = q, a, b
            if b >= 0:
                place[b] = p
            total += rise
            if total < lowest - 1e-12:
                lowest = total
                best[:] = place
    place[:] = best
