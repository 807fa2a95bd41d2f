"""Batch mode: ``with npk.batch_mode(): ...``"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpack.store import NumPack

BYTES_PER_MEGABYTE = 1_000_000


def _limit_in_bytes(memory_limit: Any) -> float | None:
    if memory_limit is None:
        return None
    is_bool = isinstance(memory_limit, (bool, np.bool_))
    if is_bool or not isinstance(memory_limit, numbers.Real):
        kind = type(memory_limit).__name__
        raise TypeError(f"memory_limit must be None or a number of megabytes, not {kind}")
    megabytes = float(memory_limit)
    if math.isnan(megabytes) or megabytes < 0:
        raise ValueError(f"memory_limit must not be negative or NaN, got {memory_limit!r}")
    return megabytes * BYTES_PER_MEGABYTE


class BatchModeContext:
    """A block in which changes stay in memory until its end publishes them all in one commit.

    Work goes through the NumPack object itself: inside the block ``load`` returns the same array
    object each time, ``save`` keeps a reference, and every other operation sees the pending state.
    The end publishes also when the block raises. A context entered while the handle is in batch
    mode joins that batch: only the outermost end publishes, and the outermost memory limit holds.

    memory_limit: megabytes (10**6 bytes) of arrays to keep in memory; None for no limit. Beyond it
    unchanged arrays are forgotten and changed ones written ahead; results do not change. A
    forgotten array loads as a new object. Negative and NaN raise ValueError, other types TypeError.

    Threads may share one batch: all get the same object per name.
    """

    def __init__(self, numpack_instance: NumPack, memory_limit: float | None = None) -> None:
        self._limit_bytes = _limit_in_bytes(memory_limit)
        self.npk = numpack_instance
        self.memory_limit = memory_limit
        self._entered: list[int] = []
        self._last_statistics: dict[str, int] = {}

    def __enter__(self) -> BatchModeContext:
        self._entered.append(self.npk._enter_batch(self, self._limit_bytes))
        return self

    def __exit__(self, *exception: object) -> bool:
        self._last_statistics = self._statistics()
        self.npk._leave_batch(self._entered.pop())
        return False

    def _statistics(self) -> dict[str, int]:
        return self.npk._batch_statistics() if self._entered else self._last_statistics

    @property
    def _dirty_arrays(self) -> set[str]:
        """Names saved in this batch and not yet published."""
        return set(self.npk._dirty_names()) if self._entered else set()

    @property
    def _cache_hits(self) -> int:
        return self._statistics().get("hits", 0)

    @property
    def _cache_misses(self) -> int:
        return self._statistics().get("misses", 0)

    @property
    def _memory_used(self) -> int:
        """Bytes of arrays in memory; 0 outside the block."""
        return self._statistics().get("cached_bytes", 0) if self._entered else 0


class MemoryCache(MutableMapping):
    """The arrays that batch mode holds in memory, by name. Empty outside a batch.

    Deleting an item only forgets the object in memory: a pending change survives, and the next load
    makes a new object.
    """

    def __init__(self, npk: NumPack) -> None:
        self._npk = npk

    def __getitem__(self, name: str) -> np.ndarray:
        array = self._npk._cached(name) if isinstance(name, str) else None
        if array is None:
            raise KeyError(name)
        return array

    def __setitem__(self, name: str, array: np.ndarray) -> None:
        raise TypeError("use save() to put an array into the batch")

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._npk._forget(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._npk._cached_names())

    def __len__(self) -> int:
        return len(self._npk._cached_names())

    def __repr__(self) -> str:
        return f"<numpack memory cache: {self._npk._cached_names()}>"
