"""Settings of earlier versions: what a stored tree becomes, and what an old name is now."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from calo4pqvae._core.intake import one_line
from calo4pqvae.config.models import ModelConfig, VoxelConfig
from calo4pqvae.errors import CheckpointError, ConfigError

__all__ = ["CONFIG_SCHEMA", "migrate", "refuse_old_names"]

CONFIG_SCHEMA = 3
"""Version of the tree; what a stored one lacks or has otherwise, `migrate` puts in order."""

RENAMED = {
    "network.kind": "model.kind",
    "network.mean_shower": "model.mean_shower",
    "network.encoder_widths": "model.encoder_widths",
    "network.decoder_widths": "model.decoder_widths",
    "voxels.model": "model.voxels.kind",
    "voxels.value_weight": "model.voxels.value_weight",
    "voxels.value_exponent": "model.voxels.value_exponent",
    "voxels.true_mask": "model.voxels.true_mask",
    "voxels.residuals": "model.voxels.residuals",
    "longitudinal.level_bits": "model.level_bits",
    "longitudinal.copula_bins": "model.copula_bins",
    "longitudinal.copula_rounds": "model.copula_rounds",
    "prior.coupling_bins": "model.coupling_bins",
}
"""Settings of version 2 that have another name in version 3."""

IMPLIED = ("prior.free", "training.prior_fit")
"""Settings of version 2 that had to agree with the kind of model, and now follow from it."""

AUTOREGRESSIVE = "layers"
"""What version 2 called the kind ``autoregressive``."""

FIELDS = {
    kind.kind: {field.name for field in fields(kind)}
    for union in (ModelConfig, VoxelConfig)
    for kind in get_args(get_args(union)[0])
}
"""The settings of each kind of model, and of voxels."""

Tree = Mapping[str, Any]


def refuse_old_names(values: Tree) -> None:
    """Say of the first setting with an old name what it is called now.

    Raises:
        ConfigError: there is one.
    """
    for old, new in RENAMED.items():
        if _has(values, old):
            more = " (layers is autoregressive)" if old == "network.kind" else ""
            raise ConfigError(f"{old} is now called {new}{more}")
    for old in IMPLIED:
        if _has(values, old):
            raise ConfigError(f"{old} is no setting any more: it follows from model.kind")


def migrate(values: Tree, version: object, place: object) -> Tree:
    """Turn stored settings of any version into those of today.

    Version 1 is that of the first models; the networks of its drawn voxels and of its layered
    models were others, whose weights fit no more.

    Arguments:
        values: plain dictionaries, not yet looked at.
        version: version they were written as.
        place: where they stand, for the message.

    Raises:
        CheckpointError: an unknown version, or a model that today's networks cannot take.
    """
    if type(version) is not int or not 1 <= version <= CONFIG_SCHEMA:
        raise CheckpointError(
            f"{one_line(place)}: written as version {one_line(version)}, this program reads "
            f"versions 1 to {CONFIG_SCHEMA}; use the matching release or train again"
        )
    if version == 1:
        values = _second(values, place)
    return values if version == CONFIG_SCHEMA else _third(values)


def _second(first: Tree, place: object) -> Tree:
    """Version 2: voxels had lost a common scale, layered models had one number more."""
    values = {name: dict(section) for name, section in _sections(first)}
    if values.get("voxels", {}).pop("model", "point") != "point":
        raise CheckpointError(
            f"{one_line(place)}: a model of version 1 whose voxels are drawn, for which the "
            "networks are others today; use the matching release or train again"
        )
    values.get("voxels", {}).pop("common_scale", None)
    values.pop("longitudinal", None)
    return _with_preset(first, values)


def _third(second: Tree) -> Tree:
    """Version 3: one section for the model, with the settings of its kind alone."""
    values = {name: dict(section) for name, section in _sections(second)}
    for old in IMPLIED:
        section, name = old.split(".")
        values.get(section, {}).pop(name, None)
    model: dict[str, Any] = {"kind": "conv3d", "voxels": {"kind": "point"}}
    for old, new in RENAMED.items():
        section, name = old.split(".")
        if name in values.get(section, {}):
            home = model["voxels"] if new.startswith("model.voxels.") else model
            home[new.rpartition(".")[2]] = values[section].pop(name)
    if model["kind"] == AUTOREGRESSIVE:
        model["kind"] = "autoregressive"
    model["voxels"] = _own(model["voxels"])
    values["model"] = _own(model)
    return _with_preset(second, {name: part for name, part in values.items() if part})


def _own(section: dict[str, Any]) -> dict[str, Any]:
    """Leave out what other kinds have; an unknown kind is left to the check of the tree."""
    mine = FIELDS.get(section["kind"], section)
    return {name: value for name, value in section.items() if name in mine}


def _with_preset(before: Tree, values: dict[str, Any]) -> Tree:
    return {**({"preset": before["preset"]} if "preset" in before else {}), **values}


def _sections(values: Tree) -> list[tuple[str, Tree]]:
    return [(name, section) for name, section in values.items() if name != "preset"]


def _has(values: Tree, name: str) -> bool:
    section, key = name.split(".")
    inside = values.get(section)
    return isinstance(inside, Mapping) and key in inside
