"""Cut the bundled sample, with its split and provenance, from a larger shower file.

    python scripts/make_sample.py SOURCE.h5 --n 1425 --seed 1

The showers are drawn at random without replacement and copied unchanged.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from calo4pqvae._core.atomic import write_text
from calo4pqvae.data.shower_file import ShowerFile, ShowerWriter
from calo4pqvae.data.splits import Split
from calo4pqvae.geometry import CylindricalGeometry

FILES = Path(__file__).parents[1] / "src" / "calo4pqvae" / "data" / "files"
N_TRAIN, N_VALIDATION = 1000, 100

PROVENANCE = {
    "name": "W-Si Geant4 sample",
    "generator": "Geant4 11.4.1 through geant4-pybind 0.1.3, EM standard option 0",
    "range_cut_mm": 0.7,
    "detector": "flat stack of 90 x (1.4 mm W + 0.3 mm Si), two pairs per readout layer",
    "particle": "electron, normal incidence",
    "incident_energy": "log-uniform, 1 GeV to 100 GeV",
    "calibration": "energy in silicon divided by the sampling fraction 0.033",
    "sampling_fraction": 0.033,
    "threshold_keV": 15.15,
    "unit": "MeV",
    "voxel_order": "layer (45), alpha (16), r (9), r fastest",
    "note": (
        "This is not CaloChallenge dataset 2. The mesh and the calibration constant are the "
        "same; the mean response is 0.955 and the resolution 12.5 %/sqrt(E/GeV), where the "
        "public set has 0.78 and about three times that width. Hadronic reactions are not "
        "simulated."
    ),
}


def main() -> None:
    """Write the sample and its split manifest."""
    parser = argparse.ArgumentParser(description="Cut the bundled sample.")
    parser.add_argument("source", type=Path, help="shower file to cut from")
    parser.add_argument("--n", type=int, default=1425, help="number of showers")
    parser.add_argument("--seed", type=int, default=1, help="seed of the choice")
    parser.add_argument("--out", type=Path, default=FILES, help="folder to write to")
    parser.add_argument("--compression", type=int, default=9, help="level of gzip")
    args = parser.parse_args()
    sample = args.out / "geant4_wsi_sample.h5"
    with ShowerFile(args.source, CylindricalGeometry.dataset_2()) as source:
        rows = np.random.default_rng(args.seed).permutation(len(source))[: args.n]
        attrs = PROVENANCE | {"source_file": source.path.name, "choice_seed": args.seed}
        with ShowerWriter(sample, source.geometry, attrs, True, args.compression) as writer:
            for e_inc, showers in source.chunks(rows=rows):
                writer.append(e_inc, showers)
    with ShowerFile(sample) as cut:
        record = {"sha256": cut.sha256(), "source_rows": rows.tolist()}
    write_manifest(args.out / "geant4_wsi_sample.split.json", len(rows), record)
    sys.stdout.write(
        f"{sample.name}: {len(rows)} showers, {sample.stat().st_size / 1e6:.2f} MB\n"
    )


def write_manifest(path: Path, n_showers: int, record: dict) -> None:
    """Save the split; its file also records what the sample is made of."""
    ends = [N_TRAIN, N_TRAIN + N_VALIDATION]
    train, validation, test = np.split(np.arange(n_showers), ends)
    Split(train, validation, test, "sample").save(path)
    manifest = json.loads(path.read_text(encoding="utf-8")) | record
    write_text(path, json.dumps(manifest) + "\n")


if __name__ == "__main__":
    main()
