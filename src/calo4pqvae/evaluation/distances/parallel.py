"""One thread per core, each with a single thread of torch."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["in_parallel"]

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_parallel(work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """Apply `work` to every item, one thread per core, each using a single thread of torch.

    `torch.get_num_threads` says how many; results do not depend on it.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        return [work(item) for item in items]
    try:
        with ThreadPoolExecutor(threads, "distance", torch.set_num_threads, (1,)) as pool:
            return list(pool.map(work, items))
    finally:
        torch.set_num_threads(threads)
