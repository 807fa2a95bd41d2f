"""C++ half of the package numpack."""

from typing import Any, Literal, overload

import numpy

import numpack
import numpack.typing


kernel_table: object

def buffer_pool_stats() -> dict[str, int]:
    """Of the memory of large arrays that is kept to be used again."""

def trim_buffer_pool(keep_bytes: int = 0) -> None:
    """
    Gives such memory back to the system, all but keep_bytes of it. Time does so anyway.
    """

class LazyBase:
    """Native half of numpack.LazyArray: a stored array and its name."""
    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
    @property
    def dtype(self) -> numpy.dtype[Any]:
        """Type of the elements."""
    @property
    def ndim(self) -> int:
        """Number of axes."""
    @property
    def size(self) -> int:
        """Number of elements."""
    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
    @property
    def _view(self) -> numpack.typing.Array: ...
    @property
    def _name(self) -> str: ...
    @property
    def _source(self) -> tuple[str, int] | None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: Any, /) -> numpack.typing.Array: ...
    def _rows(self, key: Any) -> numpack.typing.Array | None: ...
    def _view_rows(self, begin: int, end: int) -> numpack.typing.Array: ...
    def _reshaped(self, shape: tuple[int, ...]) -> numpack.LazyArray: ...

class WritableArrays:
    """A writable batch and the arrays it handed out."""

    @property
    def over(self) -> bool: ...

    @property
    def arrays(self, /) -> dict[str, numpack.typing.Array]: ...

    def load(self, array_name: str) -> numpack.typing.Array: ...

    def save(self, arrays: dict[str, numpack.typing.Array]) -> None: ...

    def known(self, array_name: str) -> numpack.typing.Array | None: ...

    def is_nothing_new(self, arrays: object) -> bool: ...

    def leave(self, failed: bool = False) -> None: ...

