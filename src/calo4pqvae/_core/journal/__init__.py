"""Records of finished work in one file, safe against a death at any moment."""

from calo4pqvae._core.journal.appending import Journal
from calo4pqvae._core.journal.rows import Record

__all__ = ["Journal", "Record"]
