"""Calls of the compiled core: arrays in, arrays out."""

import ctypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from calo4pqvae._core.cpp import load_library
from calo4pqvae.errors import CheckpointError

__all__ = ["Core", "Numbers"]

SOURCES = Path(__file__).parent

_POINTER, _SIZE, _WORD = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
_NAMES = ("layers", "sectors", "rings", "voxels", "nodes", "uniforms", "sweeps")

Voxels = Float[np.ndarray, "showers voxels"]
Energies = Float[np.ndarray, " showers"]
States = UInt8[np.ndarray, "showers nodes"]


@dataclass(frozen=True, eq=False)
class Numbers:
    """Random numbers of showers: those of a seed, or given ones.

    Attributes:
        seed: seed of all showers.
        first: number of the first shower.
        uniforms: numbers in (0, 1) of each shower, in the order in which torch draws them;
            seed and number count for nothing beside them.
    """

    seed: int = 0
    first: int = 0
    uniforms: Float[np.ndarray, "showers uniforms"] | None = None


class _Facts(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in _NAMES),
        *((name, ctypes.c_float) for name in ("threshold", "lowest", "highest")),
        ("digest", _WORD),
    )


class Core:
    """A model in the compiled core.

    Calls may come from any thread. Large ones are shared among as many threads as torch uses;
    that changes no shower.

    Arguments:
        weights: bytes of a weights file, as `packing.to_bytes` makes them.

    Raises:
        CheckpointError: the core does not take them.
    """

    def __init__(self, weights: bytes) -> None:
        library = self._library()
        if library is None:
            raise CheckpointError("there is no C++ compiler for the compiled core")
        self._calls: Any = library
        self._calls.calo4pqvae_text.restype = ctypes.c_char_p
        self._model, self._idle, facts = _POINTER(), list[Any](), _Facts()
        data = ctypes.create_string_buffer(weights, len(weights))
        self._check(library.calo4pqvae_load_bytes(data, _SIZE(len(weights)), self._to_model()))
        self._check(library.calo4pqvae_describe(self._model, ctypes.byref(facts)))
        self.voxels, self.nodes, self.uniforms = facts.voxels, facts.nodes, facts.uniforms

    @staticmethod
    def available() -> bool:
        """Whether the core is compiled, or can be."""
        return Core._library() is not None

    def sample(
        self, e_inc: Energies, seed: int, first: int, sweeps: int
    ) -> tuple[Bool[np.ndarray, "showers nodes"], Float[np.ndarray, " showers"]]:
        """Draw the bits of showers first, first + 1, ... of a seed, and their energies [nats].

        Arguments:
            e_inc: incident energies [MeV].
            seed: seed of all showers.
            first: number of the first one.
            sweeps: Gibbs sweeps from random bits.
        """
        bits = np.empty((len(e_inc), self.nodes), np.uint8)
        energies = np.empty(len(e_inc))

        def part(worker: Any, rows: slice) -> int:
            numbers = (_WORD(seed), _WORD(first + rows.start), ctypes.c_int32(sweeps))
            given = (_SIZE(rows.stop - rows.start), _of(e_inc[rows]))
            made = (_of(bits[rows]), _of(energies[rows]))
            return self._calls.calo4pqvae_sample(worker, *given, *numbers, *made)

        self._share(part, len(e_inc))
        return bits.view(np.bool_), energies

    def decode(
        self, bits: Bool[np.ndarray, "showers nodes"], e_inc: Energies, numbers: Numbers
    ) -> Voxels:
        """Draw the voxels [MeV] of showers with given bits."""
        states = np.ascontiguousarray(bits).view(np.uint8)
        return self._draw(self._calls.calo4pqvae_decode, states, e_inc, numbers)

    def fill(
        self, layers: Float[np.ndarray, "showers layers"], e_inc: Energies, numbers: Numbers
    ) -> Voxels:
        """Draw the voxels [MeV] of showers with given layer energies [MeV]."""
        return self._draw(
            self._calls.calo4pqvae_fill, np.ascontiguousarray(layers), e_inc, numbers
        )

    def _draw(self, call: Any, given: np.ndarray, e_inc: Energies, numbers: Numbers) -> Voxels:
        voxels = np.empty((len(e_inc), self.voxels), np.float32)
        uniforms = numbers.uniforms
        if uniforms is not None:
            uniforms = np.ascontiguousarray(uniforms)

        def part(worker: Any, rows: slice) -> int:
            mine = None if uniforms is None else _of(uniforms[rows])
            known = (_SIZE(rows.stop - rows.start), _of(e_inc[rows]), _of(given[rows]), mine)
            stream = (_WORD(numbers.seed), _WORD(numbers.first + rows.start))
            return call(worker, *known, *stream, _of(voxels[rows]))

        self._share(part, len(e_inc))
        return voxels

    def _share(self, part: Callable[[Any, slice], int], rows: int) -> None:
        """Do the rows of a call on all threads."""

        def run(mine: slice) -> None:
            with self._worker() as worker:
                self._check(part(worker, mine))

        threads = min(torch.get_num_threads(), rows)
        if threads < 2:
            run(slice(0, rows))
            return
        ends = [rows * k // threads for k in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, (slice(*both) for both in pairwise(ends))))

    @contextmanager
    def _worker(self) -> Iterator[Any]:
        """Lend a worker that no other thread has."""
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _POINTER()
            self._check(self._calls.calo4pqvae_open(self._model, ctypes.byref(worker)))
        yield worker
        self._idle.append(worker)

    def _to_model(self) -> Any:
        return ctypes.byref(self._model)

    def _check(self, code: int) -> None:
        if code:
            raise CheckpointError(
                f"compiled core: {self._calls.calo4pqvae_text(code).decode()}"
            )

    @staticmethod
    def _library() -> ctypes.CDLL | None:
        return load_library(SOURCES, "calo4pqvae.hpp")

    def __del__(self) -> None:
        for worker in getattr(self, "_idle", ()):
            self._calls.calo4pqvae_close(worker)
        if hasattr(self, "_model"):
            self._calls.calo4pqvae_free(self._model)


def _of(array: np.ndarray) -> Any:
    return array.ctypes.data_as(_POINTER)
