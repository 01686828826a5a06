"""Samplers: they know problems and clamped nodes, never a network."""
