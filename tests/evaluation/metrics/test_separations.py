"""Separation powers against a plain reading of their definition, and against known floors."""

from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.errors import ConfigError, GeometryError
from calo4pqvae.evaluation.distances.official_bins import (
    BINNED,
    edges_of,
    marked,
    observable,
)
from calo4pqvae.evaluation.measured.measured import Measured
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.separations import (
    Separations,
    chi_square,
    figures,
    separation_powers,
)
from calo4pqvae.evaluation.verdict import ABOVE, WITHIN
from calo4pqvae.geometry import CylindricalGeometry, LayerBins

ONE_BIN_LAYERS = CylindricalGeometry(
    (
        LayerBins((0.0, 10.0), 1),
        LayerBins((0.0, 5.0, 83.7), 4),
        LayerBins((0.0, 5.0, 41.85), 2),
    )
)


@pytest.fixture
def measured(toy_geometry, toy_showers) -> Measured:
    return Measured.from_showers(*toy_showers(2400), toy_geometry)


@pytest.fixture
def halves(measured) -> tuple[Measured, Measured]:
    return measured.take(np.arange(1200)), measured.take(np.arange(1200, 2400))


def compared(reference, generated):
    """The figures of all showers, counted once."""
    once = (np.ones((len(side), 1)) for side in (reference, generated))
    return figures(reference, generated, *once)


def with_features(sample: Measured, values: np.ndarray) -> Measured:
    return replace(sample, features=replace(sample.features, values=values))


def scaled(sample: Measured, prefix: str, factor: float) -> Measured:
    """The same showers with the columns of one group multiplied."""
    values = sample.features.values
    chosen = [name.startswith(prefix) for name in sample.features.columns]
    return with_features(sample, np.where(chosen, values * factor, values))


def plain_separation(reference: np.ndarray, generated: np.ndarray, edges: np.ndarray) -> float:
    """The definition as it is written: densities times bin widths."""
    p, q = (
        np.histogram(side, edges, density=True)[0] * np.diff(edges)
        for side in (reference, generated)
    )
    return float(0.5 * ((p - q) ** 2 / (p + q + 1e-16)).sum())


@pytest.mark.parametrize("name", BINNED)
def test_agrees_with_the_definition(halves, name):
    one, other = (side.features for side in halves)
    columns = zip(
        observable(one, name).T, observable(other, name).T, edges_of(one, name), strict=True
    )
    expected = [plain_separation(*column) for column in columns]
    assert expected
    made = compared(*halves)[name].separation
    np.testing.assert_allclose(made, [np.mean(expected)], rtol=1e-12)
    assert separation_powers(*halves)[name] == made[0]


def test_undoes_the_scaling_of_the_features(toy_geometry):
    showers = np.zeros((2, *toy_geometry.shape), np.float32)
    showers[0, 1, 2, 1] = showers[0, 1, 2, 2] = 4.0
    e_inc = np.full((2, 1), 10.0, np.float32)
    features = Measured.from_showers(e_inc, showers.reshape(2, -1), toy_geometry).features
    alpha = np.pi / 4  # the middle of the third of four bins
    rings = {"ec_r": 10.0, "width_r": 2.5}
    eta = {"ec_eta": 10.0 * np.cos(alpha), "width_eta": 2.5 * np.cos(alpha)}
    phi = {"ec_phi": 10.0 * np.sin(alpha), "width_phi": 2.5 * np.sin(alpha)}
    for name, value in {**rings, **eta, **phi, "e_layer": 8.0, "sparsity": 10 / 12}.items():
        seen = observable(features, name)
        assert seen[0, 1] == pytest.approx(value), name
        assert seen[1, 1] == (name == "sparsity"), name
    np.testing.assert_allclose(observable(features, "e_tot"), [[0.8], [0.0]])


