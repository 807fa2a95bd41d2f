"""Writable batch mode: ``with npk.writable_batch_mode() as wb: ...``"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from numpack.errors import BatchModeError
from numpack.typing import Array

if TYPE_CHECKING:
    from typing_extensions import Self

    from numpack._native import WritableArrays
    from numpack.store import NumPack

__all__ = ["WritableArray", "WritableBatchMode"]

_NOTHING: Mapping[str, Array] = MappingProxyType({})


class WritableBatchMode:
    """A block in which stored arrays are ordinary writable memory: their files, mapped.

    ``load`` copies nothing. A change in place is a change of the stored array, seen at once by all
    readers of the process; shapes and dtypes cannot change. The end flushes to disk, also when the
    block raises, and makes the arrays read-only: one that is kept stays readable, and storing
    through views derived from it no longer reaches the store.

    In a store without mappings (NumPack.mapped) ``load`` copies; what is changed is written to the
    files, and seen, at the end and whenever NumPack.flush is called.

    In-place changes are not atomic: after a crash in the block an array may mix old and new
    elements (NumPack.interrupted names it). Blocks nested on one handle join, and the outermost end
    flushes.

    atomic: all arrays change together at the end of the block, or none. ``load`` then copies the
    array once, to other blocks of the store's files; until the end all readers see the old
    elements, and after a crash they are there. A block that raises changes nothing; a nested one
    that does takes the outermost with it, whose end then raises BatchModeError unless it raises
    anyway. Within an atomic block others join it; an atomic block within one that is not raises
    BatchModeError.
    """

    def __init__(self, numpack_instance: NumPack, *, atomic: bool = False) -> None:
        self.npk = numpack_instance
        self.atomic = bool(atomic)
        self._entered: list[WritableArrays] = []

    def __enter__(self) -> Self:
        self._entered.append(self.npk._begin_writable(self.atomic))
        return self

    def __exit__(self, exception_type: object, *exception: object) -> Literal[False]:
        self._entered.pop().leave(failed=exception_type is not None)
        return False

    def __repr__(self) -> str:
        state = "active" if self._entered else "not active"
        return f"<WritableBatchMode {state}, atomic={self.atomic}, arrays={list(self.array_cache)}>"

    def _arrays(self) -> WritableArrays:
        if not self._entered:
            raise BatchModeError(
                "writable batch mode is not active: use `with npk.writable_batch_mode() as wb:`"
            )
        self.npk._require_usable()
        return self._entered[-1]

    def load(self, array_name: str) -> Array:
        """The stored array as writable memory: the same object each time within the block.

        Raises ArrayNotFoundError, OSError when there is no space to reserve (or, in an atomic
        block, for the copy), BatchModeError outside the block.
        """
        known = self._entered[-1].known(array_name) if self._entered else None
        return self._arrays().load(array_name) if known is None else known

    def save(self, arrays: dict[str, Array]) -> None:
        """Do nothing: what ``load`` returned is the store already.

        BatchModeError unless each value is the memory that ``load`` returned for that name, with
        its shape and dtype. New arrays, values and shapes need batch mode.
        """
        if not (self._entered and self._entered[-1].is_nothing_new(arrays)):
            self._arrays().save(arrays)

    @property
    def array_cache(self) -> Mapping[str, Array]:
        """The arrays loaded so far, by name; empty after the end."""
        return MappingProxyType(self._entered[-1].arrays) if self._entered else _NOTHING

    @property
    def writable_arrays(self) -> Mapping[str, Any]:
        """Keyed like array_cache; the values mean nothing to callers."""
        return self.array_cache


class WritableArray:
    """A raw file as an ndarray: ``with WritableArray(path, shape, dtype) as array: ...``

    The array covers the file from its first byte, in C order. mode "r+" stores through to the file,
    "r" is read-only. Leaving the block flushes. The array stays valid after that: it is read-only
    then, and keeps the mapping alive.

    Raises OSError when the file cannot be mapped, ValueError when it is too small for the shape.
    """

    def __init__(
        self,
        file_path: str | os.PathLike[str],
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        mode: Literal["r", "r+"] = "r+",
    ) -> None:
        if mode not in ("r", "r+"):
            raise ValueError(f"mode must be 'r' or 'r+', not {mode!r}")
        self.file_path = Path(file_path)
        self.shape = tuple(shape)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.mode = mode
        self._map: mmap.mmap | None = None
        self._array: Array | None = None

    def __repr__(self) -> str:
        path, kind = str(self.file_path), self.dtype
        return f"WritableArray({path!r}, shape={self.shape}, dtype={kind}, mode={self.mode!r})"

    def __enter__(self) -> Array:
        needed = math.prod(self.shape) * self.dtype.itemsize
        with self.file_path.open("rb" if self.mode == "r" else "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            if size < needed:
                raise ValueError(f"{self.file_path} has {size} bytes, the array needs {needed}")
            if size == 0:  # nothing that mmap could map
                self._array = np.ndarray(self.shape, self.dtype, buffer=bytearray())
            else:
                access = mmap.ACCESS_READ if self.mode == "r" else mmap.ACCESS_WRITE
                self._map = mmap.mmap(file.fileno(), 0, access=access)
                self._array = np.ndarray(self.shape, self.dtype, buffer=self._map)
        return self._array

    def __exit__(self, *exception: object) -> Literal[False]:
        array, mapping = self._array, self._map
        self._array = self._map = None
        if array is not None:
            array.flags.writeable = False
        if mapping is not None and self.mode != "r":
            mapping.flush()
        # Not closed: the array, if the caller keeps it, keeps the mapping.
        return False
