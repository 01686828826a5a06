"""Sampling calorimeters as YAML files, to take or to copy from."""
