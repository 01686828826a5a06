"""Voxel models: losses that are likelihoods, draws that follow them."""

import pytest
import torch
from scipy.stats import ks_2samp, kstest

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.data.transforms import to_logits
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.voxels import DrawnVoxels, PointVoxels
from calo4pqvae.models.voxels.quantiles import QuantileTable

THRESHOLD = 0.0151515
E_INC = 5e4


def outputs_of(*columns):
    """Decoder outputs for one shower whose voxels lie along alpha."""
    rows = [torch.as_tensor(c, dtype=torch.float32).reshape(1, 1, -1, 1) for c in columns]
    return torch.stack(torch.broadcast_tensors(*rows), dim=1)


def energy(batch=1):
    return torch.full((batch, 1), E_INC)


def width(sigma):
    """The output that gives this sigma."""
    low, high = DrawnVoxels.WIDTHS
    return torch.logit((torch.as_tensor(sigma) - low) / (high - low))


def test_absurd_outputs_give_finite_hits_above_the_threshold(generator):
    wild = 10 ** (4 * torch.rand(1, 3, 4, 8, 500, generator=generator))
    wild = wild * torch.sign(torch.randn(wild.shape, generator=generator))
    drawn = DrawnVoxels(THRESHOLD, 500).draw(wild, energy(), SharedNoise(1))
    assert torch.isfinite(drawn).all()
    hits = drawn[drawn > 0]
    assert 0.3 < len(hits) / drawn.numel() < 0.7
    assert float(hits.min()) >= torch.tensor(THRESHOLD)
    assert float(hits.max()) <= E_INC


@pytest.mark.parametrize(("mu", "sigma"), [(2.0, 0.5), (-1.0, 1.5), (0.3, 0.1), (-6.0, 2.5)])
def test_the_likelihood_of_a_hit_integrates_to_one(mu, sigma):
    """Over v > v0, where the density per d ln v is exp(-nll) / sqrt(2 pi)."""
    y = torch.linspace(0, 25, 200_001)[1:]
    model = DrawnVoxels(THRESHOLD, 1)
    showers = (THRESHOLD * torch.exp(y)).view(-1, 1, 1, 1)
    outputs = outputs_of([0.0], [mu], [float(width(sigma))]).expand(len(y), -1, -1, -1, -1)
    _, found_mu, found_sigma = model._split(outputs)
    assert float(found_mu[0]) == pytest.approx(mu)
    assert float(found_sigma[0]) == pytest.approx(sigma, rel=1e-5)
    nll = torch.stack(
        [
            model.loss(o[None], s[None], energy(), SharedNoise(0), 1.0)["values"]
            for o, s in zip(outputs[::400], showers[::400], strict=True)
        ]
    )
    density = torch.exp(-nll.double()) / (2 * torch.pi) ** 0.5
    assert float(torch.trapezoid(density, y[::400].double())) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("mu", "sigma"), [(2.0, 0.5), (-1.0, 1.5), (-6.0, 2.0), (-25.0, 2.0)])
def test_draws_and_transform_agree(mu, sigma):
    """F(y) of what is drawn is uniform, far in the tail as well.

    False alarms: one in ten thousand seeds each.
    """
    model = DrawnVoxels(THRESHOLD, 1)
    outputs = outputs_of([30.0], torch.full((100_000,), mu), [float(width(sigma))])
    drawn = model.draw(outputs, energy(), SharedNoise(2))
    found_mu, transform, _ = model.measured(outputs, drawn, energy())
    assert len(transform) == 100_000
    assert float(found_mu[0]) == pytest.approx(mu)
    assert kstest(torch.sigmoid(transform).numpy(), "uniform").pvalue > 1e-4
    _, shifted, _ = model.measured(outputs, 1.3 * drawn, energy())
    assert kstest(torch.sigmoid(shifted).numpy(), "uniform").pvalue < 1e-4


def test_hits_are_drawn_as_often_as_the_logit_says():
    logits = torch.tensor([-2.0, 0.0, 3.0]).repeat_interleave(20_000)
    outputs = outputs_of(logits, [1.0], [0.0])
    drawn = DrawnVoxels(THRESHOLD, 1).draw(outputs, energy(), SharedNoise(3))
    share = (drawn > 0).float().view(3, -1).mean(dim=1)
    expected = torch.sigmoid(torch.tensor([-2.0, 0.0, 3.0]))
    # Five standard deviations of 20,000 draws.
    assert (share - expected).abs().max() < 5 * 0.5 / 20_000**0.5


@pytest.fixture
def skewed(generator):
    """Hits whose logarithm follows a gamma distribution, which no truncated normal has."""
    n = 30_000
    mu = 3 * torch.rand(n, generator=generator)
    shape = torch.full((n,), 2.0)
    y = torch._standard_gamma(shape, generator=generator) * 0.4 * (1 + mu)
    outputs = outputs_of([30.0], mu, [float(width(1.0))])
    return outputs, (THRESHOLD * torch.exp(y)).view(1, 1, -1, 1)


def smallest_p_value(model, outputs, showers):
    drawn = model.draw(outputs, energy(), SharedNoise(4)).flatten()
    bins = torch.bucketize(outputs[0, 1].flatten(), model.quantiles.edges[0])
    tests = [
        ks_2samp(drawn[bins == b].numpy(), showers.flatten()[bins == b].numpy())
        for b in bins.unique()
        if (bins == b).sum() > 100
    ]
    assert len(tests) == len(QuantileTable.SHARES) + 1
    return len(tests) * min(float(t.pvalue) for t in tests)


