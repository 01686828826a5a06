"""A maker of generated showers, and all that they depend on."""

import hashlib
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import torch

from calo4pqvae import __version__
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae._core.sources import digest_of_sources
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.data.energies import EnergySequence
from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import PhysicsWarning
from calo4pqvae.generation import sequence
from calo4pqvae.generation.bulk import BATCH, generate
from calo4pqvae.generation.sequence import ShowerSequence, check_energies
from calo4pqvae.models import storage
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.storage import StoredModel, load_model
from calo4pqvae.shards.folder import FIRST, SEQUENCE, digest_of
from calo4pqvae.shards.plan import Shard

__all__ = ["ShowerMaker", "provenance"]

PROBED = 8
"""Showers that tell two ways of rounding apart, by millions of products and exponentials."""


class ShowerMaker:
    """Makes any showers of the one sequence that model, energies, sweeps and seed define.

    All arguments but the model that is read already can be written as JSON: see
    `shards.Recipe`.

    Arguments:
        model: model folder.
        energies: as for `EnergySequence.described`.
        sweeps: Gibbs sweeps; what the model asks for when absent.
        seed: seed of everything random but the energies.
        sampler: kind of the Gibbs sampler.
        values: how voxels are made, of models that have a choice: ``drawn``, ``point`` or
            ``literal``.
        device: where to compute.
        batch_size: showers that are in memory together.
        compression: of the files.
        stored: the model, if it is read already.

    Attributes:
        facts: everything that the showers depend on, beside their numbers.

    Warns:
        PhysicsWarning: no sweeps are made.
    """

    def __init__(
        self,
        model: str,
        energies: dict[str, Any],
        *,
        sweeps: int | None = None,
        seed: int = 0,
        sampler: str = "auto",
        values: str | None = None,
        device: str = "cpu",
        batch_size: int = BATCH,
        compression: str = "gzip",
        stored: StoredModel | None = None,
    ) -> None:
        self._stored = stored or load_model(model)
        self._values = values
        if values is not None:
            self._stored.model.choose_values(values)
        self._energies = EnergySequence.described(energies)
        wanted = self._stored.config.prior.burn_in
        self._sweeps = wanted if sweeps is None else sweeps
        if self._sweeps < 1:
            warnings.warn(
                "without a sweep the bits of the prior are random, and the showers not those "
                f"of the model, which asks for {wanted} sweeps",
                PhysicsWarning,
                stacklevel=2,
            )
        self._seed, self._sampler, self._device = seed, sampler, device
        self._batch_size, self._compression = batch_size, compression
        self.facts = self._describe()

    def make(
        self,
        shard: Shard,
        path: Path,
        *,
        overwrite: bool = True,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        """Write some showers to a file, whole or not at all.

        Arguments:
            shard: which showers.
            path: the file.
            overwrite: whether it may be replaced.
            on_batch: called with the number of showers just made.

        Raises:
            ConfigError: an energy lies outside the range of the model.
            OutputError: the file cannot be written.
        """
        model, attrs = self._stored.model, {SEQUENCE: digest_of(self.facts), FIRST: shard.first}
        given = provenance(
            self._stored.provenance,
            "block Gibbs",
            sweeps=self._sweeps,
            seed=self._seed,
            values=self._values,
        )
        with ShowerWriter(
            path,
            model.geometry,
            {**given, **attrs},
            overwrite=overwrite,
            compression=self._compression,
        ) as writer:
            generate(
                model,
                self._energies,
                writer,
                first=shard.first,
                n=shard.n,
                sweeps=self._sweeps,
                seed=self._seed,
                batch_size=self._batch_size,
                device=self._device,
                sampler=self._sampler,
                on_batch=on_batch,
            )

    def check(self, shard: Shard) -> None:
        """Refuse energies outside the range of the model.

        Raises:
            ConfigError: naming how many there are.
        """
        check_energies(self._stored.model, self._energies, shard.first, shard.n)

    def _describe(self) -> dict[str, Any]:
        """Everything that the showers depend on, in words where there are some."""
        graph = self._stored.model.prior.graph
        sampler = choose_sampler(graph, SharedNoise(0, self._device), self._sampler)
        files = sorted(self._stored.folder.glob("*"))
        digests = [
            f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"
            for file in files
            if file.name in {"model.safetensors", "config.json"}
        ]
        return {
            "program": f"calo4pqvae {__version__}, {_sources()[:16]}",
            "arithmetic": arithmetic(self._stored.model, self._device),
            "model": hashlib.sha256("\n".join(digests).encode()).hexdigest()[:32],
            "geometry": digest_of(self._stored.model.geometry.to_dict()),
            "energies": self._energies.facts,
            "sampler": type(sampler).__name__,
            "sweeps": self._sweeps,
            "seed": self._seed,
            "values": self._values or "default",
        }


def provenance(
    model: dict, sampler: str, *, sweeps: int, seed: int, values: str | None = None
) -> dict[str, str | int]:
    """Say in a generated file's attributes how it was made."""
    chosen = {} if values is None else {"values": values}
    return {
        "generator": f"calo4pqvae {__version__}",
        "sampler": sampler,
        "sweeps": sweeps,
        "seed": seed,
        "model": json.dumps(model),
        **chosen,
    }


def arithmetic(model: ShowerModel, device: str) -> str:
    """Name what rounding depends on: the type of the processor, and the libraries.

    Of a model that draws each shower by itself, a few showers are made and their digest is
    told: it knows the compiler, too.
    """
    libraries = f"torch {torch.__version__}, numpy {np.__version__}, numba {numba.__version__}"
    if torch.device(device).type == "cuda":
        return f"{torch.cuda.get_device_name(device)}; {libraries}"
    processor = llvmlite.binding.get_host_cpu_name()
    width = torch.backends.cpu.get_cpu_capability().lower()
    told = f"{sys.platform} {processor} {width}; {libraries}"
    if model.decoded_together(torch.device(device)) > 1:
        return told
    energies = EnergySequence.drawn(model.scale.low, model.scale.high, seed=0)
    showers = ShowerSequence(model.to(device).eval(), energies, sweeps=20, seed=0)
    made = next(showers.batches(0, PROBED, PROBED))
    return f"{told}; {hashlib.sha256(made.voxels.tobytes()).hexdigest()[:16]}"


def _sources() -> str:
    """Digest of all code that a shower goes through, from the seed to the voxels."""
    files = (sequence.__file__, storage.__file__)
    return hashlib.sha256(
        "".join(digest_of_sources(Path(f)) for f in files).encode()
    ).hexdigest()
