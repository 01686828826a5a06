"""Sampling calorimeters as YAML files, to take or to copy from."""

from importlib.resources import files
from pathlib import Path

from calo4pqvae._core.intake import parse_yaml, read_yaml
from calo4pqvae.errors import ConfigError
from calo4pqvae.simulation.stack import Stack

__all__ = ["load_stack", "stacks"]


def stacks() -> list[str]:
    """List the stacks that come with the package."""
    folder = files("calo4pqvae.simulation.stacks")
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml"))


def load_stack(name: str) -> Stack:
    """Read a stack of the package by its name, or a YAML file by its path.

    Raises:
        ConfigError: there is no such stack or file, or it is malformed.
        GeometryError: as for `Stack`.
    """
    if name in stacks():
        text = (files("calo4pqvae.simulation.stacks") / f"{name}.yaml").read_text()
    elif not name.endswith((".yaml", ".yml")):
        raise ConfigError(
            f"there is no stack {name!r}; choose one of {', '.join(stacks())}, "
            "or name a YAML file"
        )
    else:
        return Stack.from_dict(read_yaml(name, "stack"), name)
    return Stack.from_dict(parse_yaml(text, name, "stack"), name)
