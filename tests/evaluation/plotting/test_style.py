"""Every sample has a look of its own, for colour-blind readers too."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from calo4pqvae.evaluation.plotting.style import INK, REFERENCE, SAMPLES, looks, reference_of

# Simulation of the three kinds of colour blindness in linear RGB: Machado, Oliveira and
# Fernandes, IEEE Trans. Vis. Comput. Graph. 15 (2009) 1291.
SIGHTS = {
    "full": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def seen_as(colour: str, sight: str) -> np.ndarray:
    """CIELAB coordinates of a colour as somebody sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SIGHTS[sight]) @ linear, 0, 1)
    xyz = np.array(TO_XYZ) @ linear / (0.9505, 1, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def smallest_difference(colours: list[str], sight: str) -> float:
    seen = [seen_as(colour, sight) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("solid", [True, False])
def test_colours_of_one_line_style_are_told_apart(sight, solid):
    """A difference of 2.3 is just noticed side by side; 15 is asked for thin lines."""
    colours = [look.colour for look in SAMPLES if (look.dashes == "-") == solid]
    colours += [INK] if solid else []
    assert smallest_difference(colours, sight) > 15
    assert max(seen_as(colour, sight)[0] for colour in colours) < 80, "too pale on white"


def test_the_measure_sees_a_bad_pair():
    assert smallest_difference(["#d62728", "#2ca02c"], "deutan") < 15


def test_eight_samples_look_unlike():
    given = looks([REFERENCE, *(f"system {i}" for i in range(8))])
    assert len(set(given.values())) == 9
    assert given[REFERENCE].colour == INK


def test_more_samples_come_dotted():
    given = looks([REFERENCE, *(f"system {i}" for i in range(12))])
    assert len(set(given.values())) == 13


def test_known_labels_keep_their_look_whatever_is_beside_them():
    alone = looks([REFERENCE, "generated"])
    among = looks([REFERENCE, "another", "reconstructed", "generated"])
    assert alone["generated"] == among["generated"]
    assert among["another"] not in (among["generated"], among["reconstructed"])
    both = looks([REFERENCE, "generated", "classical"])
    assert both["generated"] != both["classical"]


def test_the_reference_is_geant4_or_the_first():
    assert reference_of(["generated", REFERENCE]) == REFERENCE
    assert reference_of(["encoded", "classical"]) == "encoded"
    assert looks(["encoded", "classical"])["encoded"].colour == INK
