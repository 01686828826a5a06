"""Optional libraries: imported where they are used, missing ones named with their extra."""

import importlib
import importlib.util
from types import ModuleType

from calo4pqvae.errors import MissingExtraError

__all__ = ["installed", "require"]


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
        raise _missing(library, extra) from error


def installed(library: str, extra: str) -> None:
    """Refuse early what an optional library is needed for later, without loading it.

    Arguments:
        library: its top-level module.
        extra: the extra of this package that installs it.

    Raises:
        MissingExtraError: the library is not installed.
    """
    if importlib.util.find_spec(library) is None:
        raise _missing(library, extra)


def _missing(library: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"{library} is not installed; run: pip install 'calo4pqvae[{extra}]'"
    )
