"""Stack a preset, a user's file and single settings into one configuration."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from calo4pqvae.config.tree import Config
from calo4pqvae.errors import ConfigError

__all__ = ["change_config", "load_config", "presets"]


def presets() -> list[str]:
    """List the presets that come with the package."""
    folder = files("calo4pqvae.config.presets")
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml"))


def load_config(
    preset: str = "paper", path: str | Path | None = None, settings: Sequence[str] = ()
) -> Config:
    """Stack a preset, a YAML file and ``section.key=value`` settings.

    Raises:
        ConfigError: unknown preset, unreadable file, unknown key or bad value.
    """
    if preset not in presets():
        raise ConfigError(
            f"there is no preset {preset!r}; choose one of {', '.join(presets())}"
        )
    text = (files("calo4pqvae.config.presets") / f"{preset}.yaml").read_text()
    values = _merge({"preset": preset}, _read_yaml(text, f"preset {preset}"))
    if path is not None:
        try:
            values = _merge(values, _read_yaml(Path(path).read_text(), str(path)))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as a configuration ({error})") from error
    for setting in settings:
        values = _merge(values, _setting(setting))
    if values["preset"] != preset:
        raise ConfigError(
            f"the preset {values['preset']!r} is named beside {preset!r}; choose one preset"
        )
    return Config.from_dict(values)


def change_config(config: Config, settings: Sequence[str]) -> Config:
    """Put ``section.key=value`` settings on top of a configuration.

    Raises:
        ConfigError: unknown key or bad value.
    """
    values = config.to_dict()
    for setting in settings:
        values = _merge(values, _setting(setting))
    return Config.from_dict(values)


def _read_yaml(text: str, name: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{name}: not valid YAML ({reason})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: a configuration is a mapping of sections")
    return values


def _setting(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"a setting reads section.key=value, not {text!r}")
    try:
        tree: Any = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"the value of {text!r} is not valid YAML") from error
    for name in reversed(key.strip().split(".")):
        tree = {name: tree}
    return tree


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