@pytest.mark.parametrize("make", [CylindricalGeometry.dataset_2, CylindricalGeometry.dataset_3])
def test_the_bins_are_the_official_ones(make):
    geometry = make()
    showers = np.zeros((2, geometry.n_voxels), np.float32)
    showers[0, 0], showers[1, -1] = 500.0, 2.0
    features = Measured.from_showers(
        np.full((2, 1), 1e3, np.float32), showers, geometry
    ).features
    assert len(edges_of(features, "e_tot")) == 1
    official = {
        "e_tot": (0.5, 1.5, 101),
        "ec_eta": (-30.0, 30.0, 101),
        "ec_phi": (-30.0, 30.0, 101),
        "ec_r": (0.0, 42.0, 101),
        "width_eta": (0.0, 30.0, 101),
        "width_phi": (0.0, 30.0, 101),
        "width_r": (0.0, 20.0, 101),
        "sparsity": (0.0, 1.0, 21),
    }
    for name, (low, high, n_edges) in official.items():
        for edges in edges_of(features, name):
            np.testing.assert_array_equal(edges, np.linspace(low, high, n_edges), name)
    energies = edges_of(features, "e_layer")
    assert {len(edges) for edges in energies} == {40}
    assert energies[0][0] == pytest.approx(0.5e-3 / 0.033)
    largest = [edges[-1] for edges in energies]
    assert largest[0] == pytest.approx(500.0)
    assert largest[-1] == pytest.approx(2.0)
    assert largest[7] == pytest.approx(500.0)  # an empty layer borrows the largest of all


def test_ranges_in_millimetres_follow_the_radius_of_the_layer(rng):
    showers = rng.exponential(size=(4, ONE_BIN_LAYERS.n_voxels)).astype(np.float32)
    features = Measured.from_showers(
        np.full((4, 1), 9.0, np.float32), showers, ONE_BIN_LAYERS
    ).features
    assert [edges[-1] for edges in edges_of(features, "ec_eta")] == [60.0, 30.0]
    widths = [edges[-1] for edges in edges_of(features, "width_r")]
    assert widths == pytest.approx([20.0 * 10 / 41.85, 40.0, 20.0])
    assert [edges[-1] for edges in edges_of(features, "sparsity")] == [1.0] * 3
    assert [len(edges_of(features, name)) for name in ("e_layer", "ec_eta", "ec_r")] == [
        3,
        2,
        3,
    ]


def test_bins_are_numpys_and_the_rest_is_counted(rng):
    edges = np.array([0.0, 0.25, 0.5, 1.0])
    values = np.concatenate([rng.uniform(-0.5, 1.5, 200), edges, [np.nextafter(1.0, 2.0)]])
    columns, bins = np.stack([values, values[::-1] / 2], axis=1), [edges, 2 * edges]
    counts = marked(columns, bins).sum(axis=1).reshape(2, 4)
    for column, own_edges, found in zip(columns.T, bins, counts, strict=True):
        np.testing.assert_array_equal(found[:-1], np.histogram(column, own_edges)[0])
        assert found.sum() == len(values)


def test_what_is_outside_the_range_is_reported(halves):
    one, other = halves
    values = other.features.values.copy()
    columns = [name.startswith("e_layer") for name in other.features.columns]
    values[np.arange(300)[:, None], columns] += 1.0
    made = compared(one, with_features(other, values))["e_tot"]
    response = observable(one.features, "e_tot")
    assert made.outside[0, 0] == pytest.approx(np.mean((response < 0.5) | (response > 1.5)))
    assert made.outside[0, 1] == pytest.approx(0.25, abs=0.01)
    # dropped from the separation, as officially, but not from chi-square
    untouched = compared(one, other.take(np.arange(300, 1200)))["e_tot"]
    assert made.separation == pytest.approx(untouched.separation)
    assert made.chi_square > 5 * untouched.chi_square


def test_a_dead_layer_is_fully_separated_and_dead_on_both_sides_is_left_out(
    toy_geometry, toy_showers
):
    e_inc, showers = toy_showers(200)
    dead = showers * (toy_geometry.layer_of_voxel != 2).astype(np.float32)
    alive = Measured.from_showers(e_inc, showers, toy_geometry)
    dead = Measured.from_showers(e_inc, dead, toy_geometry, like=alive)
    for reference, generated in ((alive, dead), (dead, alive)):
        made = compared(reference, generated)["e_layer"]
        assert made.separation == pytest.approx(1 / 6)
        assert np.isfinite(made.chi_square).all()
    both = compared(dead, dead)["e_layer"]
    assert both.separation == 0.0
    assert both.outside[0, 0] == pytest.approx(1 / 6)


def test_two_halves_are_at_the_floor_and_a_defect_is_above(halves):
    """Twenty correlated verdicts on one distribution: one may be off by chance."""
    one, other = halves
    metric = Separations(one, Options())
    found = metric.of(other)
    assert set(found) == set(Separations.names(Options()))
    assert sum(result.verdict != WITHIN for result in found.values()) <= 1
    assert found["separation.ec_r"].floor.n == 600 == found["separation.ec_r"].matched.n
    for name, factor in {"width_r": 1.1, "ec_r": 1.1, "sparsity": 0.9, "e_layer": 1.1}.items():
        broken = metric.of(scaled(other, name, factor))
        for kind in ("separation", "chi_square"):
            assert broken[f"{kind}.{name}"].verdict == ABOVE, (kind, name)
            assert broken[f"{kind}.{name}"].excess > 6


