"""Models on disk: `model.safetensors` and `config.json`, nothing that could run code."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from calo4pqvae._core.atomic import replacing, write_json
from calo4pqvae._core.intake import parsing, read_json
from calo4pqvae._core.intake.weights import read_weights
from calo4pqvae.boltzmann.graph import FourPartiteGraph
from calo4pqvae.config import CONFIG_SCHEMA, Config, migrate
from calo4pqvae.errors import CheckpointError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.models.build import build_model
from calo4pqvae.models.hub import fetch_model, names_a_hub
from calo4pqvae.pretrained import PRETRAINED, SHIPPED, pretrained_path

__all__ = ["StoredModel", "load_model", "load_pretrained", "save_model"]

WEIGHTS, DESCRIPTION = "model.safetensors", "config.json"


@dataclass(frozen=True)
class StoredModel:
    """A model read from disk, with what is known about it.

    Attributes:
        model: the model, in evaluation mode.
        config: the choices it was built from.
        provenance: data hashes, versions, epochs.
        folder: where it lies.
    """

    model: ShowerModel
    config: Config
    provenance: dict[str, Any]
    folder: Path


def save_model(
    folder: str | Path,
    model: ShowerModel,
    config: Config,
    provenance: Mapping[str, Any],
    half: bool = False,
) -> None:
    """Write a model folder: weights first, then the description that makes it valid.

    Arguments:
        folder: where to write.
        model: the model.
        config: the choices that it was built from.
        provenance: where it comes from.
        half: keep the matrices and kernels of networks in half precision, in half the space;
            vectors, the prior and fitted tables stay as they are.

    Raises:
        OutputError: it cannot be written, for example on a full disk.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    if half:
        wide = [n for n, p in model.named_parameters() if p.ndim > 1]
        weights |= {name: weights[name].half() for name in wide}
    with replacing(folder / WEIGHTS) as aside:
        aside.write_bytes(save(weights))
        # A model that is replaced has no description until its own follows.
        (folder / DESCRIPTION).unlink(missing_ok=True)
    description = {
        "schema": CONFIG_SCHEMA,
        "config": config.to_dict(),
        "geometry": model.geometry.to_dict(),
        "graph": model.prior.graph.to_dict(),
        "provenance": dict(provenance),
    }
    write_json(folder / DESCRIPTION, description)


def load_model(path: str | Path) -> StoredModel:
    """Read a model folder, or the finished model of a run folder.

    Arguments:
        path: the folder; ``"pretrained"`` and others of `SHIPPED` mean the models that come
            with the package, unless there is a folder of that name; ``hf://OWNER/NAME`` a model
            of the Hugging Face hub.

    Raises:
        CheckpointError: there is no model, it is damaged, or it is of another version.

    Example:
        >>> stored = load_model("pretrained")
        >>> stored.config.model.kind, stored.config.data.energy_gev
        ('autoregressive', (1.0, 1000.0))
    """
    path = fetch_model(path) if names_a_hub(path) else Path(path)
    if str(path) in SHIPPED and not path.exists():
        path = pretrained_path(str(path))
    folder = _find(path)
    description = _describe(folder)
    with parsing(folder / DESCRIPTION, "description of a model", CheckpointError):
        config = Config.from_dict(description["config"])
        geometry = CylindricalGeometry.from_dict(description["geometry"])
        graph = FourPartiteGraph.from_dict(description["graph"])
        provenance = dict(description["provenance"])
        with torch.device("meta"):  # takes no memory for what is declared here
            empty = build_model(config, geometry, graph)
    weights = read_weights(folder / WEIGHTS, empty.state_dict(), empty.LATER)
    with parsing(folder / WEIGHTS, "weights of this model", CheckpointError):
        model = build_model(config, geometry, graph)
        model.restore(weights)
        model.check()
    return StoredModel(model.eval(), config, provenance, folder)


def load_pretrained(name: str = PRETRAINED) -> StoredModel:
    """Read a model that comes with the package.

    Arguments:
        name: ``"pretrained"``, ``"pretrained-cells"`` for single showers nearer to Geant4's, or
            ``"pretrained-paper"`` for the paper's structure.

    Raises:
        CheckpointError: there is none of this name, or the package was installed without it.

    Example:
        >>> model = load_pretrained().model
        >>> model.geometry.shape, model.prior.graph.n_nodes
        ((45, 16, 9), 160)
    """
    return load_model(pretrained_path(name))


def _find(path: Path) -> Path:
    for folder in (path, path / "model"):
        if (folder / DESCRIPTION).is_file() and (folder / WEIGHTS).is_file():
            return folder
    if (path / "checkpoints").is_dir():
        raise CheckpointError(
            f"{path}: this run has no finished model yet",
            remedy="unfinished run",
            run=path,
        )
    raise CheckpointError(f"{path}: no model here ({WEIGHTS} and {DESCRIPTION} are needed)")


def _describe(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    description = read_json(path, "description of a model", error=CheckpointError)
    with parsing(path, "description of a model", CheckpointError):
        version, values = description["schema"], description["config"]
        return {**description, "config": migrate(values, version, folder)}
