"""D-Wave's solvers through their own client, which alone knows about accounts and tokens."""

from typing import Any

from calo4pqvae._core.optional import require
from calo4pqvae.annealer.jobs.backend import explain
from calo4pqvae.errors import AnnealerError

__all__ = ["list_solvers", "open_solver"]

POLLING_S = 600.0
"""Time after which waiting for an answer is given up for a while; it stays with the solver."""

_NO_TOKEN = (
    "no access to D-Wave is configured; run 'dwave config create' or set DWAVE_API_TOKEN, or "
    "use the emulator"
)


def open_solver(name: str | None = None, polling_s: float = POLLING_S) -> Any:
    """Open a solver, the one with most qubits when none is named.

    What the client remembers of solvers is renewed first: working graphs change.

    Arguments:
        name: name of the solver.
        polling_s: time after which waiting for an answer is given up for a while [s].

    Raises:
        AnnealerError: there is no access, or no such solver.
        MissingExtraError: Ocean is not installed.
    """
    system = require("dwave.system", "qpu")
    config: dict[str, Any] = {"polling_timeout": polling_s}
    if name is not None:
        config["solver"] = {"name": name}
    client = require("dwave.cloud", "qpu").Client
    try:
        with client.from_config() as access:
            access.get_solvers(refresh=True)
        return system.DWaveSampler(**config)
    except Exception as error:
        raise _no_access(error, name or "D-Wave") from error


def list_solvers() -> list[Any]:
    """List the QPU solvers that the account may use.

    Raises:
        AnnealerError: there is no access.
        MissingExtraError: Ocean is not installed.
    """
    client = require("dwave.cloud", "qpu").Client
    try:
        with client.from_config() as access:
            return access.get_solvers(qpu=True)
    except Exception as error:
        raise _no_access(error, "D-Wave") from error


def _no_access(error: Exception, name: str) -> AnnealerError:
    if isinstance(error, ValueError) and "token" in str(error).lower():
        return AnnealerError(_NO_TOKEN)
    return AnnealerError(explain(error, name))
