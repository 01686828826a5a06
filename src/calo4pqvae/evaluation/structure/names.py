"""The structural observables of a shower: name, unit, and what each is.

Sums run over the hits of a shower, the voxels whose energy E is at the readout threshold or
above. A voxel's centre lies at eta = r cos(alpha), phi = r sin(alpha) [mm]; E_l is the energy
of layer l, c_l = (sum E eta, sum E phi) / E_l its centre. A ratio whose denominator is zero
reads 0, so that every shower, empty ones too, has every observable.
"""

from typing import NamedTuple

from calo4pqvae.units import MeV

__all__ = [
    "FAINT",
    "GROUPS",
    "HARD",
    "LAGS_DEPTH",
    "MEMORY_LAGS",
    "NAMES",
    "OBSERVABLES",
    "SINGLE",
    "SOFT",
    "WORTH",
    "Observable",
]

FAINT, SOFT, HARD = 0.3 * MeV, 2 * MeV, 100 * MeV
"""Deposits below `FAINT` are grazing steps, below `SOFT` less than a quarter of what a particle
leaves that crosses both silicon layers of a cell of dataset 2 (7 MeV, most probably), above
`HARD` those of a dozen particles or more."""

SINGLE = (4 * MeV, 12 * MeV)
"""The peak of a single particle that crosses a cell of dataset 2."""

MEMORY_LAGS = (1, 2, 4, 8)
"""Distances of layers [layers] at which the memory of a shower's centre is taken."""

LAGS_DEPTH = 8
"""Pairs of hits in one cell are counted up to so many layers apart."""


class Observable(NamedTuple):
    """One number of each shower.

    Arguments:
        name: key in files.
        group: what kind of structure it sees.
        unit: unit of the number.
        label: the quantity in words.
        formula: how it is computed.
    """

    name: str
    group: str
    unit: str
    label: str
    formula: str


ORDER, NEIGHBOURS, EXTREMES, SPECTRUM, DEPTH = GROUPS = (
    "lateral order",
    "local clustering",
    "extremes",
    "soft and hard deposits",
    "depth",
)
"""Kinds of structure."""


def _memory(lag: int) -> Observable:
    name = f"memory_{lag}"
    label = f"memory of the centre, {lag} layer{'s' if lag > 1 else ''} apart"
    formula = f"sum c_l . c_(l+{lag}) / sum |c_l| |c_(l+{lag})|, core layers"
    return Observable(name, ORDER, "", label, formula)


def _pairs(axis: str, step: str, words: str) -> Observable:
    unit = "pairs/hit"
    label = f"pairs of hits {words}, excess"
    formula = "(pairs - pairs if the hits of each ring had random azimuths) / hits"
    return Observable(f"pairs_{axis}_{step}", NEIGHBOURS, unit, label, formula)


