"""Quantum-assisted generation of calorimeter showers."""

__version__ = "0.1.0"
