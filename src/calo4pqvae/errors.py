"""Every exception and warning that the package raises on purpose.

A message is one sentence that says what is wrong, where, and what to do. The command line
prints it and exits with status 2; anything else that escapes is a defect and exits with 1.
"""

__all__ = [
    "AnnealerError",
    "Calo4pQVAEError",
    "CheckpointError",
    "ConfigError",
    "DownloadError",
    "GeometryError",
    "JournalError",
    "LostPartWarning",
    "MissingExtraError",
    "OutputError",
    "PhysicsWarning",
    "SamplerError",
    "ShowerFileError",
    "SimulationError",
    "TrainingError",
    "WorkerError",
]


class Calo4pQVAEError(Exception):
    """Base of all errors that a user can mend.

    Arguments:
        message: what is wrong and where, in words that hold for every way to use the package.
        remedy: name of what mends it, where that is said differently in Python and on the
            command line, which has its words in `cli.remedies`.
        about: what those words need, such as a path.
    """

    def __init__(self, message: str = "", remedy: str = "", **about: object) -> None:
        super().__init__(message)
        self.remedy, self.about = remedy, about


class ShowerFileError(Calo4pQVAEError):
    """A shower file is missing, damaged, of another layout, or holds impossible energies."""


class GeometryError(Calo4pQVAEError):
    """A calorimeter geometry is inconsistent, or does not fit the data or the network."""


class ConfigError(Calo4pQVAEError):
    """A preset, a configuration key or a value is unknown or out of range."""


class CheckpointError(Calo4pQVAEError):
    """A checkpoint or model is missing, damaged, or of another version or configuration."""


class SamplerError(Calo4pQVAEError):
    """A sampling problem is malformed: wrong sizes, improper partitions, non-finite values."""


class SimulationError(Calo4pQVAEError):
    """Geant4 cannot simulate what was asked for, or a process that ran it has died."""


class WorkerError(Calo4pQVAEError):
    """A process that makes showers has died too often, or refuses its task."""


class AnnealerError(SamplerError):
    """An annealer lacks what a model needs, refuses or fails a job, or would cost too much."""


class TrainingError(Calo4pQVAEError):
    """Training left the realm of finite numbers, or cannot go on as asked."""


class DownloadError(Calo4pQVAEError):
    """A download did not arrive or does not have the published size and checksum."""


class OutputError(Calo4pQVAEError):
    """An output cannot be written: it exists, its folder is missing, or the disk is full."""


class JournalError(Calo4pQVAEError):
    """A journal of finished work is missing, of another kind, or damaged beyond reading."""


class MissingExtraError(Calo4pQVAEError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class PhysicsWarning(UserWarning):
    """Input that can be read but looks wrong to a physicist, such as GeV in place of MeV."""


class LostPartWarning(UserWarning):
    """A part of an output, such as a figure, could not be made; the numbers are all there."""
