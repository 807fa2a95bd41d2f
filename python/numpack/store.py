"""The class NumPack: a handle on a store."""

from __future__ import annotations

import errno
import gc
import operator
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, SupportsIndex

import numpy as np

from numpack import _native, notebook
from numpack.batch import BatchModeContext, MemoryCache
from numpack.errors import ArrayNotFoundError, StoreFileNotFoundError
from numpack.lazy_array import LazyArray
from numpack.names import dtype_code
from numpack.typing import Array
from numpack.writable_array import WritableBatchMode

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["NumPack"]


class Recommendation(NamedTuple):
    """What NumPack.recommend_mode returns.

    mode: the method of NumPack to use. reason: why, in words.
    """

    mode: Literal["batch_mode", "writable_batch_mode"]
    reason: str


def _remove_all(path: Path) -> None:
    """Removes whatever is at `path`; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _blocks(lazy: LazyArray, rows: int, copy: bool) -> Iterator[Array]:
    for start in range(0, len(lazy), rows):
        stop = min(start + rows, len(lazy))
        yield lazy[start:stop] if copy else lazy._view_rows(start, stop)


class Finding(NamedTuple):
    """One thing that NumPack.verify has found.

    severity: "error": damage; "warning": an array may not be what its writer meant; "note": no
    fault. file: in the store's directory. offset: the byte in that file, if it is about one. array:
    the array's name, if it is about one, or "". what: the finding, in words. remedy: what to do, or
    "".
    """

    severity: Literal["error", "warning", "note"]
    file: str
    offset: int | None
    array: str
    what: str
    remedy: str


class VacuumReport(NamedTuple):
    """What NumPack.vacuum did.

    before_bytes, after_bytes: sizes of the files with arrays and of the log. reclaimed_bytes: the
    difference; 0 when others have written more meanwhile. compacted_arrays: number of arrays that
    were written without the rows that had been dropped; moved_arrays: of those that were moved;
    copied_bytes: of both. held: names of arrays that were left, because somebody reads them or has
    them open. held_bytes: superseded bytes that somebody still reads; they come back when he lets
    go.
    """

    before_bytes: int
    after_bytes: int
    reclaimed_bytes: int
    compacted_arrays: int
    moved_arrays: int
    copied_bytes: int
    held: list[str]
    held_bytes: int


class NumPack(_native.Store):
    """Named arrays in a directory.

    filename: the directory, a str or os.PathLike of str.
    drop_if_exists: the first open() removes what is there, foreign files included.
    strict_context_mode: every operation outside a ``with`` block raises RuntimeError.
    warn_no_context: whether to warn once that strict_context_mode is off; None: only on Windows.
    force_gc_on_close: close() runs a garbage collection.
    checksum: arrays that are saved carry a checksum of their contents, which verify() compares. It
    holds for all handles of the process on the store, and an array that carries one keeps it.
    read_only: only read. Nothing in the directory changes, no permission to write is needed, and
    every change raises PermissionError. What others commit is seen as ever. While such a handle is
    open, or an array viewed through it lives, the store's space is not used again, so whoever may
    write and reads for long does better without it.
    mappings: whether to map files. With False nothing is shared with them: a lazy array reads the
    rows that are asked for, writable batch mode works on copies that flush() and its end write
    back, and one process at a time has the store open. For file systems on which mapping is
    impossible or unsafe. Where one refuses mappings, the store goes without by itself, with a
    RuntimeWarning.

    Constructing one touches no file: ``open()`` or ``with`` does. Each changing call is one commit,
    which a killed process never loses; ``close()`` and ``flush()`` make commits survive a power
    loss too. Safe to use from several threads; handles of one process on one directory share their
    state.

    Operations on a closed handle raise RuntimeError. Other errors: numpack.errors.
    """

    # Seconds to wait for a store or a writer lock that somebody else holds.
    _lock_wait = 30.0

    def __init__(
        self,
        filename: str | os.PathLike[str],
        drop_if_exists: bool = False,
        strict_context_mode: bool = False,
        warn_no_context: bool | None = None,
        force_gc_on_close: bool = False,
        *,
        checksum: bool = False,
        read_only: bool = False,
        mappings: bool = True,
    ) -> None:
        path = os.fspath(filename)
        if not isinstance(path, str):
            raise TypeError(f"filename must be a str or a path of str, not {type(path).__name__}")
        if read_only and drop_if_exists:
            raise ValueError("drop_if_exists removes the store: not with read_only")
        super().__init__(path, bool(strict_context_mode))
        self._read_only = bool(read_only)
        self._mappings = bool(mappings)
        self._filename = Path(path)
        self._drop_at_open = bool(drop_if_exists)
        self._force_gc_on_close = bool(force_gc_on_close)
        self._checksum = bool(checksum)
        self._context: BatchModeContext | None = None
        if warn_no_context is None:
            warn_no_context = sys.platform == "win32"
        if warn_no_context and not strict_context_mode:
            warnings.warn(
                "NumPack is used without strict context mode: close it yourself, or pass "
                "strict_context_mode=True and use `with`",
                UserWarning,
                stacklevel=2,
            )

    # --- Opening and closing

    def open(self) -> None:
        """Open the store, making the directory and its parents when absent. Idempotent.

        Raises FileExistsError when the path is a file, CorruptStoreError when the store does not
        check out (nothing is changed then), StoreLockedError when another process has it,
        PermissionError when the directory cannot be written: then read_only=True reads it. With
        that nothing is made: FileNotFoundError when there is no store.
        """
        if self.is_opened:
            return
        if self._drop_at_open:
            if self._filename.is_dir():
                _native.abandon(str(self._filename))  # handles of ours must not write to it again
            _remove_all(self._filename)
            self._drop_at_open = False
        if self._read_only:
            self._open_to_read()
        else:
            self._filename.mkdir(parents=True, exist_ok=True)
            self._open_as(read_only=False)

    def _open_as(self, read_only: bool) -> None:
        warning = self._open(self._lock_wait, self._checksum, read_only, self._mappings)
        if warning:
            # The line that opened the store, by whichever of our ways.
            frame, level = sys._getframe().f_back, 2
            while frame is not None and frame.f_code.co_filename == __file__:
                frame, level = frame.f_back, level + 1
            warnings.warn(warning, RuntimeWarning, stacklevel=level)

    def _open_to_read(self) -> None:
        try:
            self._open_as(read_only=True)
        except ArrayNotFoundError as error:  # NotFound without an errno: a directory, but no store
            raise StoreFileNotFoundError(errno.ENOENT, f"no store in {self._filename}") from error

    def close(self, force_gc: bool | None = None) -> None:
        """Make everything persistent and close. Idempotent.

        An active batch is published first; arrays of writable batch mode stay until their block
        ends. force_gc: whether to run a garbage collection afterwards; None: as the constructor was
        told.
        """
        try:
            self._close()
        finally:
            self._context = None
            if self._force_gc_on_close if force_gc is None else force_gc:
                gc.collect()

    def __enter__(self) -> Self:
        self.open()
        self._set_in_context(True)
        return self

    def __exit__(self, *exception: object) -> Literal[False]:
        self._set_in_context(False)
        self.close()
        return False

    def __reduce__(self) -> NoReturn:
        raise TypeError("a NumPack handle cannot be copied or pickled; open the path again")

    def __repr__(self) -> str:
        if self.is_closed:
            return f"NumPack({self._filename}, status=closed)"
        return f"NumPack({self._filename}, arrays={self._count()})"

    def _repr_html_(self) -> str:
        """In notebooks: the arrays, in a table."""
        try:
            infos = {} if self.is_closed else self._infos()
        except RuntimeError:  # a strict handle outside its block
            infos = {}
        return notebook.table(repr(self), infos)

    # --- Information

    @property
    def read_only(self) -> bool:
        """Whether the handle was made with read_only=True: then every change raises."""
        return self._read_only

    @property
    def mapped(self) -> bool:
        """Whether lazy arrays and writable batch mode share memory with the files.

        Otherwise they are copies: the constructor's mappings was False, or the file system refuses.
        """
        return self._is_mapped()

    def __iter__(self) -> Iterator[str]:
        return iter(self.get_member_list())

    def __contains__(self, array_name: object) -> bool:
        return self.has_array(array_name)

    def get_metadata(self) -> dict[str, Any]:
        """What is known of the store and its arrays, without touching elements.

        ``arrays`` (name -> ``shape``, a list; ``dtype``, such as "Float32"; ``size_bytes``;
        ``last_modified``, microseconds since the Unix epoch; ``data_file``), ``base_dir``,
        ``total_arrays``.
        """
        arrays = {
            name: {
                "shape": list(shape),
                "dtype": dtype_code(dtype),
                "size_bytes": nbytes,
                "last_modified": modified,
                # Arrays have no files of their own: many share the segments in this directory.
                "data_file": str(self._filename),
            }
            for name, (shape, dtype, nbytes, modified) in self._infos().items()
        }
        base_dir = str(self._filename)
        return {"arrays": arrays, "base_dir": base_dir, "total_arrays": len(arrays)}

    def verify(self, *, contents: bool = True) -> list[Finding]:
        """Check everything in the store's directory that can be checked, and change nothing.

        The commit log record by record, that every array's bytes are there and nobody else's, that
        types and shapes fit them; and, unless contents is false, all bytes of the arrays that carry
        a checksum. The store may be open or closed; writers wait meanwhile. An empty list, or notes
        only, means that all is in order. `npk repair` saves what can be saved of a damaged store.

        Raises FileNotFoundError when there is no store, StoreLockedError when somebody goes on
        writing.
        """
        try:
            return [
                Finding(*found) for found in _native.verify(str(self._filename), bool(contents))
            ]
        except ArrayNotFoundError as error:
            raise FileNotFoundError(f"no store in {self._filename}") from error

    def vacuum(self) -> VacuumReport:
        """Give back to the file system what the store does not need, and say what was done.

        Dropped rows are taken out, arrays are moved closer together, what is reserved behind them
        is cut off, and the log begins anew. Other threads and processes can read and write
        meanwhile; whatever ends it early, all arrays are what they were. Arrays that somebody reads
        (a LazyArray, a view) or has open in writable batch mode are left as they are.

        Raises BatchModeError in batch mode, StoreLockedError when another writer does not let go,
        OSError when there is no space for what it copies.
        """
        return VacuumReport(**self._vacuum())

    def get_io_stats(self) -> dict[str, Any]:
        """Input and output counters; ``stats_available`` is False: there are none yet."""
        return {"stats_available": False}

    def stream_load(
        self, array_name: str, buffer_size: SupportsIndex | None = None, *, copy: bool = True
    ) -> Iterator[Array]:
        """Iterate over blocks of buffer_size consecutive rows (None: one); the last may be shorter.

        The rows are those of now: later changes and close() do not touch the stream. Each block is
        an ndarray of its own. copy=False: each is a read-only view of the stored bytes instead,
        without a copy, where they are mapped and no rows were dropped; it stays valid as long as
        somebody holds it. Raises ValueError for buffer_size <= 0 and for a 0-d array,
        ArrayNotFoundError.
        """
        rows = 1 if buffer_size is None else operator.index(buffer_size)
        if rows <= 0:
            raise ValueError(f"buffer_size must be greater than 0, got {buffer_size}")
        lazy = self._snapshot(array_name)
        if lazy.ndim == 0:
            raise ValueError(f"array '{array_name}' is 0-d: it has no rows")
        return _blocks(lazy, rows, bool(copy))

    # --- The two batch modes

    def batch_mode(
        self,
        memory_limit: float | None = None,
        *,
        on_error: Literal["flush", "discard"] = "flush",
        warn_unsaved: bool = False,
    ) -> BatchModeContext:
        """A block in which changes stay in memory, and are published in one commit at its end.

        memory_limit: megabytes (10**6 bytes) of arrays to keep in memory; None for no limit.
        on_error: what becomes of the changes when the block raises, "flush" or "discard".
        warn_unsaved: whether to warn of arrays that were changed in place and not saved. See
        BatchModeContext.
        """
        return BatchModeContext(self, memory_limit, on_error=on_error, warn_unsaved=warn_unsaved)

    def writable_batch_mode(self, *, atomic: bool = False) -> WritableBatchMode:
        """A block in which arrays are loaded as writable memory, mapped from the files themselves.

        atomic: whether all arrays change together at the end of the block, or none; costs a copy of
        each array that is loaded. See writable_array.WritableBatchMode.
        """
        return WritableBatchMode(self, atomic=atomic)

    def recommend_mode(
        self, array: str | LazyArray | SupportsIndex, shape_change: bool = False
    ) -> Recommendation:
        """Which batch mode suits an array, by its size and the memory this process can have.

        array: its name, a LazyArray, or a number of bytes (of all arrays together, say).
        shape_change: whether rows are to be added or taken away, arrays reshaped or made.

        Returns (mode, reason): "batch_mode" or "writable_batch_mode", and why, in words. Limits of
        control groups count as memory limits. Raises ArrayNotFoundError, ValueError for a negative
        size, TypeError for other types.
        """
        if isinstance(array, str):
            size = self.load(array, lazy=True).nbytes
        elif isinstance(array, LazyArray):
            size = array.nbytes
        elif isinstance(array, (bool, np.bool_)):
            raise TypeError("array must be a name, a LazyArray or a number of bytes, not a bool")
        else:
            size = operator.index(array)
        if size < 0:
            raise ValueError(f"a size in bytes must not be negative, got {size}")
        size = min(size, 2**64 - 1)
        return Recommendation(*_native.recommend_mode(size, bool(shape_change)))

    # --- Kept for programs that look inside NumPack 0.7

    @property
    def _cache_enabled(self) -> bool:
        """True in batch mode."""
        return self._in_batch

    @property
    def _memory_cache(self) -> MemoryCache:
        """The arrays that batch mode holds in memory, by name."""
        return MemoryCache(self)

    @property
    def _batch_context(self) -> BatchModeContext | None:
        """The outermost active BatchModeContext."""
        return self._context if self._in_batch else None

    def _flush_cache(self) -> None:
        """Publish what is pending in batch mode and empty its cache; nothing outside."""
        self._flush_batch()

    # --- For BatchModeContext

    def _enter_batch(
        self, context: BatchModeContext, limit_bytes: float | None, watch_unsaved: bool
    ) -> int:
        number = self._begin_batch(limit_bytes, watch_unsaved)
        if self._context is None:
            self._context = context
        return number

    def _leave_batch(self, number: int, discard: bool) -> None:
        try:
            self._end_batch(number, discard)
        finally:
            if not self._in_batch:
                self._context = None
