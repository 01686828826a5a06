"""Which sampler runs where."""

from types import SimpleNamespace

import pytest
import torch

from calo4pqvae.errors import SamplerError
from calo4pqvae.prior.lattices import zephyr
from calo4pqvae.random import SharedNoise
from calo4pqvae.samplers.choose import choose_sampler
from calo4pqvae.samplers.compiled import CompiledGibbs
from calo4pqvae.samplers.gibbs import GibbsSampler


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("auto", CompiledGibbs), ("compiled", CompiledGibbs), ("torch", GibbsSampler)],
)
def test_the_compiled_sampler_is_the_choice_on_a_cpu(kind, wanted):
    assert isinstance(choose_sampler(zephyr(3), SharedNoise(0), kind), wanted)


def test_compiled_code_for_the_cpu_is_refused_elsewhere(monkeypatch):
    noise = SharedNoise(0)
    elsewhere = SimpleNamespace(device=torch.device("cuda"))
    monkeypatch.setattr(noise, "generator", elsewhere)
    with pytest.raises(SamplerError, match="runs on the CPU only"):
        choose_sampler(zephyr(3), noise, "compiled")
