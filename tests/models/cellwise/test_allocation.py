"""Cells are decided one by one, and the hits of a layer are all given away."""

import pytest
import torch

from calo4pqvae.models.cellwise.allocation import Allocation, undecided
from calo4pqvae.models.cellwise.compiled_allocation import CompiledAllocation
from calo4pqvae.models.cellwise.order import SectorOrder

ORDER = SectorOrder(8)


@pytest.fixture
def layers(generator):
    past = torch.randn(60, 8, 3, generator=generator)
    scores = past + 0.5 * torch.randn(60, 8, 3, generator=generator)
    n_hits = torch.randint(1, 20, (60,), generator=generator).float()
    return past, scores, n_hits


def draw(past, scores, n_hits, seed):
    chance = torch.rand(scores.shape, generator=torch.Generator().manual_seed(seed)).logit()
    allocation, hits = Allocation(ORDER, past, n_hits), torch.zeros_like(scores)
    for number, stage in enumerate(ORDER.stages):
        mine = stage.places
        hits[:, mine] = allocation.draw(number, scores[:, mine], chance[:, mine])
    return hits


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
