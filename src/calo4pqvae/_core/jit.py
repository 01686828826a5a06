"""Compile functions of numbers with numba."""

from typing import no_type_check

from numba import njit

__all__ = ["compiled"]


@no_type_check
def compiled(**options):
    """Compile with a cache on disk, or without one where none can be written."""

    def decorate(function):
        try:
            return njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:
            return njit(nogil=True, **options)(function)

    return decorate