def test_calibration_makes_the_spectrum_right_in_every_bin(skewed):
    """False alarms: at most one in ten thousand; without the table the check must fail."""
    outputs, showers = skewed
    model = DrawnVoxels(THRESHOLD, 1)
    with torch.no_grad():
        model.quantiles.fit(*model.measured(outputs, showers, energy(len(showers))))
    assert smallest_p_value(model, outputs, showers) > 1e-4
    model.quantiles.table.copy_(QuantileTable(1).table)
    assert smallest_p_value(model, outputs, showers) < 1e-4


def test_few_hits_leave_the_table_as_it_is():
    table = QuantileTable(2)
    before = table.table.clone()
    assert not table.fit(torch.full((999,), 3.0), torch.ones(999), torch.zeros(999).long())
    assert torch.equal(table.table, before)


def test_each_ring_has_its_own_table(generator):
    """Ring 0 holds squares of uniform numbers, ring 1 square roots, ring 2 too few hits."""
    n = 3 * QuantileTable.FEWEST_OF_RING
    u = torch.rand(n, generator=generator)
    ring = torch.arange(n) % 2
    ring[:10] = 2
    value = torch.where(ring == 0, u**2, u**0.5)
    table = QuantileTable(3)
    table.fit(torch.rand(n, generator=generator), torch.logit(value, 1e-7), ring)
    draw = table(
        torch.full((1, 1, 5000, 3), 0.5), torch.rand(1, 1, 5000, 3, generator=generator)
    )
    means = torch.sigmoid(draw).mean(dim=2).flatten()
    assert means[:2].tolist() == pytest.approx([1 / 3, 2 / 3], abs=0.03)
    assert float(means[2]) == pytest.approx(1 / 2, abs=0.03)


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_drawn_voxels_need_a_threshold(threshold):
    with pytest.raises(ConfigError, match="readout threshold above zero"):
        DrawnVoxels(threshold, 1)


@pytest.fixture
def point_case(generator):
    showers = 500 * torch.rand(3, 4, 4, 3, generator=generator)
    showers = torch.where(torch.rand(showers.shape, generator=generator) < 0.6, showers, 0.0)
    return showers, to_logits(showers, energy(3))


def perfect_outputs(showers, x):
    logit = torch.where(showers > 0, 50.0, -50.0)
    value = torch.where(showers > 0, x + torch.log(-torch.expm1(-x)), -50.0)
    return torch.stack([logit, value], dim=1)


def test_point_voxels_invert_eq_1(point_case):
    showers, x = point_case
    drawn = PointVoxels(exponent=0.0, true_mask=False).draw(
        perfect_outputs(showers, x), energy(3), SharedNoise(0)
    )
    torch.testing.assert_close(drawn, showers, rtol=2e-5, atol=0)
    assert not torch.signbit(drawn).any()


def test_point_loss_against_its_formula(point_case, generator):
    showers, x = point_case
    outputs = torch.randn(3, 2, 4, 4, 3, generator=generator)
    terms = PointVoxels(0.03, 0.2, true_mask=False).loss(
        outputs, showers, energy(3), SharedNoise(6), 4.0
    )
    u = SharedNoise(6).uniform(3, 4, 4, 3)
    mask = torch.sigmoid(4 * (outputs[:, 0] + torch.log(u / (1 - u))))
    value = torch.log1p(torch.exp(outputs[:, 1]))
    values = 0.03 * (torch.exp(0.2 * x) * (x - mask * value) ** 2).sum() / 3
    p = torch.sigmoid(outputs[:, 0])
    hits = -torch.where(showers > 0, torch.log(p), torch.log(1 - p)).sum() / 3
    torch.testing.assert_close(terms["values"], values, rtol=1e-4, atol=0)
    torch.testing.assert_close(terms["hits"], hits, rtol=1e-4, atol=0)


def test_the_true_mask_takes_the_logits_out_of_the_values(point_case, generator):
    showers, x = point_case
    outputs = torch.randn(3, 2, 4, 4, 3, generator=generator)
    model = PointVoxels(0.01, 0.5, true_mask=True)
    terms = model.loss(outputs, showers, energy(3), SharedNoise(6), 4.0)
    value = torch.log1p(torch.exp(outputs[:, 1]))
    expected = 0.01 * (torch.exp(x / 2) * (x - value) ** 2)[showers > 0].sum() / 3
    torch.testing.assert_close(terms["values"], expected, rtol=1e-4, atol=0)


def total(model, outputs, showers):
    return float(sum(model.loss(outputs, showers, energy(3), SharedNoise(7), 20.0).values()))


def test_perfect_outputs_lose_least(point_case, generator):
    showers, x = point_case
    point = perfect_outputs(showers, x)
    y = torch.log(torch.where(showers > 0, showers / THRESHOLD, 1.0))
    drawn = torch.stack([point[:, 0], y, torch.full_like(y, float(width(0.06)))], dim=1)
    for model, best in (
        (PointVoxels(exponent=0.0, true_mask=False), point),
        (DrawnVoxels(THRESHOLD, 1), drawn),
    ):
        least = total(model, best, showers)
        for wrong in (1, 0):
            other = best.clone()
            other[:, wrong] += torch.randn(showers.shape, generator=generator)
            other[:, 0] *= 1 if wrong else -1
            assert total(model, other, showers) > least + 0.1