class Store:
    """Native base of numpack.NumPack."""

    def __init__(self, path: str, strict: bool) -> None: ...

    @overload
    def load(self, array_name: str, lazy: Literal[False] | None = False, *, out: numpack.typing.Array | None = None) -> numpack.typing.Array: ...
    @overload
    def load(self, array_name: str, lazy: Literal[True], *, out: None = None) -> numpack.LazyArray: ...
    @overload
    def load(self, array_name: str, lazy: bool | None, *, out: None = None) -> numpack.typing.Array | numpack.LazyArray:
        """
        Load an array.

        Outside a batch: a new, writable, C-contiguous ndarray, independent of the store. In batch mode: the cached
        array, the same object at every load. With lazy=True: a LazyArray, whose elements stay in the file (in batch mode
        the cached array, if there is one). With out: the elements are copied into that array, which is returned; it must be
        C-contiguous, writable, and have the stored dtype and shape.

        Raises ArrayNotFoundError (a KeyError) for a missing array, CorruptStoreError when its data is damaged, ValueError
        when out does not fit.
        """

    def save(self, arrays: dict[str, numpack.typing.Array]) -> None:
        """
        Store each array under its key, replacing what was there. All of them become visible in one commit, or none.

        Outside a batch the elements are copied to the store. In batch mode a reference is kept, nothing is written yet,
        and later changes of the array in place are published too.

        Raises ValueError (no dict, empty name, unsupported dtype), TypeError (a name that is no str, a value that is no
        ndarray), OSError (no space, ...), BatchModeError (an array that is open in writable batch mode).
        """

    def _open(self, lock_wait_seconds: float, checksum: bool, read_only: bool, mappings: bool) -> str: ...

    def _is_mapped(self) -> bool: ...

    def _close(self) -> None: ...

    def _set_in_context(self, in_context: bool) -> None: ...

    def _require_usable(self) -> None: ...

    def flush(self) -> None:
        """
        Make everything committed so far survive a power loss. Waits for the disk; OSError when that fails.

        Without mappings, what writable batch mode has changed so far is written to the files before.
        """

    @property
    def is_opened(self, /) -> bool:
        """True between open() and close()."""

    @property
    def is_closed(self, /) -> bool:
        """The opposite of is_opened."""

    def __getitem__(self, array_name: str) -> numpack.typing.Array:
        """Same as load(array_name), errors included."""

    def getitem(self, array_name: str, indexes: numpack.typing.RowIndexes) -> numpack.typing.Array:
        """
        Copy rows of an array into a new ndarray of shape (number of indexes, *trailing).

        indexes: an int, a list, tuple, range or 1-D array of ints, a slice, or a mask with one bool per row. Negative
        indexes count from the end; repeated ones repeat the row.

        Raises ArrayNotFoundError, IndexOutOfRangeError, TypeError for other kinds of index, ValueError for a 0-d array.
        """

    def get_shape(self, array_name: str) -> tuple[int, ...]:
        """
        The array's shape, dropped rows not counted. Raises ArrayNotFoundError.
        """

    def get_member_list(self) -> list[str]:
        """A new list of the names, in the order of first save."""

    def has_array(self, array_name: object) -> bool:
        """Whether there is such an array; False for anything but a str."""

    def get_modify_time(self, array_name: str) -> int | None:
        """
        When the array's contents last changed, in microseconds since the Unix epoch; None if it is missing.
        """

    def interrupted(self) -> list[str]:
        """
        Names of arrays whose changes in writable batch mode were cut short by a crash: they may mix old and new elements.
        Saving such an array ends that.
        """

    def stats(self) -> dict[str, int]:
        """
        What the store's files hold. Sizes are in bytes.

        arrays: their number. commits: by this process, since it opened the store. live_bytes: elements of arrays.
        slack_bytes: reserved behind them, for appending. limbo_bytes: superseded, but read by somebody or needed after a
        power loss; pinned_bytes: the part of it that this process reads. free_bytes: waiting to be used again. log_bytes:
        records of the commit log. segments: number of files that hold arrays. file_bytes: sizes of all segments and logs.
        What a batch has pending is not in it. Until this process writes, limbo counts as free.
        """

    def _snapshot(self, array_name: str) -> numpack.LazyArray: ...

    def _count(self) -> int: ...

    def _infos(self) -> dict[str, tuple[tuple[int, ...], numpy.dtype[Any], int, int]]: ...

    def append(self, arrays: dict[str, numpack.typing.Array]) -> None:
        """
        Add the rows of each value after the last row of the array of that name, in one commit.

        Raises ArrayNotFoundError, ValueError when rank, trailing shape or dtype differ from the stored array's, TypeError
        for a value that is no ndarray.
        """

    def replace(self, arrays: dict[str, numpack.typing.Array], indexes: numpack.typing.RowIndexes) -> None:
        """
        Row indexes[i] of each array takes row i of its value, in one commit; of repeated indexes the last one wins.

        indexes: as getitem's. A single row is given as an array of shape (1, *trailing).

        Raises ArrayNotFoundError, IndexOutOfRangeError, ValueError when shapes or numbers of rows differ, TypeError when
        the dtype differs; nothing has changed then.
        """

    def drop(self, array_name: str | list[str] | tuple[str, ...], indexes: numpack.typing.RowIndexes | None = None) -> None:
        """
        Take rows away from one or several arrays, in one commit; all rows when indexes is None. The name stays.

        indexes: as getitem's; rows outside an array are ignored, and so are missing arrays.

        Raises IndexOutOfRangeError for a mask of another length, TypeError for indexes that are no ints, ValueError for other
        kinds of index and for a 0-d array; nothing has changed then.
        """

    def remove(self, array_name: str | list[str] | tuple[str, ...]) -> None:
        """
        Take arrays away, names and all, in one commit. Raises ArrayNotFoundError if one is missing.
        """

    def update(self, array_name: str) -> None:
        """
        Give the space of dropped rows back. Contents stay. Does nothing in batch mode. Raises ArrayNotFoundError.
        """

    def clone(self, source_name: str, target_name: str) -> None:
        """
        Copy an array under a new name. Raises ArrayNotFoundError, ValueError when the new name exists.
        """

    def _vacuum(self) -> dict[str, Any]: ...

    def reset(self) -> None:
        """
        Remove all arrays, in one commit. Foreign files in the directory stay. Raises BatchModeError when one is open in writable batch mode.
        """

    def _begin_batch(self, memory_limit_bytes: float | None, watch_unsaved: bool = False) -> int: ...

    def _end_batch(self, number: int, discard: bool = False) -> None: ...

    def _flush_batch(self) -> None: ...

    def _rollback_batch(self) -> None: ...

    def _take_unsaved(self) -> list[str]: ...

    @property
    def _in_batch(self) -> bool: ...

    def _batch_statistics(self, number: int) -> dict[str, Any]: ...

    def _cached_names(self) -> list[str]: ...

    def _dirty_names(self) -> list[str]: ...

    def _cached(self, array_name: str) -> numpack.typing.Array | None: ...

    def _forget(self, array_name: str) -> None: ...

    def _begin_writable(self, atomic: bool = False) -> WritableArrays: ...

def recommend_mode(bytes: int, shape_change: bool) -> tuple[Literal['batch_mode', 'writable_batch_mode'], str]:
    """The mode's name and the reason, for that many bytes."""

def verify(path: str, contents: bool) -> list[tuple[Literal['error', 'warning', 'note'], str, int | None, str, str, str]]:
    """What Verify finds, as tuples."""

def abandon(path: str) -> None:
    """Detach every open handle of this process on the store at `path`."""
