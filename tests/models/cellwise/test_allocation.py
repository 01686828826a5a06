"""Cells are decided one by one, and the hits of a layer are all given away."""

import numpy as np
import pytest
import torch

from calo4pqvae.models.cellwise.allocation import Allocation, undecided
from calo4pqvae.models.cellwise.allocation_loops import allocate
from calo4pqvae.models.cellwise.compiled_allocation import CompiledAllocation, odds_of_scores
from calo4pqvae.models.cellwise.hit_list import HitList
from calo4pqvae.models.cellwise.order import SectorOrder

ORDER = SectorOrder(8)


@pytest.fixture
def layers(generator):
    past = torch.randn(60, 8, 3, generator=generator)
    scores = past + 0.5 * torch.randn(60, 8, 3, generator=generator)
    n_hits = torch.randint(1, 20, (60,), generator=generator).float()
    return past, scores, n_hits


def draw(past, scores, n_hits, seed):
    chance = chances(scores, seed).logit()
    allocation, hits = Allocation(ORDER, past, n_hits), torch.zeros_like(scores)
    for number, stage in enumerate(ORDER.stages):
        mine = stage.places
        hits[:, mine] = allocation.draw(number, scores[:, mine], chance[:, mine])
    return hits


def chances(scores, seed):
    return torch.rand(scores.shape, generator=torch.Generator().manual_seed(seed))


def offsets(kind, past, scores, n_hits, hits):
    allocation = kind(ORDER, past, n_hits)
    parts = [
        allocation.offsets(number, scores[:, stage.places], hits[:, stage.places])
        for number, stage in enumerate(ORDER.stages)
    ]
    return torch.cat(parts, dim=1)


def test_every_hit_is_given_away(layers):
    hits = draw(*layers, seed=1)
    assert torch.equal(hits.sum(dim=(1, 2)), layers[2])


def test_no_cell_is_left_over_for_the_end():
    """One hit among 24 equal cells: each has it as often."""
    n = 6000
    nothing, one = torch.zeros(n, 8, 3), torch.ones(n)
    found = draw(nothing, nothing, one, seed=2).sum(dim=0).flatten()
    # 23 degrees of freedom: 53 is exceeded once in 3,000.
    assert float(((found - n / 24) ** 2).sum() / (n / 24)) < 53


def test_compiled_code_decides_the_same(layers):
    past, scores, n_hits = layers
    hits, uniforms = (
        np.zeros(past.shape, dtype=np.float32),
        chances(scores, 1).flatten(1).numpy(),
    )
    rows = np.arange(len(past))
    made = HitList.empty(rows, len(past), (8, 3))
    left, later = n_hits.numpy().copy(), odds_of_scores(past).numpy()
    c = np.log((left + 0.1) / (24 - left + 0.1))
    for stage in ORDER.stages:
        odds = odds_of_scores(scores[:, stage.places]).numpy()
        allocate(odds, later, uniforms, rows, stage.first, c, left, hits, made)
    wanted = draw(*layers, seed=1)
    assert torch.equal(torch.from_numpy(hits), wanted)
    assert not left.any()
    starts, rings = made.starts, made.rings
    for row, layer in enumerate(hits):
        listed = [
            (place, r) for place in range(8) for r in reversed(range(3)) if layer[place, r]
        ]
        assert listed == [
            (place, r)
            for place in range(8)
            for r in rings[row, starts[row, place] : starts[row, place + 1]]
        ]


def test_compiled_code_finds_the_same(layers):
    hits = draw(*layers, seed=1)
    one, other = (offsets(kind, *layers, hits) for kind in (Allocation, CompiledAllocation))
    assert torch.allclose(one, other, atol=2e-3)
    assert not torch.allclose(one, offsets(CompiledAllocation, *layers, 1 - hits), atol=0.1)


def test_compiled_gradients_are_those_of_torch(layers):
    past, scores, n_hits = layers
    hits, found = draw(*layers, seed=1), []
    free = undecided(hits)
    for kind in (Allocation, CompiledAllocation):
        leaves = [x.clone().requires_grad_() for x in (past, scores)]
        c = offsets(kind, *leaves, n_hits, hits)
        logit = torch.where(free, leaves[1] + c, 0.0)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logit, hits, reduction="sum"
        )
        loss.backward()
        found.append(torch.cat([leaf.grad.flatten() for leaf in leaves]))
    alike = torch.nn.functional.cosine_similarity(*found, dim=0)
    # The compiled ones take the Newton steps as arrived.
    assert float(alike) > 0.97
