"""Measure what adding up deposits costs, per GeV of incident energy, and print a table.

    python scripts/scoring_cost.py [SHOWERS [ENERGY_GEV [ROUNDS]]]

Four ways of scoring in the stack of dataset 2, each in a process of its own, in turns: nothing
in Python or in cells (Geant4's sum per layer, the physics alone), both ways of the package, and
the plain one: a call into Python for every step in silicon. Numbers are CPU seconds.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae.simulation import engine, scoring
from calo4pqvae.simulation.geant4 import elements_of
from calo4pqvae.simulation.stacks import load_stack
from calo4pqvae.simulation.tables import build_tables


class Plain(scoring.StepEndScoring):
    """Every step asks Python, which asks the step for deposit, place and layer."""

    def attach(self) -> None:
        g4, noted = self._g4, self._steps

        class Detector(g4.G4VSensitiveDetector):
            def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: ARG002, N802
                energy = step.GetTotalEnergyDeposit()
                if energy <= 0:
                    return False
                point = step.GetPostStepPoint()
                layer = step.GetPreStepPoint().GetTouchable().GetReplicaNumber()
                place = point.GetPosition()
                noted[layer].extend((energy, place.x, place.y))
                return True

        for number, (slab, _) in enumerate(self._slabs):
            detector = Detector(f"slab-{number}")
            g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
            slab.SetSensitiveDetector(detector)
            self._kept.append(detector)


class Alone(scoring.StepEndScoring):
    """Geant4 sums up whole slabs."""

    def attach(self) -> None:
        g4 = self._g4
        detector = g4.G4MultiFunctionalDetector("slabs")
        sums = g4.G4PSEnergyDeposit("energy")
        detector.RegisterPrimitive(sums)
        g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
        self._kept += [detector, sums]
        for slab, _ in self._slabs:
            slab.SetSensitiveDetector(detector)


WAYS = {
    "no cells, physics alone": Alone,
    "cells": scoring.CellScoring,
    "step-end": scoring.StepEndScoring,
    "a plain Python call per step": Plain,
}


def measure(way: str, showers: int, gev: float) -> None:
    """Print the CPU seconds per GeV and the response of some showers."""
    stack = load_stack("dataset-2")
    with tempfile.TemporaryDirectory() as folder:
        elements = elements_of({slab.material for slab in stack.slabs})
        os.environ.update(build_tables(elements, Path(folder)).variables)
        engine.make_scoring = WAYS[way]
        geant4 = engine.Engine(stack)
    done = [geant4.shoot(1000 * gev, seed) for seed in range(1, showers + 1)]
    response = np.mean([voxels.sum() for voxels, _ in done]) / (1000 * gev)
    print(f"\nRESULT {sum(s for _, s in done) / showers / gev} {response}", flush=True)
    os._exit(0)


def main(arguments: list[str]) -> int:
    """Measure all ways in turns."""
    if arguments[:1] == ["--one"]:
        measure(arguments[1], int(arguments[2]), float(arguments[3]))
    showers, gev, rounds = ([*arguments, *("20", "10", "3")[len(arguments) :]])[:3]
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    responses = {}
    for _ in range(int(rounds)):
        for way, seconds in taken.items():
            command = [sys.executable, __file__, "--one", way, showers, gev]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            words = out[out.index("RESULT") :].split()
            seconds.append(float(words[1]))
            responses[way] = float(words[2])
    print(f"{showers} showers of {gev} GeV, median of {rounds} rounds.\n")
    print("| scoring | CPU s / GeV | lowest to highest | / physics | response |")
    print("|---|--:|--:|--:|--:|")
    alone = statistics.median(taken["no cells, physics alone"])
    for way, seconds in taken.items():
        middle = statistics.median(seconds)
        spread = f"{min(seconds):.4f} - {max(seconds):.4f}"
        response = f"{responses[way]:.4f}" if responses[way] else "-"
        print(f"| {way} | {middle:.4f} | {spread} | {middle / alone:.2f} | {response} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
