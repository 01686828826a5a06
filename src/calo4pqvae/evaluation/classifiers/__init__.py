"""Classifiers between Geant4 and generated showers."""
