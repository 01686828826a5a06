"""Write the atomic tables that Geant4 reads from evaluated data, which cannot be shipped.

    python scripts/evaluated_tables.py EGSNRC/HEN_HOUSE/data TABLES
    G4LEDATA=TABLES G4ENSDFSTATEDATA=TABLES calo4pqvae simulate --tables official ..

The first folder is that of the data files of EGSnrc (https://github.com/nrc-cnrc/EGSnrc), which
have a licence of their own: bremsstrahlung of Seltzer and Berger, photo-effect and coherent
scattering of EPDL. Energies of shells and their shares are those of xraylib. The files of the
W-Si Geant4 sample were made with such tables.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from calo4pqvae.simulation import tables
from calo4pqvae.simulation.geant4 import elements_of
from calo4pqvae.simulation.photons import Shell, photo_effect
from calo4pqvae.simulation.stacks import load_stack
from calo4pqvae.units import MeV


def main() -> int:
    parser = argparse.ArgumentParser(description="Tables of Geant4 from evaluated data.")
    parser.add_argument("data", type=Path, help="folder of nist_brems.data, epdl_photo.data ..")
    parser.add_argument("folder", type=Path, help="folder to write")
    parser.add_argument("--stack", default="dataset-2")
    args = parser.parse_args()
    energies, fractions, brems = bremsstrahlung(args.data / "nist_brems.data")
    photo = curves(args.data / "epdl_photo.data")
    rayleigh = curves(args.data / "epdl_rayleigh.data")
    with mock.patch.multiple(
        tables,
        ELECTRON_ENERGIES=energies,
        PHOTON_FRACTIONS=fractions,
        scaled_cross_section=lambda z, _energies, _fractions: brems[z - 1],
        photo_effect=lambda z: evaluated(z, photo[z - 1]),
        coherent=lambda z: tuple(np.exp(rayleigh[z - 1].T)),
    ):
        slabs = load_stack(args.stack).slabs
        elements = elements_of({slab.material for slab in slabs})
        made = tables.build_tables(elements, args.folder)
    print(f"tables of elements {elements} in {args.folder}, sha256 {made.sha256[:16]}")
    return 0


def bremsstrahlung(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kinetic energies [MeV], fractions, and the scaled cross sections of all elements [mb]."""
    words = [word for line in path.read_text().splitlines() for word in numbers(line)]
    n, m = int(words[0]), int(words[1])
    energies, fractions, rest = np.split(np.array(words[2:]), [n, n + m])
    return energies * MeV, fractions, rest.reshape(-1, m, n).swapaxes(1, 2)


def numbers(line: str) -> list[float]:
    """The numbers of a line; none if it is a title."""
    try:
        return [float(word) for word in line.split()]
    except ValueError:
        return []


def curves(path: Path) -> list[np.ndarray]:
    """Logarithms of energy [MeV] and cross section [b] of each element."""
    words, found = path.read_text().split(), []
    while words:
        end = 1 + 2 * int(words[0])
        found.append(np.array(words[1:end], float).reshape(-1, 2))
        words = words[end:]
    return found


def evaluated(z: int, curve: np.ndarray) -> tuple[list[Shell], Shell]:
    """Shells of xraylib, with the cross section of the whole atom as evaluated."""
    shells, whole = photo_effect(z)
    return [corrected(shell, whole, curve) for shell in shells], corrected(whole, whole, curve)


def corrected(shell: Shell, whole: Shell, curve: np.ndarray) -> Shell:
    """A shell with its share of the evaluated cross section; as before below its first energy.

    Between the edges of both sources, some per mille apart, the atom is the evaluated one.
    """
    atom = np.interp(np.log(shell.energy), np.log(whole.energy), np.log(whole.barn))
    wanted = np.interp(np.log(shell.energy), *curve.T)
    first = np.exp(curve[0, 0])
    return replace(
        shell,
        barn=np.where(shell.energy < first, shell.barn, shell.barn * np.exp(wanted - atom)),
    )


if __name__ == "__main__":
    sys.exit(main())
