"""Cells are decided one by one, and the hits of a layer are all given away."""

import itertools

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


def draw(past, scores, n_hits, seed, far=None):
    chance = chances(scores, seed).logit()
    allocation, hits = Allocation(ORDER, past, n_hits, far), torch.zeros_like(scores)
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


def test_compiled_code_decides_the_same(layers, generator):
    past, scores, n_hits = layers
    far = torch.randn(60, 2, 4, generator=generator)
    told = (np.arange(60), far.numpy(), ORDER.sectors.numpy())
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
        allocate(odds, later, uniforms, *told, stage.first, c, left, hits, made)
    wanted = draw(*layers, seed=1, far=far)
    assert torch.equal(torch.from_numpy(hits), wanted)
    assert not torch.equal(draw(*layers, seed=1), wanted)
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


TWO = SectorOrder(2)


def chi_square(scores, n, seed, counted):
    """Draw sets of n of six cells, and compare with products of odds, set by set."""
    rows = 20000
    scores = scores.expand(rows, 2, 3)
    chance = torch.rand(scores.shape, generator=torch.Generator().manual_seed(seed)).logit()
    made = torch.zeros_like(scores)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("calo4pqvae.models.cellwise.allocation.COUNTED", counted)
        allocation = Allocation(TWO, scores, torch.full((rows,), float(n)))
        for number, stage in enumerate(TWO.stages):
            mine = stage.places
            made[:, mine] = allocation.draw(number, scores[:, mine], chance[:, mine])
    found = {}
    for row in made.flatten(start_dim=1).int().tolist():
        found[tuple(row)] = found.get(tuple(row), 0) + 1
    sets = [s for s in itertools.product((0, 1), repeat=6) if sum(s) == n]
    weight = torch.tensor([[*s] for s in sets]).float() @ scores[0].flatten()
    expected = rows * torch.softmax(weight, dim=0)
    counts = torch.tensor([found.get(s, 0) for s in sets])
    assert int(counts.sum()) == rows
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_the_last_two_sectors_are_drawn_exactly(n):
    """Every set of n of six unlike cells has its probability; limit: 1 in 10,000 at most."""
    scores = torch.tensor([[2.5, -1.0, 0.3], [3.0, 0.5, -1.5]])
    limit = {1: 26, 2: 44, 3: 52, 5: 26}[n]
    assert chi_square(scores, n, seed=n, counted=2) < limit
    assert chi_square(scores, n, seed=n, counted=0) > 10 * limit


def test_hits_move_the_odds_of_their_own_stage():
    """Cells of a stage, two to eight sectors apart: a hit makes the far one rarer."""
    n, n_hits = 4000, torch.full((4000,), 2.0)
    nothing = torch.zeros(n, 8, 3)
    far = torch.zeros(n, 1, 4)
    far[..., 3] = -2.0
    kept = {}
    for name, given in (("alike", None), ("apart", far)):
        chance = torch.rand(n, 8, 3, generator=torch.Generator().manual_seed(3)).logit()
        allocation, hits = Allocation(ORDER, nothing, n_hits, given), torch.zeros(n, 8, 3)
        for number, stage in enumerate(ORDER.stages):
            mine = stage.places
            hits[:, mine] = allocation.draw(number, nothing[:, mine], chance[:, mine])
        assert torch.equal(hits.sum(dim=(1, 2)), n_hits)
        natural = ORDER.back(hits)
        kept[name] = float((natural * natural.roll(4, dims=1)).sum())
    # 12 pairs of 276 have such cells: 2 x 174 expected, 16 % of these with the weight.
    assert abs(kept["alike"] - 348) < 4 * 2 * 174**0.5
    assert kept["apart"] < 0.35 * kept["alike"]
