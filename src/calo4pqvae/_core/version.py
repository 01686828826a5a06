"""The version of this installation: that of the last tag, or what came after it."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("calo4pqvae")
except PackageNotFoundError:  # run from a folder of sources
    __version__ = "0+unknown"
