"""Distances between samples of showers."""
