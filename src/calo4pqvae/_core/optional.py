"""Optional libraries: imported where they are used, missing ones named with their extra."""

import importlib
from types import ModuleType

from calo4pqvae.errors import MissingExtraError

__all__ = ["require"]


def require(module: str, extra: str) -> ModuleType:
    """Import an optional library, or say which extra brings it.

    Arguments:
        module: dotted name of the library's module, such as ``"pooch"``.
        extra: the extra of this package that installs it, such as ``"download"``.

    Raises:
        MissingExtraError: the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != library:
            raise
        raise MissingExtraError(
            f"{library} is not installed; run: pip install 'calo4pqvae[{extra}]'"
        ) from error
