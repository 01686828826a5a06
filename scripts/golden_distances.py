r"""Make tests/evaluation/golden anew: features by plain loops, FPD and KPD by JetNet.

Nothing of this package is imported: the features are summed voxel by voxel from their
definitions with `math.fsum`, and JetNet 0.2.5 computes the distances. JetNet needs an
environment of its own, outside the repository:

    python3.11 -m venv ENV
    grep '^torch==' constraints.txt > ENV/torch.txt
    ENV/bin/pip install -c ENV/torch.txt torch
    ENV/bin/pip install -c ENV/torch.txt \
        jetnet==0.2.5 'numpy<2' 'scipy<1.18' 'pyarrow<24'
    ENV/bin/python scripts/golden_distances.py

NumPy 2 breaks a package that JetNet needs, SciPy 1.18 took away an argument that it uses, and
pyarrow 24 and later refuse NumPy 1. For torch, an index of builds for the CPU saves gigabytes.
"""

import argparse
import json
import math
import warnings
from pathlib import Path

import h5py
import jetnet
import numpy as np
import scipy

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "src/calo4pqvae/data/files/geant4_wsi_sample.h5"
GOLDEN = ROOT / "tests/evaluation/golden"

N_LAYERS, N_ALPHA, N_R, RING, THRESHOLD = 45, 16, 9, 4.65, 0.5e-3 / 0.033
N_REFERENCE, N_GENERATED, N_KEPT, RESPONSE = 700, 700, 40, 1.02
FPD = {"min_samples": 1000, "max_samples": 5000, "batches": 5, "points": 5, "seed": 42}
KPD = {"batches": 7, "batch_size": 500, "seed": 42}


def voxel_centre(number):
    """Eta, phi and r [mm] of a voxel of one layer: r runs fastest, then alpha from -pi."""
    alpha_bin, ring = divmod(number, N_R)
    alpha = -math.pi + (alpha_bin + 0.5) * 2 * math.pi / N_ALPHA
    r = (ring + 0.5) * RING
    return r * math.cos(alpha), r * math.sin(alpha), r


CENTRES = [voxel_centre(number) for number in range(N_ALPHA * N_R)]


def layer_features(voxels):
    """Energy, (centre, width) in eta, phi and r, and sparsity of one layer."""
    hits = [(e, CENTRES[i]) for i, e in enumerate(voxels) if e >= THRESHOLD]
    total = math.fsum(e for e, _ in hits)
    positions = []
    for axis in range(3):
        centre = math.fsum(e * x[axis] for e, x in hits) / (total + 1e-16)
        square = math.fsum(e * (x[axis] - centre) ** 2 for e, x in hits) / (total + 1e-16)
        positions.append((centre / 100, math.sqrt(square) / 100))
    return total, positions, 1 - len(hits) / len(voxels)


def shower_features(e_inc, shower):
    """The 362 features of one shower in the official order."""
    layers = [layer_features(layer) for layer in shower.reshape(N_LAYERS, -1).tolist()]
    row = [math.log10(e_inc)]
    row += [math.log10(energy + 1e-8) for energy, _, _ in layers]
    for part in (0, 1):
        for axis in (0, 1):
            row += [positions[axis][part] for _, positions, _ in layers]
    row += [math.log10(math.fsum(energy for energy, _, _ in layers) + 1e-8)]
    row += [sparsity for _, _, sparsity in layers]
    for part in (0, 1):
        row += [positions[2][part] for _, positions, _ in layers]
    return row


def features(rows, response=1.0):
    """Features of some showers of the bundled sample, their energies times `response`."""
    with h5py.File(SAMPLE) as file:
        energies = file["incident_energies"][rows].astype(np.float64)[:, 0]
        showers = file["showers"][rows].astype(np.float64) * response
    return np.array([shower_features(*pair) for pair in zip(energies, showers, strict=True)])


def distances(reference, generated):
    """JetNet's two distances."""
    fpd = {**FPD, "num_batches": FPD["batches"], "num_points": FPD["points"]}
    kpd = {**KPD, "num_batches": KPD["batches"]}
    for settings in (fpd, kpd):
        for ours in ("batches", "points"):
            settings.pop(ours, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # fewer than 50,000 showers
        return {
            "fpd": [float(x) for x in jetnet.evaluation.fpd(reference, generated, **fpd)],
            "kpd": [float(x) for x in jetnet.evaluation.kpd(reference, generated, **kpd)],
        }


def main():
    """Write features.npz and distances.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=GOLDEN)
    output = parser.parse_args().output
    reference = features(slice(0, N_REFERENCE))
    generated = features(slice(N_REFERENCE, N_REFERENCE + N_GENERATED), RESPONSE)
    np.savez_compressed(output / "features.npz", values=reference[:N_KEPT])
    golden = {
        "reference_rows": [0, N_REFERENCE],
        "generated_rows": [N_REFERENCE, N_REFERENCE + N_GENERATED],
        "response": RESPONSE,
        "fpd_settings": FPD,
        "kpd_settings": KPD,
        "official-362": distances(reference, generated),
        "legacy-226": distances(reference[:, :226], generated[:, :226]),
        "versions": {m.__name__: m.__version__ for m in (jetnet, np, scipy)},
    }
    (output / "distances.json").write_text(json.dumps(golden, indent=2) + "\n")
    print(json.dumps(golden, indent=2))


if __name__ == "__main__":
    main()
