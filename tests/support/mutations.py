"""Damage valid files at random: bytes of any, and the tokens of texts, HDF5 and weights."""

import io
import re
import struct
import zipfile
from collections.abc import Callable
from random import Random

__all__ = ["mutate"]

LARGE = (0, 1, 0x7F, 0xFF, 1 << 15, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62, (1 << 64) - 1)

NUMBERS = (
    "0", "-1", "1e999", "-0.0", "NaN", ".nan", ".inf", "Infinity", "1e308", "1e-320", "9" * 30,
    "9" * 5000, "4000000000", "1000000000", "1000000", "2147483648", "9223372036854775807",
    "18446744073709551616", "0.5", "true", "null", '"x"', "[]", "{}", "[[1]]", '""', "1_000",
    "0x10", "2026-01-01", "1:30", "65", "3",
)  # fmt: skip
WORDS = (
    "", "a" * 20_000, "\\ud800", "\\u0000", "\x00", "../../x", "😀" * 50, "NaN", "none",
    "\x1b[31m", "paper", "complete", "layers", "conv3d", "thermometer", "pegasus", "custom",
    "é", "%s", "'",
)  # fmt: skip
SNIPPETS = (
    '{"a": 1, "a": 2}', "&a [*a]", "<<: *x", "!!python/name:os.system ", "? ", "- " * 50, "\t",
    '<!DOCTYPE a [<!ENTITY b "c">]>', "&lt;", "&x;", "<![CDATA[", "<!--", "/>", "\r\n",
    "\ufeff", '<?xml version="1.0" encoding="utf-16"?>', "#", "|\n", ">\n", "%YAML 9.9\n",
    "---\n", "...\n",
)  # fmt: skip
SIGNATURES = re.compile(rb"\x89HDF|TREE|HEAP|OHDR|OCHK|SNOD|FRHP|FSHD|BTHD|BTLF|EAHD|FAHD|GCOL")

Rule = Callable[[bytes, Random], bytes]


def mutate(content: bytes, kind: str, rng: Random) -> bytes:
    """Damage a file in one to three ways.

    Arguments:
        content: a valid file.
        kind: ``text``, ``hdf5``, ``weights``, ``zip`` or ``bytes``.
        rng: source of all choices.
    """
    for _ in range(rng.choice((1, 1, 2, 3))):
        own = _OWN.get(kind)
        rule = own if own is not None and rng.random() < 0.6 else rng.choice(_BYTES)
        content = rule(content, rng)
    return content


def _flip(content: bytes, rng: Random) -> bytes:
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8)) if found else 0):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def _span(content: bytes, rng: Random) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice((1, 4, 8, 64, 512, 4096)))


def _truncate(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _insert(content: bytes, rng: Random) -> bytes:
    start, _ = _span(content, rng)
    block = rng.choice((rng.randbytes(rng.randrange(1, 64)), bytes(8), b"\xff" * 8, b"\x00"))
    return content[:start] + block + content[start:]


def _delete(content: bytes, rng: Random) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def _swap(content: bytes, rng: Random) -> bytes:
    (a, b), (c, d) = sorted((_span(content, rng), _span(content, rng)))
    if b > c:
        return content
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def _repeat(content: bytes, rng: Random) -> bytes:
    start, end = _span(content, rng)
    place, _ = _span(content, rng)
    return content[:place] + content[start:end] * rng.choice((1, 2, 5)) + content[place:]


def _overwrite(content: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return _put(content, place, _integer(rng))


def _integer(rng: Random) -> bytes:
    width = rng.choice((1, 2, 4, 8))
    return (rng.choice(LARGE) & ((1 << 8 * width) - 1)).to_bytes(width, "little")


def _put(content: bytes, place: int, block: bytes) -> bytes:
    return content[:place] + block + content[place + len(block) :]


_BYTES: tuple[Rule, ...] = (
    _flip,
    _flip,
    _truncate,
    _insert,
    _delete,
    _swap,
    _repeat,
    _overwrite,
)


def _text(content: bytes, rng: Random) -> bytes:
    """Change a token of JSON, YAML or XML, so that the text often stays well formed."""
    text = content.decode("utf-8", errors="surrogateescape")
    kind = rng.randrange(8)
    numbers = list(re.finditer(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", text))
    words = list(re.finditer(r"[A-Za-z_][\w.-]*", text))
    if kind <= 2 and numbers:
        token, new = rng.choice(numbers), rng.choice(NUMBERS)
    elif kind == 3 and words:
        token, new = rng.choice(words), rng.choice((*WORDS, rng.choice(words)[0]))
    elif kind == 4 and numbers:
        depth = rng.choice((1, 2, 30, 70, 900, 30_000))
        token = rng.choice(numbers)
        pair = rng.choice(("[]", "[]", "{}"))
        opening = '{"a":' if pair == "{}" else "["
        new = opening * depth + token[0] + pair[1] * depth
    elif kind == 5:
        place = rng.randrange(len(text) + 1)
        return _encode(text[:place] + rng.choice(SNIPPETS) + text[place:])
    else:
        return _encode(_lines(text, rng))
    return _encode(text[: token.start()] + new + text[token.end() :])


def _lines(text: str, rng: Random) -> str:
    """Repeat, drop or move lines, or entries between commas."""
    mark = rng.choice(("\n", ",", "}", ">"))
    parts = text.split(mark)
    one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    change = rng.randrange(3)
    if change == 0:
        parts.insert(other, parts[one])
    elif change == 1:
        del parts[one]
    else:
        parts[one], parts[other] = parts[other], parts[one]
    return mark.join(parts)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogateescape")


def _hdf5(content: bytes, rng: Random) -> bytes:
    """Change a field near the head of one of HDF5's structures."""
    heads = [found.start() for found in SIGNATURES.finditer(content)]
    if not heads:
        return _flip(content, rng)
    place = rng.choice(heads) + rng.randrange(4, 160)
    return _put(content, min(place, len(content)), _integer(rng))


def _weights(content: bytes, rng: Random) -> bytes:
    """Change the header of safetensors, its length kept right, or a number of a tensor."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 16 or length > len(content) - 8:
        return _flip(content, rng)
    header, data = content[8 : 8 + length], content[8 + length :]
    if rng.random() < 0.5:
        odd = rng.choice((float("nan"), float("inf"), 1e30, -1e30, 0.0))
        place = rng.randrange(max(1, len(data) // 4)) * 4
        return content[: 8 + length] + _put(data, place, struct.pack("<f", odd))
    header = _text(header, rng)
    return len(header).to_bytes(8, "little") + header + data


def _zip(content: bytes, rng: Random) -> bytes:
    """Change a record of a zip file and write its checksum anew."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            records = {info.filename: archive.read(info) for info in archive.infolist()}
    except Exception:
        return _flip(content, rng)
    names = [name for name in records if records[name]]
    if not names:
        return content
    pickles = [name for name in names if name.endswith("data.pkl")]
    chosen = rng.choice(pickles) if pickles and rng.random() < 0.7 else rng.choice(names)
    records[chosen] = rng.choice(_BYTES)(records[chosen], rng)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, record in records.items():
            archive.writestr(name, record)
    return written.getvalue()


_OWN: dict[str, Rule] = {"text": _text, "hdf5": _hdf5, "weights": _weights, "zip": _zip}
