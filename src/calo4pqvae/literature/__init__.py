"""What this package builds on: one list, from which the page and `calo4pqvae cite` are made."""

from calo4pqvae.literature.works import Work, bibtex, cited, load_works, software

__all__ = ["Work", "bibtex", "cited", "load_works", "software"]
