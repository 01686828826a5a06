"""How to mend an error with options: what the library, which knows none, leaves to be said."""

import shlex
from typing import Any

__all__ = ["REMEDIES", "with_remedy"]

REMEDIES = {
    "binning": "--binning FILE.xml names one",
    "built tables": "--tables built",
    "copy": "--copy copies the showers",
    "device": "use --device cpu or auto",
    "fold": "use --conditioning fold",
    "holding": "--holding-field H, or --conditioning fold",
    "limit": "--max-seconds S",
    "fewer workers": "--workers N takes fewer",
    "memory": "use --mode single",
    "out of range": "--out-of-range rescale or clip",
    "overwrite": "--overwrite replaces it",
    "refit": "repeat it with: calo4pqvae train --refit --out {run} --set ..",
    "resume": "--resume continues it",
    "rule": "--rule names another one",
    "sweeps": "--most-sweeps N allows more, --sweeps N says how many",
    "temperature": "measure it with 'calo4pqvae annealer temperature -o FILE.json'",
    "threshold": "--threshold-kev K gives it, the smallest energy of a voxel in the file, "
    "which 'calo4pqvae inspect' tells",
    "unfinished run": "finish it with: calo4pqvae train --resume --out {run}",
    "working graph": "'calo4pqvae annealer repair' for the first, for the second 'calo4pqvae "
    "annealer status --save-graph GRAPH.json' and train --set prior.working_graph=GRAPH.json",
}
"""What to type, by the name that the library gives to a remedy."""


def with_remedy(message: object, remedy: str, about: dict[str, Any] | None = None) -> str:
    """Add to a message of the library what to type, with paths as a shell takes them."""
    if not remedy:
        return str(message)
    given = {key: shlex.quote(str(value)) for key, value in (about or {}).items()}
    return f"{message}; {REMEDIES[remedy].format(**given)}"