def test_chi_square_of_halves_is_one(measured):
    # the mean over layers scatters by about 3 % over samples of showers
    floors = Separations(measured, Options()).of(measured)
    for name in BINNED:
        assert floors[f"chi_square.{name}"].floor.value == pytest.approx(1, rel=0.12), name


def test_chi_square_is_one_on_average_however_few_the_entries(rng):
    shares = rng.dirichlet(np.full(30, 0.3))
    p, q = rng.multinomial(40, shares, 3000), rng.multinomial(150, shares, 3000)
    # the mean of 3,000 values with deviation 0.4: 1e-4 false alarms at 0.03
    assert chi_square(p.astype(float), q.astype(float)).mean() == pytest.approx(1, abs=0.03)
    other = rng.multinomial(150, np.roll(shares, 1), 3000)
    assert chi_square(p.astype(float), other.astype(float)).mean() > 1.5


def test_chi_square_is_the_separation_of_equally_many_entries():
    p, q = np.array([[3.0, 7.0, 0.0, 2.0]]), np.array([[5.0, 1.0, 0.0, 6.0]])
    separation = 0.5 * ((p - q) ** 2 / (p + q + 1e-16)).sum() / 12
    assert chi_square(p, q) == pytest.approx(2 * 12 * separation / 2)


def test_errors_match_the_scatter_of_repeated_samples(rng):
    """Response 3 % off, 60 independent experiments: far from the floor the error is right."""
    values, errors = [], []
    geometry = CylindricalGeometry.regular(1, 2, [0.0, 1.0])
    for _ in range(60):
        response = rng.normal([[1.0], [1.03]], 0.03, (2, 500))
        reference = None
        for side in response:
            showers = np.stack([50 * side, 50 * side], axis=1).astype(np.float32)
            energies = np.full((500, 1), 100.0, np.float32)
            made = Measured.from_showers(energies, showers, geometry, like=reference)
            reference, sample = reference or made, made
        score = Separations(reference, Options()).of(sample)["separation.e_tot"].score
        values.append(score.value)
        errors.append(score.error)
    # the scatter of 60 experiments is known to 9 %, so a free seed fails once in 1,000
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.3)


def test_voxels_are_compared_per_shower(halves, toy_geometry, toy_showers):
    e_inc, showers = (part[1200:] for part in toy_showers(2400))
    metric = Separations(halves[0], Options())
    assert metric.of(halves[1])["separation.voxel"].verdict == WITHIN
    bright = Measured.from_showers(
        e_inc, showers * np.float32(1.3), toy_geometry, like=halves[0]
    )
    broken = metric.of(bright)["separation.voxel"]
    assert broken.excess > 6
    assert broken.score.error < broken.value


def test_redraws_scatter_as_the_error_says(halves):
    """Forty redraws of each give a standard deviation to 11 %; five times that may be."""
    metric = Separations(halves[0], Options())
    found = metric.of(scaled(halves[1], "ec_r", 1.1))["separation.ec_r"]
    redrawn = metric.redraws("separation.ec_r", scaled(halves[1], "ec_r", 1.1))
    assert redrawn.std(ddof=1) == pytest.approx(found.score.error, rel=0.6)


def test_refuses_what_cannot_be_compared(halves, toy_geometry, toy_showers):
    one, other = halves
    e_inc, showers = toy_showers(10)
    no_energy = Measured.from_showers(e_inc, 0 * showers, toy_geometry, like=one)
    with pytest.raises(ConfigError, match="no energy"):
        separation_powers(no_energy, one)
    with pytest.raises(ConfigError, match="no shower"):
        separation_powers(one, other.take(np.array([], dtype=np.int64)))
    with pytest.raises(ConfigError, match="have legacy-226"):
        separation_powers(one, replace(other, features=other.features.legacy))
    thick = replace(other.features, geometry=replace(toy_geometry, threshold=1.0))
    with pytest.raises(GeometryError, match="one calorimeter"):
        separation_powers(one, replace(other, features=thick))
    wide = replace(other.observables, edges=2 * other.observables.edges)
    with pytest.raises(GeometryError, match="different bins"):
        separation_powers(one, replace(other, observables=wide))
