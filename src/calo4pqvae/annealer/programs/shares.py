"""How chains are shared out among programmings and reads."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Share", "equal_chains", "random_signs", "share_out"]


@dataclass(frozen=True, eq=False)
class Share:
    """The chains that one programming serves.

    Attributes:
        chains: numbers of the chains that each copy of the model on the chip serves, all
            under equal biases and codes within a copy.
        reads: reads of the programming; a copy with fewer chains leaves some unused.
    """

    chains: tuple[np.ndarray, ...]

    @property
    def reads(self) -> int:
        """Reads of the programming."""
        return max(len(served) for served in self.chains)

    @property
    def surplus(self) -> int:
        """States that nobody uses."""
        return sum(self.reads - len(served) for served in self.chains)


def equal_chains(
    bias: Float[Tensor, "rows free"], clamped: Bool[Tensor, "chains clamped"]
) -> list[Int[np.ndarray, " members"]]:
    """Gather chains with equal biases and clamped states, in order of their first chain."""
    code, rows = np.packbits(clamped.numpy(), axis=1), bias.contiguous().numpy()
    groups: dict[bytes, list[int]] = {}
    for chain, bits in enumerate(code):
        content = bits.tobytes() + (rows[chain].tobytes() if len(rows) > 1 else b"")
        groups.setdefault(hashlib.blake2b(content, digest_size=16).digest(), []).append(chain)
    return [np.array(members) for members in groups.values()]


def share_out(
    groups: Sequence[np.ndarray], *, copies: int, most: int, gauges: int = 1
) -> list[Share]:
    """Cut groups of equal chains into pieces, and fill the copies of each programming.

    A group is spread over all copies; pieces of similar size share a programming.

    Arguments:
        groups: numbers of chains under equal conditions.
        copies: copies of the model side by side.
        most: reads of a programming at most.
        gauges: programmings that a group is spread over at least, as far as it has chains.
    """
    pieces: list[np.ndarray] = []
    for group in groups:
        parts = max(gauges, 1) * copies if len(group) > 1 else 1
        parts = max(min(parts, len(group)), -(-len(group) // most))
        pieces += np.array_split(group, parts)
    pieces.sort(key=len, reverse=True)
    packs = [pieces[k : k + copies] for k in range(0, len(pieces), copies)]
    return [Share(tuple(pack)) for pack in packs]


def random_signs(seed: int, n: int) -> Int[np.ndarray, " n"]:
    """Choose which spins are reversed."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randint(2, (n,), generator=generator).numpy() - 1
