"""A layered model as one page that draws showers in a browser, by WebAssembly."""

from calo4pqvae.models.export.web.write import export_web

__all__ = ["export_web"]
