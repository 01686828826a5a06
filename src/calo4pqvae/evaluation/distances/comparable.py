"""What the distances over high-level features share: checks, scale, and draws of showers."""

import numpy as np
from jaxtyping import Float, Int

from calo4pqvae.errors import ConfigError, GeometryError
from calo4pqvae.evaluation.measured.features import Features

__all__ = ["check_alike", "check_comparable", "draw_counts", "scale_of"]


def check_alike(reference: Features, generated: Features) -> None:
    """Refuse samples of different cylinders or feature sets.

    Raises:
        GeometryError: the cylinders or their thresholds differ.
        ConfigError: the feature sets differ.
    """
    if reference.geometry != generated.geometry:
        raise GeometryError(
            "reference and generated showers have different cylinders or thresholds; compare "
            "showers of one calorimeter, read with the same geometry"
        )
    if reference.feature_set != generated.feature_set:
        raise ConfigError(
            f"the reference has features {reference.feature_set}, the generated showers have "
            f"{generated.feature_set}; measure both alike"
        )


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
    check_alike(reference, generated)
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
