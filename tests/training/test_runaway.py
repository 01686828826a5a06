"""Chains that run away: noticed, braked, told; and without the brake they do run away."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.gradient import plain_gradient
from calo4pqvae.boltzmann.graph import PartiteGraph
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.config import Config
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.errors import PhysicsWarning
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.models.vae.model import Calo4pQVAE
from calo4pqvae.training import prior_step
from calo4pqvae.training.loop import Trainer
from calo4pqvae.training.prior_step import PriorStep
from calo4pqvae.training.processes import Processes
from calo4pqvae.training.runaway import WIDEST_GAP, closing_rate, has_run_away

WILD = (
    "training.prior_learning_rate=3.0",
    "training.prior_learning_rate_end=3.0",
    "training.prior_momentum=0.9",
    "training.sweeps=2",
)
"""150 times the usual rate: long momentum carries the machine past the data."""


@pytest.fixture
def model(configure: Callable[..., Config], toy_geometry: CylindricalGeometry) -> Calo4pQVAE:
    return build_model(configure(*WILD), toy_geometry)


def gaps_of(
    model: Calo4pQVAE, config: Config, generator: torch.Generator, steps: int = 120
) -> tuple[list[float], list[bool]]:
    """Fit the prior to coins; collect how far chains lie below them, and what was damped."""
    step = PriorStep(model, config.training, SharedNoise(3), Processes())
    gaps, damped = [], []
    for _ in range(steps):
        e_inc = 10 ** (2 + 2 * torch.rand(32, 1, generator=generator))
        latents = torch.rand(32, model.prior.graph.n_latents, generator=generator) < 0.5
        bits = torch.cat([model.code(e_inc), latents], dim=1)
        t = model.scale(e_inc)
        before = float(model.prior.energy(bits, t).mean())
        chains, brake = step(bits, e_inc, 0.0).tolist()
        gaps.append(before - chains)
        damped.append(brake > 0)
    return gaps, damped


def test_a_machine_made_to_diverge_is_braked(
    model: Calo4pQVAE,
    configure: Callable[..., Config],
    generator: torch.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same machine and coins, with the brake and without."""
    limit = WIDEST_GAP * math.sqrt(model.prior.graph.n_latents)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    seed = generator.get_state()
    braked, damped = gaps_of(model, configure(*WILD), generator)
    assert any(damped)
    model.load_state_dict(start)
    generator.set_state(seed)
    monkeypatch.setattr(prior_step, "has_run_away", lambda *_: False)
    free, none = gaps_of(model, configure(*WILD), generator)
    assert not any(none)
    assert np.mean(free[60:]) > 3 * limit
    assert np.mean(braked[60:]) < 1.5 * limit


def test_a_healthy_machine_is_left_alone(
    configure: Callable[..., Config],
    toy_geometry: CylindricalGeometry,
    generator: torch.Generator,
) -> None:
    config = configure("training.sweeps=2")
    _, damped = gaps_of(build_model(config, toy_geometry), config, generator)
    assert not any(damped)


def test_half_of_the_gap_is_closed_when_the_states_hold() -> None:
    graph = PartiteGraph.complete([0, 2, 2])
    machine = BoltzmannMachine(graph)
    machine.coupling += 2.0
    data, chains = torch.eye(4) > 0, torch.ones(3, 4, dtype=torch.bool)

    def gap() -> float:
        return float(machine.energy(data).mean() - machine.energy(chains).mean())

    phases = [machine.moments(bits) for bits in (data, chains)]
    gradient = plain_gradient(*phases, graph)
    before = gap()
    rate = closing_rate(before, gradient, *phases)
    machine.bias += rate * gradient.bias
    machine.coupling += rate * gradient.coupling
    assert gap() == pytest.approx(before / 2)
    nothing = plain_gradient(phases[0], phases[0], graph)
    assert closing_rate(before, nothing, *phases) == math.inf


def test_the_limit_grows_with_the_root_of_the_nodes() -> None:
    assert not has_run_away(29.9, 100)
    assert has_run_away(30.1, 100)
    assert not has_run_away(-1e6, 100)


def test_damping_is_told_once_and_logged(
    configure: Callable[..., Config], showers: ShowerFile, tmp_path: Path
) -> None:
    config = configure(*WILD, "training.epochs=12", "training.freeze_epoch=1")
    batches = ShowerBatches([showers], np.arange(64), 16, 1)
    model = build_model(config, showers.geometry)
    model.prior.coupling += 3.0
    with pytest.warns(PhysicsWarning, match="ran away .* halve") as w:
        Trainer(model, config, batches, folder=tmp_path).run()
    assert len([x for x in w if "ran away" in str(x.message)]) == 1
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert any(json.loads(line)["damped"] > 0 for line in lines)
