"""The samplers by name, and which one runs where none is named: the fastest for the device."""

from pkgutil import resolve_name

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.samplers.base import Sampler
from calo4pqvae.boltzmann.samplers.registry import SAMPLERS
from calo4pqvae.errors import MissingExtraError, SamplerError

__all__ = ["SamplerKind", "choose_sampler"]

SamplerKind = str
"""``auto``, or a name in `SAMPLERS`."""

FASTEST = {"cpu": "compiled", "cuda": "cuda"}
"""What ``auto`` takes on each kind of device; torch runs on all others."""


def choose_sampler(
    graph: PartiteGraph, noise: SharedNoise, kind: SamplerKind = "auto"
) -> Sampler:
    """Make a sampler on the device of the noise.

    Arguments:
        graph: nodes and couplers.
        noise: source of random numbers.
        kind: name of the sampler; ``auto`` takes the compiled one on a CPU, and the kernel on
            a CUDA device if its extra is installed.

    Raises:
        MissingExtraError: the sampler that is named needs an extra that is not installed.
        SamplerError: there is no sampler of that name, or it does not run on that device.

    Example:
        >>> type(choose_sampler(PartiteGraph.complete([0, 3, 2]), SharedNoise(seed=1))).__name__
        'CompiledGibbs'
    """
    if kind != "auto":
        return _make(kind, graph, noise)
    try:
        return _make(FASTEST.get(noise.generator.device.type, "torch"), graph, noise)
    except MissingExtraError:
        return _make("torch", graph, noise)


def _make(name: str, graph: PartiteGraph, noise: SharedNoise) -> Sampler:
    if name not in SAMPLERS:
        raise SamplerError(f"there is no sampler {name!r}; name {', '.join(SAMPLERS)} or auto")
    return resolve_name(SAMPLERS[name])(graph, noise)
