"""Presets: YAML files of differences from the paper's defaults."""
