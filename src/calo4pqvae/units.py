"""The units of the package: energies in MeV, lengths in mm.

Multiply to enter, divide to leave: ``50 * GeV`` is an energy in MeV, ``e_inc / GeV`` a
number of GeV.
"""

__all__ = ["GeV", "MeV", "TeV", "cm", "keV", "mm"]

MeV = 1.0
keV = 1e-3 * MeV  # noqa: N816
GeV = 1e3 * MeV
TeV = 1e6 * MeV

mm = 1.0
cm = 10.0 * mm
