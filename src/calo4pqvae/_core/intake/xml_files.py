"""XML from outside: UTF-8, without declarations by which a text grows or reaches out."""

import xml.etree.ElementTree as ET
from pathlib import Path

from calo4pqvae._core.intake.files import TEXT_LIMIT, read_text
from calo4pqvae._core.intake.parsing import parsing
from calo4pqvae.errors import Calo4pQVAEError, ConfigError

__all__ = ["read_xml"]


def read_xml(
    path: str | Path,
    what: str,
    limit: int = TEXT_LIMIT,
    *,
    error: type[Calo4pQVAEError] = ConfigError,
) -> ET.Element:
    """Read an XML file and return its root.

    Arguments:
        path: the file.
        what: what it should hold, for the message.
        limit: largest size [bytes].
        error: class to raise.

    Raises:
        Calo4pQVAEError: of class `error`: as for `read_text`, or it is no XML, or it declares a
            document type, whose entities can multiply or name other files.
    """
    text = read_text(path, what, limit, error=error)
    with parsing(path, what, error):
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("it declares a document type, which is not read; remove that")
        return ET.fromstring(text)
