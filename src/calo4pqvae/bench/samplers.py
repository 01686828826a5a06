"""Who takes part in the comparison of samplers on this machine."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

import torch

from calo4pqvae._core.optional import require
from calo4pqvae.bench.contender import Kind, UnavailableError, place
from calo4pqvae.bench.dense_blocks import dense_blocks
from calo4pqvae.bench.dwave_annealer import dwave_annealer
from calo4pqvae.bench.dwave_plugin import dwave_plugin
from calo4pqvae.bench.ours import compiled, cuda_kernel, torch_sparse
from calo4pqvae.bench.thrml_blocks import thrml_blocks
from calo4pqvae.errors import ConfigError, MissingExtraError

__all__ = ["KINDS", "Contender", "contenders"]

_BOTH = ("cpu", "cuda")

KINDS = {
    "compiled": Kind(compiled),
    "torch-sparse": Kind(torch_sparse, devices=_BOTH),
    "cuda": Kind(cuda_kernel, devices=("cuda",)),
    "torch-dense": Kind(dense_blocks, "torch", devices=_BOTH),
    "thrml": Kind(thrml_blocks, "thrml", ("thrml", "jax"), _BOTH, threaded=False),
    "dwave-samplers": Kind(dwave_annealer, "dwave-samplers", ("dwave.samplers",)),
    "dwave-pytorch-plugin": Kind(
        dwave_plugin, "dwave-pytorch-plugin", ("dwave.plugins.torch", "einops"), _BOTH
    ),
}
"""The samplers by name, as in `calo4pqvae.bench.SAMPLERS`."""


@dataclass(frozen=True)
class Contender:
    """One row of the comparison: a sampler on a device with a number of threads."""

    name: str
    kind: Kind
    device: str
    threads: int

    @property
    def version(self) -> str:
        """Version of the library that does the work."""
        return version(self.kind.distribution)

    @property
    def label(self) -> str:
        """Name and place in a few words."""
        return f"{self.name}, {place(self.device, self.threads)}"


def contenders(
    names: Iterable[str], device: str, threads: Iterable[int]
) -> tuple[list[Contender], dict[str, str]]:
    """List the rows of the comparison, and the samplers left out with the reason.

    A sampler has a row per number of threads on the CPU, and one row with one thread on CUDA.
    A sampler whose threads are set once per process has one row with the most threads.

    Arguments:
        names: samplers to take.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for all that is there.
        threads: numbers of threads.

    Raises:
        ConfigError: CUDA is asked for and absent.
    """
    found = _devices(device)
    rows: list[Contender] = []
    left_out = {}
    for name in names:
        kind = KINDS[name]
        try:
            devices = _check(kind, found)
        except UnavailableError as reason:
            left_out[name] = str(reason)
            continue
        for where in devices:
            counts = _threads(kind, where, threads)
            rows += [Contender(name, kind, where, count) for count in counts]
    return rows, left_out


def _devices(wanted: str) -> list[str]:
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise ConfigError("torch finds no CUDA device here", remedy="device")
    if wanted == "auto":
        return ["cpu", "cuda"] if has_cuda else ["cpu"]
    return [wanted]


def _check(kind: Kind, devices: list[str]) -> list[str]:
    """Where the sampler can run; its libraries are imported on the way."""
    possible = [device for device in devices if device in kind.devices]
    if not possible:
        raise UnavailableError(
            "needs a CUDA device" if "cuda" in kind.devices else "runs on the CPU only"
        )
    for module in kind.modules:
        try:
            require(module, "bench")
        except MissingExtraError as error:
            raise UnavailableError("not installed (pip install 'calo4pqvae[bench]')") from error
    return possible


def _threads(kind: Kind, device: str, threads: Iterable[int]) -> list[int]:
    if device == "cuda":
        return [1]
    counts = sorted(set(threads))
    return counts if kind.threaded else counts[-1:]
