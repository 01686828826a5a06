"""The page, and what other pages need: a module, weights, and the class that joins them."""

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae._core.atomic import write_bytes, write_json
from calo4pqvae.models.autoregressive.packing import pack, to_bytes
from calo4pqvae.models.export.card import describe
from calo4pqvae.models.export.cpp import CARD, WEIGHTS
from calo4pqvae.models.export.layered import layered
from calo4pqvae.models.export.web.beside import LARGEST_VOXEL, LEVELS, showers_beside
from calo4pqvae.models.export.web.module import compile_module
from calo4pqvae.models.storage import StoredModel

__all__ = ["MODULE", "PAGE", "SCRIPT", "export_web"]

PAGE, MODULE, SCRIPT = "index.html", "calo4pqvae.wasm", "calo4pqvae.mjs"

_HERE = Path(__file__).parent
_SCRIPTS = ("showers.js", "scene.js", "profile.js", "page.js")


def export_web(
    stored: StoredModel,
    folder: str | Path,
    *,
    sweeps: np.ndarray,
    states: np.ndarray | None = None,
    beside: Sequence[str | Path] = (),
) -> list[Path]:
    """Write a page that draws showers, without network; works from a disk as from a server.

    Arguments:
        stored: model to export.
        folder: where to write; made when missing.
        sweeps: Gibbs sweeps for a shower of each interval of the couplings.
        states: equilibrated states to start from (intervals, states, nodes), if any.
        beside: files of Geant4 showers, from which a few go along to compare with.

    Returns:
        the files written.

    Raises:
        MissingExtraError: ziglang is not installed.
        ConfigError: the model is not a layered one, or a file has another mesh.
        OutputError: a file cannot be written, or the core cannot be compiled.
    """
    model, folder = layered(stored.model), Path(folder)
    energies = showers_beside(beside, model.geometry, model.scale.low, model.scale.high)
    weights, module = to_bytes(pack(model, sweeps, states)), compile_module()
    card = describe(stored) | {"sweeps": sweeps.tolist()}
    data = {
        "energies": energies,
        "levels": LEVELS,
        "largest": LARGEST_VOXEL,
        "geometry": model.geometry.to_dict(),
        "generator": card["generator"],
        "model": card["model"]["weights_sha256"][:12],
        "module": _packed(module),
        "weights": _packed(weights),
    }
    script = _text("showers.js") + "\nexport { Generator };\n"
    contents = {
        PAGE: _page(data).encode(),
        MODULE: module,
        SCRIPT: script.encode(),
        WEIGHTS: weights,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_bytes(folder / name, content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    write_json(folder / CARD, card | {"files": digests})
    return sorted(folder / name for name in (*contents, CARD))


def _page(data: dict[str, Any]) -> str:
    """Join style, scripts and data, with a policy that lets nothing else run or load."""
    theme = files("calo4pqvae.evaluation.report").joinpath("theme.js")
    texts = (theme.read_text(encoding="utf-8"), *(_text(name) for name in _SCRIPTS))
    code = "\n".join(texts)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode("ascii")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src 'unsafe-inline'; script-src 'sha256-{digest}' 'wasm-unsafe-eval'"
    )
    parts = {
        "POLICY": policy,
        "STYLE": _text("page.css"),
        "DATA": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "SCRIPT": code,
    }
    page = _text("page.html")
    for name, part in parts.items():
        page = page.replace(f"@{name}@", part)
    return page


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
