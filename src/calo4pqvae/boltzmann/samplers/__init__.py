"""Samplers of the prior. They know problems and clamped nodes, never a network."""
