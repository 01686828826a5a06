"""Stack a preset, a user's file and single settings into one configuration."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from calo4pqvae._core.intake import one_line, parse_yaml, read_yaml
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

    Where a kind changes, such as that of the model, what the preset says of the former kind is
    left out, and the defaults of the new one hold.

    Raises:
        ConfigError: unknown preset, unreadable file, unknown key or bad value.

    Example:
        >>> config = load_config("quick", settings=["training.epochs=30", "data.split=sample"])
        >>> config.training.epochs, config.model.kind
        (30, 'depth')
    """
    if preset not in presets():
        raise ConfigError(
            f"there is no preset {preset!r}; choose one of {', '.join(presets())}"
        )
    text = (files("calo4pqvae.config.presets") / f"{preset}.yaml").read_text()
    values = _merge({"preset": preset}, _sections(parse_yaml(text, preset, "preset"), preset))
    if path is not None:
        values = _merge(values, _sections(read_yaml(path, "configuration"), str(path)))
    values = _merge(values, _together(settings))
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
    return Config.from_dict(_merge(config.to_dict(), _together(settings)))


def _sections(values: Any, name: str) -> dict[str, Any]:
    if not isinstance(values, dict | None) or not all(isinstance(k, str) for k in values or ()):
        raise ConfigError(f"{one_line(name)}: a configuration is a mapping of sections")
    return values or {}


def _together(settings: Sequence[str]) -> dict[str, Any]:
    """Make one tree of all settings first: a kind and what belongs to it, in any order."""
    values: dict[str, Any] = {}
    for setting in settings:
        values = _merge(values, _setting(setting))
    return values


def _setting(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"a setting reads section.key=value, not {one_line(repr(text))}")
    tree: Any = parse_yaml(value, f"the value of {text!r}", "setting")
    for name in reversed(key.strip().split(".")):
        tree = {name: tree}
    return tree


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Put settings over others; those of another kind go with it."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, dict):
            merged[key] = _merge({} if _of_another_kind(value, below) else below, value)
        else:
            merged[key] = value
    return merged


def _of_another_kind(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return "kind" in one and "kind" in other and one["kind"] != other["kind"]