OBSERVABLES: tuple[Observable, ...] = (
    Observable("response", DEPTH, "", "response", "sum E / E_inc"),
    Observable("hits", NEIGHBOURS, "1/GeV", "hits per energy", "hits / (E_inc / GeV)"),
    Observable(
        "axis_distance",
        ORDER,
        "mm",
        "distance of the axis from the centre",
        "|(sum E eta, sum E phi)| / sum E",
    ),
    Observable(
        "hit_distance",
        ORDER,
        "mm",
        "distance of the mean hit from the centre",
        "|(sum eta, sum phi)| / hits",
    ),
    Observable(
        "tilt",
        ORDER,
        "mm/layer",
        "tilt of the axis",
        "|slope of c_l against l|, least squares with weights E_l",
    ),
    Observable(
        "alignment",
        ORDER,
        "",
        "alignment of early and late part",
        "cosine between the centres of the energy before and behind the mean depth",
    ),
    *(_memory(lag) for lag in MEMORY_LAGS),
    Observable(
        "ellipticity",
        ORDER,
        "",
        "ellipticity",
        "(a - b) / (a + b), eigenvalues a > b of the covariance of (eta, phi), weights E",
    ),
    Observable("width", ORDER, "mm", "lateral width", "sqrt((a + b) / 2)"),
    Observable(
        "dipole",
        ORDER,
        "",
        "dipole of the outer hits",
        "|sum exp(i alpha)| / hits, outer rings",
    ),
    Observable(
        "quadrupole",
        ORDER,
        "",
        "quadrupole of the outer hits",
        "|sum exp(2 i alpha)| / hits, outer rings",
    ),
    Observable("core", ORDER, "", "share of the energy in the innermost ring", "sum E / E_tot"),
    Observable("halo", ORDER, "", "share of the energy in the outer third of rings", "as core"),
    Observable(
        "neighbour_alpha",
        NEIGHBOURS,
        "",
        "hits with a neighbour in azimuth, share",
        "hits beside a hit in the same layer and ring / hits",
    ),
    Observable(
        "neighbour_r",
        NEIGHBOURS,
        "",
        "hits with a neighbour in r, share",
        "hits beside a hit in the same layer and sector / hits",
    ),
    Observable(
        "neighbour_depth",
        NEIGHBOURS,
        "",
        "hits with a neighbour in depth, share",
        "hits beside a hit in the same cell of the next or last layer / hits",
    ),
    Observable("isolated", NEIGHBOURS, "", "hits without any neighbour, share", "of six sides"),
    _pairs("alpha", "1", "side by side in azimuth"),
    _pairs("alpha", "2", "two sectors apart"),
    _pairs("alpha", "opposite", "on opposite sides"),
    _pairs("depth", "1", "in the same cell of the next layer"),
    _pairs("depth", "2", "in the same cell two layers on"),
    _pairs("depth", "4", "in the same cell four layers on"),
    Observable("largest", EXTREMES, "", "largest voxel / total", "max E / sum E"),
    Observable(
        "concentration", EXTREMES, "", "concentration of the energy", "sqrt(sum E^2) / sum E"
    ),
    Observable(
        "largest_in_layers",
        EXTREMES,
        "",
        "largest voxels of the layers / total",
        "sum over layers of max E / sum E",
    ),
    Observable(
        "largest_outside",
        EXTREMES,
        "",
        "largest voxel of the outer rings / total",
        "max E over outer rings / sum E",
    ),
    Observable("largest_layer", EXTREMES, "", "largest layer / total", "max E_l / sum E"),
    Observable(
        "soft_energy",
        SPECTRUM,
        "",
        "share of the energy in deposits below 2 MeV",
        "sum of E < 2 MeV / sum E",
    ),
    Observable("soft_hits", SPECTRUM, "", "hits below 2 MeV, share", "hits < 2 MeV / hits"),
    Observable(
        "faint_hits", SPECTRUM, "", "hits below 0.3 MeV, share", "hits < 0.3 MeV / hits"
    ),
    Observable("single_hits", SPECTRUM, "", "hits of 4 to 12 MeV, share", "such hits / hits"),
    Observable(
        "hard_energy",
        SPECTRUM,
        "",
        "share of the energy in deposits above 100 MeV",
        "sum of E > 100 MeV / sum E",
    ),
    Observable("log_mean", SPECTRUM, "", "mean log10 energy of a hit", "<log10(E / MeV)>"),
    Observable("log_spread", SPECTRUM, "", "spread of the log10 energy of hits", "deviation"),
    Observable("depth", DEPTH, "layers", "mean depth", "sum l E_l / sum E"),
    Observable("depth_spread", DEPTH, "layers", "spread in depth", "sqrt(<l^2> - <l>^2)"),
    Observable("depth_skew", DEPTH, "", "skewness in depth", "<(l - <l>)^3> / spread^3"),
    Observable("first", DEPTH, "layers", "first layer with energy", "number from 0"),
    Observable("last", DEPTH, "layers", "last layer with energy", "number from 0"),
    Observable("empty_runs", DEPTH, "", "runs of empty layers", "between first and last"),
    Observable("longest_run", DEPTH, "layers", "longest run of empty layers", "as before"),
    Observable(
        "roughness",
        DEPTH,
        "",
        "roughness of the longitudinal profile",
        "sum |E_(l-1) - 2 E_l + E_(l+1)| / sum E",
    ),
    Observable(
        "hit_roughness",
        DEPTH,
        "",
        "roughness of the profile of hits",
        "the same with the numbers of hits",
    ),
)
"""All structural observables, in the order of the columns.

Core layers are those from 1/25 to 4/9 of the depth, numbers 2 to 19 of 45; outer rings are
those beyond the innermost third.
"""

NAMES = tuple(one.name for one in OBSERVABLES)
"""Names of the columns."""

WORTH = (
    "response",
    "hits",
    "axis_distance",
    "hit_distance",
    "tilt",
    "alignment",
    "memory_1",
    "memory_4",
    "ellipticity",
    "width",
    "halo",
    "neighbour_alpha",
    "neighbour_r",
    "neighbour_depth",
    "pairs_alpha_1",
    "pairs_depth_1",
    "largest",
    "concentration",
    "largest_in_layers",
    "largest_layer",
    "soft_energy",
    "soft_hits",
    "hard_energy",
    "log_mean",
    "log_spread",
    "depth",
    "depth_spread",
    "depth_skew",
    "last",
    "roughness",
)
"""The observables whose Kolmogorov distances make up the worth in Geant4 showers."""
