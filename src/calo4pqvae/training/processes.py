"""The processes that train together, started by torchrun or alone."""

import os
from dataclasses import dataclass, field
from datetime import timedelta

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor

from calo4pqvae.boltzmann.gradient import Moments
from calo4pqvae.errors import ConfigError

__all__ = ["PATIENCE", "Processes", "choose_device"]

# The others wait while one of them fits what is left after the last epoch, which may take
# longer than torch's ten or thirty minutes. Of processes that die torchrun ends the rest.
PATIENCE = timedelta(days=2)


@dataclass(frozen=True)
class Processes:
    """This process among its equals; alone by default.

    Attributes:
        rank: number of this process; 0 writes files.
        world_size: number of processes.
        device: where this process computes.
    """

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def join(cls, device: str = "auto") -> "Processes":
        """Join the group of torchrun, if it has started this process.

        Names of a group that something else left in the environment are passed over: whoever
        obeyed them would wait for processes that do not exist.

        Raises:
            ConfigError: CUDA is asked for and absent.
        """
        started = dist.is_available() and dist.is_torchelastic_launched()
        world_size = int(os.environ["WORLD_SIZE"]) if started else 1
        chosen = choose_device(device, int(os.environ["LOCAL_RANK"]) if started else 0)
        if world_size > 1 and not dist.is_initialized():
            backend = "nccl" if chosen.type == "cuda" else "gloo"
            dist.init_process_group(backend, timeout=PATIENCE)
        rank = dist.get_rank() if world_size > 1 else 0
        return cls(rank, world_size, chosen)

    def leave(self) -> None:
        """Leave the group."""
        if self.world_size > 1:
            dist.destroy_process_group()

    def share(self, rows: int) -> slice:
        """Name this process's rows out of a joined batch."""
        local = rows // self.world_size
        return slice(self.rank * local, (self.rank + 1) * local)

    def average(self, values: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
        """Average equal-sized tensors over processes."""
        if self.world_size > 1:
            values = values.clone()
            dist.all_reduce(values)
            values /= self.world_size
        return values

    def average_moments(self, local: Moments) -> Moments:
        """Average the prior's sufficient statistics over processes."""
        return Moments(self.average(local.node), self.average(local.edge))

    def gather(self, rows: Shaped[Tensor, "local *rest"]) -> Shaped[Tensor, "joined *rest"]:
        """Join the rows of all processes, in the order of their ranks."""
        if self.world_size == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.world_size)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def wait(self) -> None:
        """Wait for all processes."""
        if self.world_size > 1:
            dist.barrier()


def choose_device(device: str = "auto", number: int = 0) -> torch.device:
    """Find where to compute.

    Arguments:
        device: ``cpu``, ``cuda``, or ``auto`` for CUDA where there is any.
        number: number of the CUDA device.

    Raises:
        ConfigError: CUDA is asked for and absent.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("no CUDA device is available", remedy="device")
        torch.cuda.set_device(number)
        return torch.device("cuda", number)
    return torch.device("cpu")
