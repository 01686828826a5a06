"""Whole graphs in three calling forms, checked before they are written."""

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae._core.atomic import replacing, write_json
from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.export.card import describe
from calo4pqvae.models.export.layered import layered
from calo4pqvae.models.export.onnx.decoder import voxels_of
from calo4pqvae.models.export.onnx.energies import energies_of
from calo4pqvae.models.export.onnx.graph import Graph, Value, onnx
from calo4pqvae.models.export.onnx.normal import probability
from calo4pqvae.models.export.onnx.prior import bits_of
from calo4pqvae.models.storage import StoredModel
from calo4pqvae.units import GeV

__all__ = ["FORMS", "OPERATORS", "OPSET", "PAR04_MOST", "build", "export_onnx", "shares"]

FORMS = ("plain", "par04-vae", "par04-calodit")

OPSET = 16
"""ONNX Runtime 1.11 and 1.12, which Geant4's example was built with, read no newer one."""

PAR04_MOST = 1_024_000.0
"""Energy by which Par04's form ``VAE`` divides [MeV]."""

OPERATORS = frozenset({
    "Abs", "Add", "Cast", "Ceil", "Concat", "Conv", "Cos", "Div", "Exp", "Floor", "Gather",
    "GatherElements", "Greater", "Identity", "Log", "MatMul", "Max", "Min", "Mul", "Neg",
    "RandomUniformLike", "ReduceSum", "Reshape", "Scan", "Sigmoid", "Sin", "Slice",
    "Softplus", "Sqrt", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Operators that a graph may use: old ones, of fixed shapes, which other runtimes have, too."""


def export_onnx(
    stored: StoredModel, path: str | Path, *, form: str, states: np.ndarray, sweeps: int
) -> dict[str, Any]:
    """Write a model and, beside it, a JSON file that says what it is.

    Arguments:
        stored: model to export.
        path: file to write; the description has its name with `.json`.
        form: calling form, one of `FORMS`.
        states: stored states of the prior (intervals, states, nodes).
        sweeps: Gibbs sweeps after them.

    Returns:
        the description.

    Raises:
        ConfigError: the model is not a layered one, or the form is unknown.
    """
    from calo4pqvae.models.export.onnx.check import compare

    path, model = Path(path), layered(stored.model)
    made = build(model, form, states, sweeps)
    facts = describe(stored)
    onnx.helper.set_model_props(made, {"form": form, "energy": "MeV", "voxel": facts["voxel"]})
    content = made.SerializeToString()
    card = facts | {
        "form": form,
        "opset": OPSET,
        "noise": sum(shares(model, sweeps)),
        "sweeps": sweeps,
        "stored_states": states.shape[1],
        "inputs": [value.name for value in made.graph.input],
        "output": "shower",
        "sha256": hashlib.sha256(content).hexdigest(),
        "check": compare(model, content, form, states, sweeps),
    }
    with replacing(path) as aside:
        aside.write_bytes(content)
    write_json(path.with_suffix(".json"), card)
    return card


def build(model: LayeredQVAE, form: str, states: np.ndarray, sweeps: int) -> Any:
    """Build the graph of one calling form and check it.

    Raises:
        ConfigError: the form is unknown.
    """
    if form not in FORMS:
        raise ConfigError(f"there is no form '{form}'; forms: {', '.join(FORMS)}")
    graph, noise = Graph(), sum(shares(model, sweeps))
    kind = onnx.TensorProto.FLOAT
    low, high = model.scale.low, model.scale.high
    if form == "plain":
        shapes = {"noise": ["N", noise], "energy": ["N", 1]}
        uniforms, energy = graph.input("noise"), graph.input("energy")
    else:
        given = graph.input("input")
        if form == "par04-vae":
            shapes = {"input": [1, noise + 4]}
            uniforms = probability(given.part(0, noise))
            energy = given.part(noise, noise + 1) * PAR04_MOST
        else:
            shapes = {"input": [1, 8]}
            energy = given.part(0, 1) * GeV
            wide = energy @ np.ones((1, noise), np.float32)
            uniforms = wide.op("RandomUniformLike", low=0.0, high=1.0)
    asked, energy = energy, energy.between(low, high)
    uniforms = uniforms.between(2.0**-25, 1 - 2.0**-24)
    shower = _shower(model, uniforms, energy, states, sweeps)
    if form != "plain":
        n_layers, n_alpha, n_r = model.geometry.shape
        shower = shower.shaped(1, n_layers, n_alpha, n_r).op("Transpose", perm=[0, 3, 2, 1])
        shower = shower.shaped(1, n_layers * n_alpha * n_r)
        unit = asked.op("Max", low) if form == "par04-vae" else GeV
        shower = shower / unit
    graph.nodes.append(onnx.helper.make_node("Identity", [shower.name], ["shower"]))
    inputs = [onnx.helper.make_tensor_value_info(n, kind, s) for n, s in shapes.items()]
    size = ["N" if form == "plain" else 1, int(np.prod(model.geometry.shape))]
    output = onnx.helper.make_tensor_value_info("shower", kind, size)
    body = onnx.helper.make_graph(
        graph.nodes, "calo4pqvae", inputs, [output], list(graph.constants.values())
    )
    made = onnx.helper.make_model(
        body, opset_imports=[onnx.helper.make_opsetid("", OPSET)], producer_name="calo4pqvae"
    )
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made


def shares(model: LayeredQVAE, sweeps: int) -> list[int]:
    """Count the numbers of a shower: of state, sweeps, layer energies, voxels, orientation."""
    n_layers, n_alpha, n_r = model.decoder.shape
    quantities = len(model.law.levels.bits)
    parts = [1, sweeps * model.prior.graph.n_nodes, quantities * (1 + model.law.rounds)]
    return [*parts, n_layers * (2 + 2 * n_alpha * n_r), 2]


def _shower(
    model: LayeredQVAE, uniforms: Value, energy: Value, states: np.ndarray, sweeps: int
) -> Value:
    """Draw showers (batch, voxels) [MeV]."""
    ends = np.cumsum([0, *shares(model, sweeps)]).tolist()
    parts = [uniforms.part(*both) for both in pairwise(ends)]
    low, high = model.scale.low, model.scale.high
    t = (energy / low).op("Log") / float(np.log(high / low))
    bits = bits_of(model, t, parts[0], parts[1], states, sweeps)
    layers = energies_of(model.law, bits, t, energy, parts[2])
    layer = voxels_of(model.decoder, model.voxels, layers, t, parts[3])
    n_layers, n_alpha, n_r = model.decoder.shape
    shower = layer.op("Transpose", perm=[1, 0, 2]).shaped(0, n_layers, n_alpha, n_r)
    return _turned(shower, parts[4], model.decoder.shape)


def _turned(shower: Value, uniform: Value, shape: tuple[int, int, int]) -> Value:
    """Move odd rings back, then turn by any number of sectors and mirror."""
    n_layers, n, n_r = shape
    shift = (uniform.part(0, 1) * float(n)).op("Floor")
    sign = (0.5 - uniform.part(1, 2)).above(0.0) * 2.0 - 1.0
    source = (sign * np.arange(n, dtype=np.float32) + shift).shaped(0, n, 1)
    source = source - np.arange(n_r, dtype=np.float32) % 2
    source = source - (source / float(n)).op("Floor") * float(n)
    index = source * float(n_r) + np.arange(n_r, dtype=np.float32)
    index = index.shaped(0, 1, n * n_r) + np.zeros((1, n_layers, 1), np.float32)
    flat = shower.shaped(0, n_layers, n * n_r)
    return flat.op("GatherElements", index.whole(), axis=2).shaped(0, -1)
