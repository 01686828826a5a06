"""The README as a package index shows it: links that lead to the repository, not beside it.

`CALO4PQVAE_REPOSITORY` is the address of the repository's pages, `https://HOST/OWNER/NAME`, and
`CALO4PQVAE_REF` the tag or branch that links show (main). The release sets both. Without them
the README stays as it is in the repository.
"""

import os
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


def absolute(text: str, repository: str, ref: str) -> str:
    """Put the repository's address before every link and picture that is relative."""
    picture = r"(!\[[^\]]*\]\()(?![a-z]+:|#)([^)]+)\)"
    link = r"((?<!!)\[[^\]]*\]\()(?![a-z]+:|#)([^)]+)\)"
    for pattern, kind in ((picture, "raw"), (link, "blob")):
        text = re.sub(pattern, rf"\g<1>{repository}/{kind}/{ref}/\g<2>)", text)
    return text


class ReadmeHook(MetadataHookInterface):
    """Gives the README to the descriptions of wheel and sdist."""

    def update(self, metadata: dict) -> None:
        """Fill in the readme, which pyproject.toml calls dynamic."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        if repository := os.environ.get("CALO4PQVAE_REPOSITORY", "").rstrip("/"):
            text = absolute(text, repository, os.environ.get("CALO4PQVAE_REF", "main"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
