"""Showers from first principles: Geant4 in a sampling calorimeter, in many processes."""
