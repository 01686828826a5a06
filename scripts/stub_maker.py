"""A maker of shards that costs nothing: for campaigns, for schedulers, and for the tests.

Its showers depend on seed and number alone, as those of any maker. It can take its time, and
fail in the ways that real ones do.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from calo4pqvae.data.shower_writer import ShowerWriter
from calo4pqvae.errors import ConfigError
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.shards.folder import FIRST, SEQUENCE, Job, digest_of
from calo4pqvae.shards.making import Recipe
from calo4pqvae.shards.plan import Plan, Shard

GEOMETRY = CylindricalGeometry.regular(2, 2, [0.0, 1.0, 2.0])
BATCH = 64


class StubMaker:
    """Makes showers of eight voxels.

    Arguments:
        seed: of all showers.
        pause: time that 64 showers take [s].
        poison: number of a shower at which the process dies, each time.
        refuse: number of a shower that cannot be made.
        arithmetic: name of the kind of machine that it claims to be.
    """

    def __init__(
        self,
        seed: int = 0,
        pause: float = 0.0,
        poison: int = -1,
        refuse: int = -1,
        arithmetic: str = "stub",
    ) -> None:
        self._seed, self._pause = seed, pause
        self._poison, self._refuse = poison, refuse
        self.facts: dict[str, Any] = {"program": "stub", "seed": seed, "arithmetic": arithmetic}

    def make(self, shard: Shard, path: Path) -> None:
        """Write the showers of a shard, each from its own number."""
        end = shard.first + shard.n
        attrs = {SEQUENCE: digest_of(self.facts), FIRST: shard.first}
        with ShowerWriter(path, GEOMETRY, attrs, overwrite=True) as writer:
            for start in range(shard.first, end, BATCH):
                numbers = range(start, min(end, start + BATCH))
                if self._poison in numbers:
                    os.kill(os.getpid(), signal.SIGKILL)
                if self._refuse in numbers:
                    raise ConfigError(f"shower {self._refuse} cannot be made")
                time.sleep(self._pause)
                rows = [np.random.default_rng([self._seed, k]).random(9) for k in numbers]
                made = np.array(rows, dtype=np.float32)
                writer.append(2000 * (1 + made[:, :1]), 500 * made[:, 1:])


def stub(first: int = 0, n: int = 640, count: int = 4, **options: Any) -> tuple[Job, Recipe]:
    """A job of stub showers, and how they are made."""
    maker = StubMaker(**options)
    return Job(maker.facts, Plan(first, n, count)), Recipe("stub_maker:StubMaker", options)
