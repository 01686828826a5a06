"""Attributes of files are data: every type of them has a place in JSON."""

import json
import math

import h5py
import numpy as np
import pytest

from calo4pqvae.evaluation.plain_json import attribute, without_nan


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.float32("nan"), "nan"),
        (float("-inf"), "-inf"),
        (np.array([1.5, np.inf]), [1.5, "inf"]),
        (np.array([[1, 2], [3, 4]], np.uint8), [[1, 2], [3, 4]]),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (b"caf\xe9", "caf�"),
        ("lone \udce9", "lone ?"),
        (np.bytes_(b"x"), "x"),
        (1 + 2j, "(1+2j)"),
        (None, None),
        ({"a": {"b": [math.nan]}}, {"a": {"b": ["nan"]}}),
        (np.zeros(5000), "5000 float64"),
        (np.array([(1, 2.5)], dtype=[("i", "i4"), ("x", "f8")]), [[1, 2.5]]),
        (np.array([b"a", "b"], dtype=object), ["a", "b"]),
        (h5py.Empty("f4"), "Empty(dtype=dtype('float32'))"),
    ],
)
def test_an_attribute_is_written(value, written):
    made = attribute(value)
    assert made == written
    text = json.dumps(made, allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode("utf-8")) == written


def test_own_numbers_that_are_not_finite_are_null():
    content = {"a": [1.0, math.nan, (np.float64("inf"), np.int64(3))], "b": "nan"}
    assert without_nan(content) == {"a": [1.0, None, [None, 3]], "b": "nan"}
