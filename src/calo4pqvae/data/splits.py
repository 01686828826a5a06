"""Which showers train, which validate, which test: by named protocol, recorded row by row."""

import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Int

from calo4pqvae._core.atomic import write_text
from calo4pqvae._core.intake import one_line, parsing, read_json
from calo4pqvae.errors import ConfigError

__all__ = ["PROTOCOLS", "Split", "make_split", "official_split", "paper_split"]

PROTOCOLS = ("paper", "official")
"""Names that `make_split` knows."""

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of three disjoint sets of showers.

    Rows count over all files of a dataset, one after another, from 0.

    Arguments:
        train: rows to train on.
        validation: rows to select models on.
        test: rows for final figures.
        protocol: name of the rule that made the split.
        seed: seed of the shuffle, if there was one.

    Raises:
        ConfigError: a row is negative or belongs to two sets, or occurs twice in one.
    """

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]
    protocol: str
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in PARTS:
            rows = getattr(self, name)
            if (rows < 0).any() or len(np.unique(rows)) != len(rows):
                raise ConfigError(
                    f"the {name} rows of the split '{self.protocol}' are negative or repeated; "
                    f"every row number must be >= 0 and occur once"
                )
        for one, other in combinations(PARTS, 2):
            shared = np.intersect1d(getattr(self, one), getattr(self, other))
            if len(shared):
                raise ConfigError(
                    f"{len(shared)} rows of the split '{self.protocol}' are in both {one} and "
                    f"{other}, the first is {shared[0]}; the sets must be disjoint"
                )

    @property
    def n_rows(self) -> int:
        """Number of rows in the three sets together."""
        return len(self.train) + len(self.validation) + len(self.test)

    def has_rows_of(self, other: "Split") -> bool:
        """Tell whether another split holds the same rows in each of its sets."""
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in PARTS)

    def save(self, path: str | Path) -> None:
        """Write the split as JSON, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        record = {"protocol": self.protocol, "seed": self.seed}
        record |= {name: getattr(self, name).tolist() for name in PARTS}
        write_text(path, json.dumps(record) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Split":
        """Read a split written by `save`; other keys in the file are ignored.

        Raises:
            ConfigError: the file is missing or is no split.
        """
        record = read_json(path, "split")
        with parsing(path, f"split, with rows {', '.join(PARTS)} and a protocol", ConfigError):
            rows = {name: _row_array(record[name]) for name in PARTS}
            protocol, seed = record["protocol"], record.get("seed")
            if not isinstance(protocol, str) or not isinstance(seed, int | None):
                raise TypeError("the protocol is a word, the seed a whole number")
            return cls(**rows, protocol=one_line(protocol), seed=seed)


def paper_split(n_showers: int, seed: int = 0) -> Split:
    """Shuffle and divide 80/10/10, the protocol of the paper.

    Within each set the rows are in rising order, which reads fastest.

    Arguments:
        n_showers: number of showers.
        seed: seed of the shuffle.

    Raises:
        ConfigError: there are fewer than ten showers.

    Source: arXiv:2410.22870, section on data; the shuffle and its seed are ours.
    """
    if n_showers < 10:
        raise ConfigError(f"a split 80/10/10 needs at least ten showers, not {n_showers}")
    shuffled = np.random.default_rng(seed).permutation(n_showers)
    n_tenth = n_showers // 10
    train, validation, test = np.split(shuffled, [n_showers - 2 * n_tenth, n_showers - n_tenth])
    return Split(np.sort(train), np.sort(validation), np.sort(test), "paper", seed)


def official_split(n_file_1: int, n_file_2: int, validation_fraction: float = 0.1) -> Split:
    """Train on file 1, its last part validating; test on file 2, as the CaloChallenge does.

    Arguments:
        n_file_1: showers in the first file.
        n_file_2: showers in the second file.
        validation_fraction: part of file 1 that validates.

    Raises:
        ConfigError: a set would be empty.
    """
    n_validation = int(n_file_1 * validation_fraction)
    n_train = n_file_1 - n_validation
    if min(n_train, n_validation, n_file_2) < 1:
        raise ConfigError(
            f"the official split of {n_file_1} and {n_file_2} showers with validation fraction "
            f"{validation_fraction:g} leaves a set empty; give larger files"
        )
    rows = np.arange(n_file_1 + n_file_2)
    train, validation, test = np.split(rows, [n_train, n_file_1])
    return Split(train, validation, test, "official")


def make_split(protocol: str, sizes: list[int], seed: int = 0) -> Split:
    """Make a split by the name of its protocol.

    Arguments:
        protocol: ``"paper"`` or ``"official"``.
        sizes: number of showers in each file, in order.
        seed: seed of the shuffle, where there is one.

    Raises:
        ConfigError: the protocol is unknown or does not suit the number of files.
    """
    if protocol == "paper":
        return paper_split(sum(sizes), seed)
    if protocol != "official":
        raise ConfigError(f"unknown split protocol {protocol!r}; choose from {PROTOCOLS}")
    if len(sizes) != 2:
        raise ConfigError(
            f"the official split needs two files (train, test), not {len(sizes)}; give both or "
            f"choose the protocol 'paper'"
        )
    return official_split(*sizes)


def _row_array(values: list[int]) -> Int[np.ndarray, " rows"]:
    """Turn a JSON list into row numbers; a fraction or text is no row."""
    rows = np.array(values)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind != "i"):
        raise ValueError("rows must be whole numbers")
    return rows.astype(np.int64)
