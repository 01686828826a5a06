import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calo4pqvae.errors import GeometryError
from calo4pqvae.geometry import CylindricalGeometry, LayerBins

DATASET_1_LIKE = """<Bins>
  <Bin pid="22" etaMin="20" etaMax="25" name="photon">
    <Layer id="0" r_edges="0,5,10,30,50,100,200,400,600" n_bin_alpha="1" />
    <Layer id="1" r_edges="0,2,4,6,8,10,12,15,20,30,40,50,70,90,120,150,200" n_bin_alpha="10"/>
    <Layer id="2" r_edges="0,2,5,10,15,20,25,30,40,50,60,80,100,130,160,200,250,300,350,400"
           n_bin_alpha="10"/>
    <Layer id="3" r_edges="0,50,100,200,400,600" n_bin_alpha="1"/>
    <Layer id="4" r_edges="0" n_bin_alpha="1"/>
    <Layer id="12" r_edges="0,100,200,400,1000,2000" n_bin_alpha="1"/>
  </Bin>
  <Bin pid="211" name="pion"><Layer id="0" r_edges="0,5" n_bin_alpha="1"/></Bin>
</Bins>"""


@pytest.fixture
def dataset_1_xml(tmp_path):
    path = tmp_path / "binning.xml"
    path.write_text(DATASET_1_LIKE)
    return path


EDGES = st.lists(st.floats(0, 1e4, width=32), min_size=2, max_size=6, unique=True)
LAYERS = st.lists(st.tuples(EDGES, st.integers(1, 20)), min_size=1, max_size=4)


def stack(layers, threshold=0.0):
    bins = (LayerBins(tuple(sorted(edges)), n_alpha) for edges, n_alpha in layers)
    return CylindricalGeometry(tuple(bins), threshold)


@settings(deadline=None, derandomize=True)
@given(LAYERS, st.floats(0, 10))
def test_dictionary_round_trip_through_json(layers, threshold):
    geometry = stack(layers, threshold)
    assert CylindricalGeometry.from_dict(json.loads(json.dumps(geometry.to_dict()))) == geometry


@settings(deadline=None, derandomize=True)
@given(LAYERS)
def test_voxel_tables_agree_with_the_nested_loop(layers):
    geometry = stack(layers)
    expected = [
        (
            i,
            k,
            -np.pi + 2 * np.pi * (j + 0.5) / b.n_alpha,
            (b.r_edges[k] + b.r_edges[k + 1]) / 2,
        )
        for i, b in enumerate(geometry.layers)
        for j in range(b.n_alpha)
        for k in range(b.n_r)
    ]
    tables = zip(
        geometry.layer_of_voxel,
        geometry.ring_of_voxel,
        geometry.alpha_of_voxel,
        geometry.r_of_voxel,
        strict=True,
    )
    assert geometry.n_voxels == len(expected)
    np.testing.assert_allclose(list(tables), expected, rtol=1e-12)


def test_dataset_2_is_the_published_cylinder():
    geometry = CylindricalGeometry.dataset_2()
    assert geometry.shape == (45, 16, 9)
    assert geometry.n_voxels == 6480
    assert geometry.layers[0].r_edges[-1] == pytest.approx(41.85)
    assert geometry.threshold == pytest.approx(15.15e-3, rel=1e-3)


def test_dataset_3_is_the_published_cylinder():
    geometry = CylindricalGeometry.dataset_3()
    assert geometry.shape == (45, 50, 18)
    assert geometry.n_voxels == 40500
    assert geometry.layers[0].r_edges[-1] == pytest.approx(41.85)


def test_xml_with_unequal_layers_leaves_out_unused_ones(dataset_1_xml):
    geometry = CylindricalGeometry.from_xml(dataset_1_xml, "photon", threshold=1.0)
    assert [b.n_voxels for b in geometry.layers] == [8, 160, 190, 5, 5]
    assert geometry.n_voxels == 368
    assert geometry.threshold == 1.0
    assert not geometry.is_regular
    with pytest.raises(GeometryError, match="different bins"):
        _ = geometry.shape


def test_xml_needs_a_particle_when_it_holds_several(dataset_1_xml):
    assert CylindricalGeometry.from_xml(dataset_1_xml, "pion").n_voxels == 1
    with pytest.raises(GeometryError, match=r"\['photon', 'pion'\]"):
        CylindricalGeometry.from_xml(dataset_1_xml)


def test_xml_of_equal_layers_equals_dataset_2(tmp_path):
    edges = ",".join(str(4.65 * i) for i in range(10))
    layer = '<Layer id="{}" r_edges="{}" n_bin_alpha="16"/>'
    body = "".join(layer.format(i, edges) for i in range(45))
    path = tmp_path / "binning_dataset_2.xml"
    path.write_text(f'<Bins><Bin pid="11" name="electron">{body}</Bin></Bins>')
    expected = CylindricalGeometry.dataset_2()
    assert CylindricalGeometry.from_xml(path, threshold=expected.threshold) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Bins><Bin", "no readable binning XML"),
        ('<Bins><Bin name="e"><Layer id="7" n_bin_alpha="2"/></Bin></Bins>', "layer 7"),
        ('<Bins><Bin name="e"><Layer id="7" r_edges="0,x" n_bin_alpha="2"/></Bin></Bins>', "7"),
        ('<Bins><Bin name="e"><Layer r_edges="5,0" n_bin_alpha="2"/></Bin></Bins>', "rising"),
        ('<Bins><Bin name="e"><Layer r_edges="0,5" n_bin_alpha="0"/></Bin></Bins>', "azimuth"),
        ('<Bins><Bin name="e"></Bin></Bins>', "at least one layer"),
    ],
)
def test_malformed_xml_is_refused(tmp_path, text, message):
    path = tmp_path / "binning.xml"
    path.write_text(text)
    with pytest.raises(GeometryError, match=message):
        CylindricalGeometry.from_xml(path)


def test_missing_xml_is_refused(tmp_path):
    with pytest.raises(GeometryError, match=r"absent\.xml"):
        CylindricalGeometry.from_xml(tmp_path / "absent.xml")


def test_negative_or_undefined_threshold_is_refused():
    for threshold in (-1.0, float("nan")):
        with pytest.raises(GeometryError, match="threshold"):
            CylindricalGeometry.regular(1, 1, [0.0, 1.0], threshold)
