"""A walk that returns to zero: how far does it go by chance, and how far did this one go?

Scores of a job's reads, in the order of time, add up to zero at their common temperature. If it
changed on the way, the sum of the first ones is far from zero.
"""

import numpy as np
from jaxtyping import Float

__all__ = ["change_probability", "effective"]

_BLOCKS = 512
"""Steps of a walk at most; more are added up, which its furthest point hardly feels."""

_REPLICAS, _ENOUGH = 9_999, 50
"""Walks with random signs: a probability of 0.002 is known to a quarter. When so many have gone
further, the probability is well known and not small, and no more are tried (Besag and Clifford,
Biometrika 78 (1991) 301)."""


def effective(weight: Float[np.ndarray, " parts"]) -> float:
    """How many equal parts would tell as much as these."""
    return float(weight.sum() ** 2 / max((weight**2).sum(), 1e-300))


def change_probability(
    steps: Float[np.ndarray, " steps"], sizes: Float[np.ndarray, " steps"], seed: int = 0
) -> tuple[float, int]:
    """Compare the furthest point of a walk that returns to zero with those of random signs.

    The signs keep the size of each step, so that steps may differ in size as they like (a
    multiplier bootstrap, with the steps' means taken out as they are from the walk itself).

    Arguments:
        steps: scores; their sum is near zero.
        sizes: information of each: how much of the sum's mean it carries.
        seed: seed of the signs.

    Returns:
        the probability that random signs go as far, and the number of steps before the
        furthest point.
    """
    if len(steps) < 3 or not (steps**2).sum() > 0:
        return 1.0, 0
    if len(steps) > _BLOCKS:
        edges = np.linspace(0, len(steps), _BLOCKS + 1).astype(int)
        added, sums = (np.add.reduceat(part, edges[:-1]) for part in (steps, sizes))
        p, k = change_probability(added, sums, seed)
        return p, int(edges[k])
    share = np.cumsum(sizes) / sizes.sum()
    walk = np.cumsum(steps) - share * steps.sum()
    furthest = np.abs(walk).max()
    steps = steps / np.sqrt((1 - sizes / sizes.sum()).clip(0.1))
    rng, beyond, tried = np.random.default_rng(seed), 0, 0
    for replicas in np.array_split(np.arange(_REPLICAS), 10):
        signs = rng.integers(0, 2, (len(replicas), len(steps)), dtype=np.int8) * 2 - 1
        walks = np.cumsum(signs * steps, axis=1)
        walks -= share * walks[:, -1:]
        beyond += int((np.abs(walks).max(axis=1) >= furthest).sum())
        tried += len(replicas)
        if beyond >= _ENOUGH:
            break
    return (1 + beyond) / (1 + tried), 1 + int(np.abs(walk).argmax())
