"""Figures of the paper; importing this package needs the extra ``report``.

Nothing is shown in a window, so that no backend has a say in it. A backend named by MPLBACKEND
that is not installed here (Jupyter names one for whatever it starts) would keep matplotlib from
being imported at all; then it is imported without that name.
"""

import os

from calo4pqvae._core.optional import require

try:
    require("matplotlib", "report")
except ValueError:
    _backend = os.environ.pop("MPLBACKEND", None)
    if _backend is None:
        raise
    try:
        require("matplotlib", "report")
    finally:
        os.environ["MPLBACKEND"] = _backend
