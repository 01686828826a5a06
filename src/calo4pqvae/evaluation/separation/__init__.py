"""Separation powers and chi-square in the official bins."""
