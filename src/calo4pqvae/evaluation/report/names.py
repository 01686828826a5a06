"""Names of quantities in words, the group each belongs to, and the unit it is shown in."""

from typing import NamedTuple

__all__ = ["Name", "name_of"]


class Name(NamedTuple):
    """How a quantity is presented.

    Arguments:
        label: the quantity in words.
        group: heading of the table it stands in.
        scale: factor from the stored number to the one shown.
        unit: of the number shown.
        signed: whether the sign says something (a difference to Geant4).
        best: what it reads when nothing differs, where the drawing begins.
    """

    label: str
    group: str
    scale: float = 1.0
    unit: str = ""
    signed: bool = False
    best: float = 0.0


WORTH = "Worth"
TREES = "Trees"
STRUCTURE = "Structure of single showers"
MEANS = "Means and profiles"
DISTANCES = "Distances"
SEPARATION = "Separation power"
CHI_SQUARE = "χ² per degree of freedom"
CLASSIFIER = "Classifier"
COVERAGE = "Fidelity and coverage"
WINDOWS = "Windows of incident energy"
OTHER = "Other"

_PER_MILLE = (1e3, "× 10⁻³")
_PERCENT = (100.0, "%")

_WHOLE = {
    "worth": Name("Worth in showers of Geant4", WORTH, unit="showers"),
    "auc.trees": Name("Trees on features and structure, AUC", TREES, best=0.5),
    "auc.trees_structure": Name("Trees on the structure, AUC", TREES, best=0.5),
    "auc.trees_features": Name("Trees on official features, AUC", TREES, best=0.5),
    "structure.beyond": Name("Structural numbers beyond three errors", STRUCTURE, *_PERCENT),
    "structure.largest": Name("Largest structural pull, windows combined", STRUCTURE, unit="σ"),
    "structure.correlations": Name("Distance of correlation structure", STRUCTURE, *_PER_MILLE),
    "response": Name("Mean response, relative to Geant4", MEANS, *_PERCENT, signed=True),
    "sparsity": Name("Mean sparsity, difference to Geant4", MEANS, *_PER_MILLE, signed=True),
    "profile.longitudinal": Name("Longitudinal profile, largest deviation", MEANS, *_PERCENT),
    "profile.radial": Name("Radial profile, largest deviation", MEANS, *_PERCENT),
}

_KINDS = {
    "fpd": Name("Fréchet physics distance", DISTANCES, *_PER_MILLE),
    "kpd": Name("Kernel physics distance", DISTANCES, *_PER_MILLE),
    "wasserstein": Name("Wasserstein distance", DISTANCES, unit="σ"),
    "separation": Name("Separation power", SEPARATION, *_PER_MILLE),
    "chi_square": Name("χ² per degree of freedom", CHI_SQUARE, best=1.0),
    "auc": Name("Classifier, AUC", CLASSIFIER, best=0.5),
    "jsd": Name("Classifier, Jensen–Shannon divergence", CLASSIFIER),
    **{
        kind: Name(kind.capitalize(), COVERAGE)
        for kind in ("precision", "recall", "density", "coverage")
    },
    "response": Name("Mean response", WINDOWS, *_PERCENT, signed=True),
    "resolution": Name("Resolution", WINDOWS, *_PERCENT, signed=True),
    "depth": Name("Mean depth", WINDOWS, unit="layers", signed=True),
    "depth_spread": Name("Spread of the depth", WINDOWS, *_PERCENT, signed=True),
}

_PARTS = {
    "e_tot": "total energy",
    "e_layer": "energy per layer (mean)",
    "voxel": "voxel energy",
    "legacy": "legacy features",
    "trimmed": "outermost 1 % trimmed",
    "ec_eta": "centre in η",
    "ec_phi": "centre in φ",
    "ec_r": "centre in r",
    "width_eta": "width in η",
    "width_phi": "width in φ",
    "width_r": "width in r",
    "low": "voxels",
    "low_normed": "voxels over layer energy",
    "low-normed": "voxels over layer energy",
    "high": "high-level features",
    "resnet": "3-D convolutional network",
}


def name_of(key: str) -> Name:
    """Name a quantity of metrics.json; an unknown one keeps its key, made readable."""
    if key in _WHOLE:
        return _WHOLE[key]
    kind, _, part = key.partition(".")
    found = _KINDS.get(kind, Name(_readable(kind).capitalize(), OTHER))
    return found._replace(label=f"{found.label}, {_readable(part)}") if part else found


def _readable(word: str) -> str:
    return _PARTS.get(word, word.replace("_", " ").replace(".", ", "))
