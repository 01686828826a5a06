"""Exported graphs: the model's showers from the same numbers, in each calling form."""

import json

import numpy as np
import pytest

from calo4pqvae.errors import ConfigError
from calo4pqvae.models.export.layered import layered
from calo4pqvae.models.storage import load_pretrained

onnx = pytest.importorskip("onnx", reason="not installed (pip install 'calo4pqvae[onnx]')")
pytest.importorskip("onnxruntime", reason="not installed (pip install 'calo4pqvae[onnx]')")

from calo4pqvae.models.export.onnx import FORMS, export_onnx  # noqa: E402
from calo4pqvae.models.export.onnx.check import compare, expected, session  # noqa: E402
from calo4pqvae.models.export.onnx.write import OPERATORS, OPSET, build, shares  # noqa: E402

SWEEPS = 3


@pytest.fixture(scope="module")
def model():
    return layered(load_pretrained().model)


@pytest.fixture(scope="module")
def states():
    return np.random.default_rng(1).random((32, 5, 160)) < 0.2


def operators(graph):
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from operators(attribute.g)


@pytest.mark.parametrize("form", FORMS)
def test_graphs_are_old_and_plain(model, states, form):
    made = build(model, form, states, SWEEPS)
    assert made.opset_import[0].version == OPSET
    assert set(operators(made.graph)) <= OPERATORS
    assert len(made.graph.output) == 1
    if form != "plain":
        assert len(made.graph.input) == 1
        shape = [d.dim_value for d in made.graph.input[0].type.tensor_type.shape.dim]
        assert shape == [1, 8 if form == "par04-calodit" else sum(shares(model, SWEEPS)) + 4]


def test_a_batch_has_the_showers_of_the_model(model, states):
    rng, n = np.random.default_rng(2), 12
    noise = rng.random((n, sum(shares(model, SWEEPS))), dtype=np.float32).clip(1e-6, 1 - 1e-6)
    e_inc = np.geomspace(1.1e3, 9e5, n, dtype=np.float32)[:, None]
    run = session(build(model, "plain", states, SWEEPS).SerializeToString())
    made = run.run(None, {"noise": noise, "energy": e_inc})[0]
    wanted = expected(model, noise, e_inc, states, SWEEPS)
    assert made.shape == (n, 6480)
    same = ((made > 0) == (wanted > 0)).all(axis=1)
    assert int((~same).sum()) <= 1
    hits = wanted[same] > 0
    assert np.median(np.abs(made[same][hits] / wanted[same][hits] - 1)) < 1e-4
    assert made[made > 0].min() > 0.999 * model.geometry.threshold
    alone = run.run(None, {"noise": noise[3:4], "energy": e_inc[3:4]})[0]
    assert np.allclose(alone, made[3:4], rtol=1e-3, atol=1e-3)
    other = expected(model, noise[::-1].copy(), e_inc, states, SWEEPS)
    assert ((other > 0) != (made > 0)).any(axis=1).all()


def test_par04_reads_fractions_in_its_own_order(model, states, monkeypatch):
    monkeypatch.setattr("calo4pqvae.models.export.onnx.check.SHOWERS", 8)
    content = build(model, "par04-vae", states, SWEEPS).SerializeToString()
    found = compare(model, content, "par04-vae", states, SWEEPS)
    assert found["showers_with_a_differing_hit"] <= 1
    assert found["median_relative_difference"] < 1e-3


def test_energies_out_of_range_and_odd_noise_make_no_nonsense(model, states):
    """Par04's gate lets every energy through: the condition is clamped, the total is not."""
    run = session(build(model, "par04-calodit", states, SWEEPS).SerializeToString())
    sums = {}
    for gev in (0.0, 1e-3, 1.0, 50.0, 1e3, 1e6):
        given = np.array([[gev, 0, 0, 1, 0, 0, 0, 0]], np.float32)
        made = run.run(None, {"input": given})[0]
        assert made.shape == (1, 6480)
        assert np.isfinite(made).all()
        assert made.min() >= 0
        sums[gev] = float(made.sum())
    assert sums[50.0] == pytest.approx(48, rel=0.2)  # GeV out, as this form has it
    twice = [run.run(None, {"input": given})[0] for _ in range(2)]
    assert not np.array_equal(*twice)


def test_a_file_has_its_description_beside_it(model, states, tmp_path, monkeypatch):
    del model
    monkeypatch.setattr("calo4pqvae.models.export.onnx.check.SHOWERS", 8)
    stored = load_pretrained()
    card = export_onnx(stored, tmp_path / "m.onnx", form="plain", states=states, sweeps=SWEEPS)
    assert json.loads((tmp_path / "m.json").read_text()) == json.loads(json.dumps(card))
    assert card["check"]["showers_compared"] == 8
    with pytest.raises(ConfigError, match="no form"):
        export_onnx(stored, tmp_path / "n.onnx", form="tflite", states=states, sweeps=1)
