"""The one gate for files from outside: every file that a user names is opened here.

A file is judged before it is believed: it must be an ordinary file, no larger than a stated
limit, and whatever its parser raises becomes one sentence. Files that come with the package are
read with `importlib.resources` and need no gate.
"""

from calo4pqvae._core.intake.files import (
    TEXT_LIMIT,
    read_bytes,
    read_part,
    read_text,
    regular_file,
)
from calo4pqvae._core.intake.json_files import (
    JSON_LIMIT,
    parse_json,
    read_json,
    read_json_lines,
)
from calo4pqvae._core.intake.parsing import one_line, parsing, printable
from calo4pqvae._core.intake.xml_files import read_xml
from calo4pqvae._core.intake.yaml_files import parse_yaml, read_yaml

__all__ = [
    "JSON_LIMIT",
    "TEXT_LIMIT",
    "one_line",
    "parse_json",
    "parse_yaml",
    "parsing",
    "printable",
    "read_bytes",
    "read_json",
    "read_json_lines",
    "read_part",
    "read_text",
    "read_xml",
    "read_yaml",
    "regular_file",
]
