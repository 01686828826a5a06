"""The gate: ordinary files of a bearable size, parsed without surprises, or one sentence."""

import os
import socket
import time
import tracemalloc
from pathlib import Path

import pytest

from calo4pqvae._core.intake import (
    parse_json,
    parse_yaml,
    parsing,
    read_bytes,
    read_json,
    read_json_lines,
    read_text,
    read_xml,
    read_yaml,
)
from calo4pqvae.errors import CheckpointError, ConfigError


def complaint(read, *args, **more):
    """The one sentence of an error; at most five seconds and 400 MiB may be spent on it."""
    tracemalloc.start()
    start = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        read(*args, **more)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.monotonic() - start < 5
    assert peak < 400 * 2**20
    text = str(caught.value)
    assert text.isprintable()
    return text


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "odd.file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    for path, says in (
        (tmp_path / "pipe", "is a pipe"),
        (Path("/dev/zero"), "is a device"),
        (tmp_path / "socket", "is a socket"),
        (tmp_path, "is a folder"),
        (tmp_path / "absent", "no such file"),
        (tmp_path / "loop", "cannot be read"),
        (tmp_path / ("n" * 300), "cannot be read"),
        ("nul\0byte", r"nul\x00byte: is no name of a file"),
    ):
        assert says in complaint(read_bytes, path, "split")
    listener.close()


def test_a_file_that_may_not_be_read(written, monkeypatch):
    path = written("x")

    def forbidden(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    assert "may not be read by this user" in complaint(read_bytes, path, "split")


def test_size_is_checked_before_anything_is_read(tmp_path):
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(10**12)  # a hole, no bytes on the disk
    assert "1,000,000,000,000 bytes" in complaint(read_json, path, "split")
    assert read_bytes("/proc/self/status", "status")  # says it has 0 bytes, and has more
    assert "at most 10" in complaint(read_bytes, "/proc/self/status", "status", 10)


def test_text_is_utf_8(written):
    assert read_text(written(b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe"), "text") == "grüße"
    assert "byte 2 is no UTF-8" in complaint(read_text, written(b"gr\xfc\xdfe"), "text")
    assert "no UTF-8" in complaint(read_text, written("text".encode("utf-16")), "text")


def test_json_keeps_its_values(written):
    path = written('{"a": [1, -2.5e3, true, null, "\\u00e9"], "b": 18446744073709551615}')
    assert read_json(path, "split") == {"a": [1, -2500.0, True, None, "é"], "b": 2**64 - 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": ', "no readable split"),
        ("", "no readable split"),
        ("[" * 30_000 + "]" * 30_000, "nested too deeply"),
        ('{"a":' * 30_000 + "1" + "}" * 30_000, "nested too deeply"),
        ("[" * 100 + "]" * 100, "nested deeper than 64"),
        ("[NaN]", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1e999]", "the number 1e999 is too large"),
        ("[1" + "0" * 4000 + "]", "more than 64 bits"),
        ('{"beta": 8.5, "beta": 9.5}', "'beta' occurs twice"),
        (b'{"a": "\xff"}', "can't decode byte"),
        ("[" + "[]," * 6_000_000 + "0]", "MiB of memory"),
        ('{"\\ud800": 1}' * 2, "no readable split"),
        ("\x00", "no readable split"),
    ],
)  # fmt: skip
def test_json_that_is_refused(written, text, says):
    path = written(text)
    found = complaint(read_json, path, "split")
    assert says in found
    assert found.startswith(str(path))


def test_json_of_64_levels_is_read(written):
    text = "[" * 64 + "]" * 64
    assert read_json(written(text), "split") == parse_json(text, "here", "split")


def test_damaged_lines_of_a_log_are_named_by_their_number(written):
    log = written(b'{"epoch": 1}\n\xff\xfe{"epoch": 2}\n\n{"epoch": 3}\n{"epoch": 4')
    assert list(read_json_lines(log, "log")) == [
        (1, {"epoch": 1}),
        (2, None),
        (3, None),
        (4, {"epoch": 3}),
    ]


def test_yaml_keeps_its_values(written):
    text = "base: &b {a: 1, c: [x, 2.5]}\nother: {<<: *b, a: 2}\nempty:\n"
    found = read_yaml(written(text), "configuration")
    assert found["other"] == {"a": 2, "c": ["x", 2.5]}
    assert read_yaml(written("# nothing\n"), "configuration") is None


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "grows beyond 10000 values"),
        (MERGES, "grows beyond 10000 values"),
        ("a: &a [*a]", "nested deeper than 32"),
        ("[" * 50_000, "nested deeper than 32"),
        ("- " * 30_000, "nested too deeply"),
        ("a: {b: 1, b: 2}", "'b' occurs twice"),
        ("a: .nan", "NaN or infinite"),
        ("a: [1, {b: -.inf}]", "NaN or infinite"),
        ("a: 2026-13-45", "no readable configuration"),
        ("a: !!python/object/apply:os.system [true]", "no readable configuration"),
        ("a: " + "9" * 5000, "no readable configuration"),
        ("a: b: c", "no readable configuration"),
        ("a: \x07", "no readable configuration"),
        ("{[a]: 1}", "no readable configuration"),
    ],
)
def test_yaml_that_is_refused(text, says):
    found = complaint(parse_yaml, text, "run.yaml", "configuration")
    assert says in found
    assert found.startswith("run.yaml")


def test_xml(written):
    text = '<?xml version="1.0" encoding="latin-1"?><Bins a="1"><Bin/></Bins>'
    assert read_xml(written(text), "binning").get("a") == "1"
    entities = (
        '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Bins>&b;</Bins>'
    )
    assert "declares a document type" in complaint(read_xml, written(entities), "binning")
    assert "no UTF-8" in complaint(read_xml, written(text.encode("utf-16")), "binning")
    for bad in ("<Bins><Bin", "", "<a/>" * 2, "<a>\x00</a>", "<a>&undefined;</a>"):
        assert "no readable binning" in complaint(read_xml, written(bad), "binning")


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (KeyError("rows"), r"x\.json: is no readable model \(it lacks 'rows'\)"),
        (MemoryError(), "more memory than there is"),
        (RecursionError(), "nested too deeply"),
        (OverflowError("two\nlines \x1b[31m"), r"\(two lines \\x1b\[31m\)"),
        (ConfigError("other class"), r"x\.json: is no readable model \(other class\)"),
        (CheckpointError("x.json: as it was"), r"^x\.json: as it was$"),
        (CheckpointError("as it was"), r"^x\.json: as it was$"),
        (ValueError("y" * 5000), r"yyy\.\.\."),
    ],
)
def test_whatever_a_parser_raises_is_one_sentence(raised, says):
    with pytest.raises(CheckpointError, match=says) as caught:  # noqa: SIM117
        with parsing("x.json", "model", CheckpointError):
            raise raised
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_an_interruption_passes():
    with pytest.raises(KeyboardInterrupt), parsing("x", "model", CheckpointError):
        raise KeyboardInterrupt
