"""What the distances over high-level features share: result, draws, and threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int

from calo4pqvae.errors import ConfigError, GeometryError
from calo4pqvae.evaluation.features.high_level import Features

__all__ = ["Score", "check_comparable", "draw_counts", "in_parallel", "scale_of"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Score(NamedTuple):
    """A distance between two samples of showers.

    Arguments:
        value: the distance.
        error: its error, as the distance defines it.
        n: number of showers on the smaller side.
    """

    value: float
    error: float
    n: int


def check_comparable(reference: Features, generated: Features, more_than: int) -> int:
    """Refuse samples that cannot be compared, or hold too few showers.

    Arguments:
        reference: showers of Geant4.
        generated: showers of a model.
        more_than: the number of showers that each side must exceed.

    Returns:
        The number of showers on the smaller side.

    Raises:
        GeometryError: the cylinders or their thresholds differ.
        ConfigError: the feature sets differ, or a side is too small.
    """
    if reference.geometry != generated.geometry:
        raise GeometryError(
            "reference and generated showers have different cylinders or thresholds; "
            "read both with the same geometry"
        )
    if reference.feature_set != generated.feature_set:
        raise ConfigError(
            f"the reference has features {reference.feature_set}, the generated showers have "
            f"{generated.feature_set}; measure both alike"
        )
    for name, side in (("reference", reference), ("generated", generated)):
        if len(side) <= more_than:
            raise ConfigError(
                f"the {name} sample has {len(side)} showers, but this distance over "
                f"{len(side.columns)} features needs more than {more_than}; use more showers"
            )
    return min(len(reference), len(generated))


def scale_of(reference: Features) -> Float[np.ndarray, " columns"]:
    """Find the largest |feature| of each column of the reference, 1 where all are zero."""
    low, high = reference.values.min(axis=0), reference.values.max(axis=0)
    largest = np.maximum(-low, high)
    return np.where(largest == 0, 1.0, largest)


def draw_counts(rng: np.random.Generator, n: int, size: int) -> Int[np.ndarray, " n"]:
    """Draw `size` of `n` showers with replacement; count how often each one came.

    The numbers are those of ``rng.choice(n, size)``.
    """
    return np.bincount(rng.choice(n, size=size), minlength=n).astype(np.int32)


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply `work` to every item, one thread per core, each using a single thread of torch.

    `torch.get_num_threads` says how many; results do not depend on it.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        return [work(item) for item in items]
    try:
        with ThreadPoolExecutor(threads, "distance", torch.set_num_threads, (1,)) as pool:
            return list(pool.map(work, items))
    finally:
        torch.set_num_threads(threads)
