"""Energy of a piece of work: read from the machine's counters where they are, else stated."""

import ctypes
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

__all__ = ["Meter", "Nvml", "Rapl", "Stated", "clock", "meter_of"]

POWERCAP = Path("/sys/class/powercap")


@runtime_checkable
class Meter(Protocol):
    """A counter of energy."""

    @property
    def source(self) -> str:
        """What is read, in a few words."""
        ...

    def start(self) -> None:
        """Remember the counter."""
        ...

    def joules(self, busy: float) -> float:
        """Energy since the start [J]; `busy` is the time that was worked for [s]."""
        ...


@dataclass
class Stated:
    """No counter: a power that somebody states, times the time of work.

    Attributes:
        watts: power [W].
        what: whose power it is.
    """

    watts: float
    what: str

    @property
    def source(self) -> str:
        """What is assumed."""
        return f"stated, {self.watts:g} W per {self.what}"

    def start(self) -> None:
        """Do nothing."""

    def joules(self, busy: float) -> float:
        """Multiply."""
        return self.watts * busy


class Rapl:
    """The running average power limit's counters, of all packages, all that runs on them."""

    source = "RAPL, whole packages"

    def __init__(self, folder: Path = POWERCAP) -> None:
        self._zones = sorted(folder.glob("intel-rapl:?"))
        self._before = [0] * len(self._zones)

    @property
    def readable(self) -> bool:
        """Whether there are counters and this user may read them."""
        try:
            return bool(self._read())
        except OSError:
            return False

    def start(self) -> None:
        """Remember the counters."""
        self._before = self._read()

    def joules(self, busy: float) -> float:
        """Energy since the start [J]; a counter that has wrapped around is put right."""
        del busy
        spent = 0
        for zone, before, now in zip(self._zones, self._before, self._read(), strict=True):
            wrap = int((zone / "max_energy_range_uj").read_text()) if now < before else 0
            spent += now - before + wrap
        return 1e-6 * spent

    def _read(self) -> list[int]:
        return [int((zone / "energy_uj").read_text()) for zone in self._zones]


class Nvml:
    """The energy counter of the first NVIDIA GPU, through its management library."""

    source = "NVML, whole GPU"

    def __init__(self) -> None:
        self._before = 0
        self._device = ctypes.c_void_p()
        try:
            self._library = ctypes.CDLL("libnvidia-ml.so.1")
            handle = self._library.nvmlDeviceGetHandleByIndex_v2
            failed = self._library.nvmlInit_v2() or handle(0, ctypes.byref(self._device))
        except (OSError, AttributeError):
            failed = True
        self._found = not failed

    @property
    def readable(self) -> bool:
        """Whether the GPU has such a counter."""
        return self._found and self._read() is not None

    def start(self) -> None:
        """Remember the counter."""
        self._before = self._read() or 0

    def joules(self, busy: float) -> float:
        """Energy since the start [J]; the counter is renewed some ten times a second."""
        del busy
        return 1e-3 * ((self._read() or 0) - self._before)

    def _read(self) -> int | None:
        millijoules = ctypes.c_ulonglong()
        ask = self._library.nvmlDeviceGetTotalEnergyConsumption
        return None if ask(self._device, ctypes.byref(millijoules)) else millijoules.value


def meter_of(device: str, core_watts: float, gpu_watts: float) -> Meter:
    """Choose a counter for work on a device, or the stated power.

    Arguments:
        device: ``"cpu"`` or ``"cuda"``.
        core_watts: power of a processor core where RAPL cannot be read [W].
        gpu_watts: power of a GPU where NVML cannot be read [W].
    """
    counter = Nvml() if device == "cuda" else Rapl()
    if counter.readable:
        return counter
    return Stated(gpu_watts, "GPU") if device == "cuda" else Stated(core_watts, "core")


def clock(device: str) -> float:
    """Time on which a device's work is measured [s].

    CPU time of this process, which other programs disturb least; on a GPU the time of the
    clock, when all that was begun there is done.
    """
    if device == "cpu":
        return time.process_time()
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()
