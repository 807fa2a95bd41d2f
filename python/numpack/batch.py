"""Batch mode: ``with npk.batch_mode(): ...``"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from numpack.errors import BatchModeError, UnsavedChangeWarning
from numpack.typing import Array

if TYPE_CHECKING:
    from typing_extensions import Self

    from numpack.store import NumPack

BYTES_PER_MEGABYTE = 1_000_000


def _limit_in_bytes(memory_limit: object) -> float | None:
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


class BatchStats(NamedTuple):
    """What a batch did so far, nested ones included.

    hits, misses: loads answered from memory, and those that read the store. evictions, spills:
    arrays that left memory because of the limit: unchanged ones, and changed ones, which were
    written ahead of the commit. cached_bytes: of arrays in memory now; pinned_bytes: of them over
    the limit, but still held by the program; peak_bytes: the most there ever were. spilled_bytes:
    written ahead of the commit, in total. flush_seconds: time spent in publishing.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    spills: int = 0
    cached_bytes: int = 0
    pinned_bytes: int = 0
    peak_bytes: int = 0
    spilled_bytes: int = 0
    flush_seconds: float = 0.0


class BatchModeContext:
    """A block in which changes stay in memory until its end publishes them all in one commit.

    Work goes through the NumPack object itself: inside the block ``load`` returns the same array
    object each time, ``save`` keeps a reference, and every other operation sees the pending state.
    What is not saved is not published: an array that was loaded and changed in place, and nothing
    more, leaves the store as it is. A context entered while the handle is in batch mode joins that
    batch: only the outermost end publishes, and the outermost memory limit holds.

    memory_limit: megabytes (10**6 bytes) of arrays to keep in memory; None for no limit. Beyond it
    unchanged arrays are forgotten and changed ones written ahead; results do not change. A
    forgotten array loads as a new object. Negative and NaN raise ValueError, other types TypeError.

    on_error: what the end does when the block raises: "flush" publishes what was saved so far,
    "discard" leaves the stored state as it was. A nested block that discards takes the outermost
    with it, whose end then raises BatchModeError unless it discards too.

    warn_unsaved: for debugging; whether to warn (numpack.errors.UnsavedChangeWarning) of arrays
    that were loaded, changed in place and not saved. The outermost block's counts. Costs a
    comparison of every loaded array; arrays larger than the memory limit are not looked at.

    Threads may share one batch: all get the same object per name.
    """

    def __init__(
        self,
        numpack_instance: NumPack,
        memory_limit: float | None = None,
        *,
        on_error: Literal["flush", "discard"] = "flush",
        warn_unsaved: bool = False,
    ) -> None:
        self._limit_bytes = _limit_in_bytes(memory_limit)
        if on_error not in ("flush", "discard"):
            raise ValueError(f"on_error must be 'flush' or 'discard', not {on_error!r}")
        self.npk = numpack_instance
        self.memory_limit = memory_limit
        self.on_error = on_error
        self.warn_unsaved = bool(warn_unsaved)
        self._entered: list[int] = []
        self._last_stats = BatchStats()

    def __enter__(self) -> Self:
        number = self.npk._enter_batch(self, self._limit_bytes, self.warn_unsaved)
        self._entered.append(number)
        return self

    def __exit__(self, exception_type: object, *exception: object) -> Literal[False]:
        number = self._entered.pop()
        discard = self.on_error == "discard" and exception_type is not None
        try:
            self.npk._leave_batch(number, discard)
        finally:
            self._last_stats = self._stats_of(number)
        self._warn_of_unsaved()
        return False

    def flush(self) -> None:
        """Publish what is pending now, in one commit, and empty the cache; the batch goes on.

        Arrays held from before are no longer linked to the store. After an error nothing is
        published and everything is still pending. Raises BatchModeError outside the block.
        """
        self._require_entered()
        self.npk._flush_batch()
        self._warn_of_unsaved()

    def rollback(self) -> None:
        """Forget all pending changes, those of enclosing blocks too; the batch goes on.

        The stored state is what it was, and other writers may come. Raises BatchModeError outside
        the block.
        """
        self._require_entered()
        self.npk._rollback_batch()

    @property
    def stats(self) -> BatchStats:
        """Counters; of the last time the block was entered, once it is over."""
        return self._stats_of(self._entered[-1]) if self._entered else self._last_stats

    def __repr__(self) -> str:
        state = "active" if self._entered else "not active"
        stats = self.stats
        return (
            f"<BatchModeContext {state}, memory_limit={self.memory_limit}, "
            f"hits={stats.hits}, misses={stats.misses}, "
            f"evictions={stats.evictions}, spills={stats.spills}, "
            f"cached_bytes={stats.cached_bytes}, pinned_bytes={stats.pinned_bytes}, "
            f"peak_bytes={stats.peak_bytes}, spilled_bytes={stats.spilled_bytes}, "
            f"flush_seconds={stats.flush_seconds:.6f}>"
        )

    def _require_entered(self) -> None:
        if not self._entered:
            raise BatchModeError("the batch is not active: use `with npk.batch_mode() as batch:`")
        self.npk._require_usable()

    def _stats_of(self, number: int) -> BatchStats:
        return BatchStats(**self.npk._batch_statistics(number))

    def _warn_of_unsaved(self) -> None:
        for name in self.npk._take_unsaved():
            warnings.warn(
                f"array '{name}' was loaded and changed in batch mode but not saved: "
                f"the change is lost. Call save() with it",
                UnsavedChangeWarning,
                stacklevel=3,
            )

    @property
    def _dirty_arrays(self) -> set[str]:
        """Names saved in this batch and not yet published."""
        return set(self.npk._dirty_names()) if self._entered else set()

    @property
    def _cache_hits(self) -> int:
        return self.stats.hits

    @property
    def _cache_misses(self) -> int:
        return self.stats.misses

    @property
    def _memory_used(self) -> int:
        """Bytes of arrays in memory; 0 outside the block."""
        return self.stats.cached_bytes


class MemoryCache(MutableMapping[str, Array]):
    """The arrays that batch mode holds in memory, by name. Empty outside a batch.

    Deleting an item only forgets the object in memory: a pending change survives, and the next load
    makes a new object.
    """

    def __init__(self, npk: NumPack) -> None:
        self._npk = npk

    def __getitem__(self, name: str) -> Array:
        array = self._npk._cached(name) if isinstance(name, str) else None
        if array is None:
            raise KeyError(name)
        return array

    def __setitem__(self, name: str, array: Array) -> None:
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
