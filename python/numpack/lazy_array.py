"""LazyArray: a stored array whose elements stay in the file until they are touched."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from numpack import _native
from numpack.errors import IndexOutOfRangeError, IndexTypeError, StaleArrayError
from numpack.names import dtype_code
from numpack.typing import Array, Mask

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LazyArray"]

_PREVIEW_ELEMENTS = 8


def _plain(operand: Any) -> Any:
    return operand._view if isinstance(operand, LazyArray) else operand


def _in_memory(result: Any) -> Array:
    """An ndarray of its own: views of the mapped elements are read-only, and copied."""
    array = np.asarray(result)
    return array if array.flags.writeable else array.copy()


def _as_row_key(key: Any, rows: int) -> Any:
    """One index. An empty array selects nothing, whatever its dtype; a mask has `rows` values."""
    if isinstance(key, (list, np.ndarray)):
        array = np.asarray(key)
        if array.ndim == 1 and array.dtype == np.bool_ and len(array) != rows:
            raise IndexOutOfRangeError(f"a mask of {len(array)} values does not fit {rows} rows")
        if array.ndim == 1 and array.size == 0 and array.dtype.kind not in "iub":
            return array.astype(np.intp)
    return key


def _is_no_index(key: Any) -> bool:
    """Whether NumPy would index nothing with it: floats, text, sets."""
    if isinstance(key, (list, np.ndarray)):
        return np.asarray(key).dtype.kind not in "iub"
    return not isinstance(key, (tuple, slice, SupportsIndex))


def _row_numbers(indices: object) -> npt.NDArray[np.integer[Any]]:
    if isinstance(indices, (str, bytes)) or not isinstance(indices, (Sequence, np.ndarray)):
        raise TypeError(f"indices must be a sequence of ints, not {type(indices).__name__}")
    rows = np.asarray(indices)
    if rows.ndim == 1 and rows.size == 0:
        rows = rows.astype(np.intp)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise TypeError("indices must be one sequence of ints")
    return rows


def _as_mask(mask: npt.ArrayLike) -> Mask:
    array = np.asarray(mask)
    if array.size == 0:
        array = array.astype(np.bool_)
    if array.dtype != np.bool_ or array.ndim != 1:
        raise TypeError("mask must be one sequence of bools")
    return array


def _reshaped(old_size: int, new_shape: Sequence[Any]) -> tuple[int, ...]:
    """The shape with its -1, if any, worked out. ValueError if it does not fit."""
    try:
        shape = [operator.index(axis) for axis in new_shape]
    except TypeError as error:
        raise ValueError(f"a shape consists of integers, got {tuple(new_shape)!r}") from error
    if any(axis < -1 for axis in shape) or shape.count(-1) > 1:
        raise ValueError(f"at most one axis may be -1, none less: {tuple(shape)}")
    known = 1
    for axis in shape:
        known *= 1 if axis == -1 else axis
    if -1 in shape and known > 0 and old_size % known == 0:
        shape[shape.index(-1)] = old_size // known
    elif -1 in shape or known != old_size:
        raise ValueError(f"cannot reshape array of size {old_size} into shape {tuple(shape)}")
    return tuple(shape)


_Operation: TypeAlias = Callable[[Any, Any], Array]


def _unary(operation: Callable[[Any], Array]) -> Callable[[LazyArray], Array]:
    return lambda self: operation(self._view)


def _binary(operation: _Operation) -> Callable[[LazyArray, Any], Array]:
    return lambda self, other: operation(self._view, _plain(other))


def _reflected(operation: _Operation) -> Callable[[LazyArray, Any], Array]:
    return lambda self, other: operation(_plain(other), self._view)


def _comparison(operation: Callable[[Any, Any], Mask]) -> Callable[[LazyArray, Any], Mask]:
    return lambda self, other: operation(self._view, _plain(other))


def _integers_only(operation: _Operation) -> _Operation:
    def checked(left: Any, right: Any) -> Array:
        if any(np.asarray(operand).dtype.kind not in "biu" for operand in (left, right)):
            raise TypeError("Bitwise operations are only supported for integer arrays")
        return operation(left, right)

    return checked


class LazyArray(_native.LazyBase):
    """A read-only array whose elements stay in the file until they are touched.

    ``npk.load(name, lazy=True)`` returns one. It is a snapshot: later saves, appends, replaces and
    drops leave it as it was, and it stays readable after the store is closed or deleted. Only
    changes in writable batch mode show, because they are changes of the file itself. Safe to use
    from several threads.

    Indexing and arithmetic give ordinary ndarrays in memory, with NumPy's rules but for one:
    ``lazy[i]`` of a 1-D array has shape (1,). ``np.asarray(lazy)`` is a read-only view without a
    copy. Rows by slices, and by lists or arrays of ints or bools, are copied by several threads
    when they are many. Where files are not mapped (NumPack.mapped) such rows alone are read; all
    else reads the whole array once, and keeps it.
    """

    __module__ = "numpack"
    __slots__ = ()

    # --- What it is

    @property
    def T(self) -> Array:
        """The array with its axes reversed, in memory."""
        return self._view.T.copy()

    def __repr__(self) -> str:
        view = self._view
        if view.size <= _PREVIEW_ELEMENTS or view.ndim <= 2:
            preview = np.array2string(view, threshold=_PREVIEW_ELEMENTS, edgeitems=2)
        else:
            first = view[(0,) * (view.ndim - 1)][:_PREVIEW_ELEMENTS]
            preview = f"first elements {np.array2string(first)}"
        shape, code = list(view.shape), dtype_code(view.dtype)
        return f"LazyArray('{self._name}', shape={shape}, dtype={code}, {preview})"

    # --- Conversion

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        view = self._view
        if dtype is not None and np.dtype(dtype) != view.dtype:
            if copy is False:
                raise ValueError(f"converting {view.dtype} to {np.dtype(dtype)} needs a copy")
            return view.astype(dtype)
        return view.copy() if copy else view

    def copy(self) -> Array:
        """The whole array as an independent, writable ndarray."""
        return self._view.copy()

    def __copy__(self) -> Array:
        return self.copy()

    def __deepcopy__(self, memo: object) -> Array:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles by reference: store, name and modify time, no elements.

        Whoever unpickles it, in this process or another, gets the same elements, or
        StaleArrayError when the array was changed meanwhile.
        """
        if self._source is None:
            raise TypeError(
                "a LazyArray of a batch's pending changes cannot be pickled; "
                "pickle lazy.copy() instead"
            )
        path, modified = self._source
        return _find_again, (path, self._name, modified, self.shape)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """For NumPy-like libraries: where the elements lie. They must not be stored through."""
        interface: dict[str, Any] = self._view.__array_interface__
        return interface

    def __dlpack__(self, **options: Any) -> Any:
        """For ``from_dlpack``: the elements themselves, read-only, where NumPy can say so."""
        return self._view.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._view.__dlpack_device__()

    if TYPE_CHECKING:  # The native base has it, which Python could not say before 3.12.

        def __buffer__(self, flags: int, /) -> memoryview: ...

    def close(self) -> None:
        """Do nothing: the mapping lives as long as somebody uses it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> Literal[False]:
        return False

    # --- Indexing

    def _index(self, key: Any) -> Array:
        """What the native ``__getitem__`` leaves to NumPy: all but rows in plain forms."""
        view = self._view
        if view.ndim == 1 and isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            return np.array([view[key]], dtype=view.dtype)
        if not isinstance(key, tuple):
            key = _as_row_key(key, len(view) if view.ndim > 0 else 0)
        try:
            return _in_memory(view[key])
        except IndexError as error:
            if _is_no_index(key):
                raise IndexTypeError(str(error)) from None
            raise

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, row: object) -> bool:
        equal = np.asarray(self._view == _plain(row))
        if equal.shape != self._view.shape:
            return False
        return bool(equal.reshape(len(self), -1).all(axis=1).any()) if self.size else False

    def reshape(
        self, new_shape: SupportsIndex | Sequence[SupportsIndex], *more: SupportsIndex
    ) -> LazyArray:
        """A LazyArray of another shape over the same elements, without a copy.

        new_shape: an int, or a tuple or list of ints; one of them may be -1. ValueError if the
        sizes do not agree.
        """
        axes = (
            new_shape if isinstance(new_shape, (tuple, list)) and not more else (new_shape, *more)
        )
        return self._reshaped(_reshaped(self.size, axes))

    # --- Gathering rows

    def vectorized_gather(self, indices: Sequence[SupportsIndex] | Array) -> Array:
        """The rows with these numbers, in memory, shape (len(indices), *trailing).

        Negative numbers count from the end. Raises IndexError for rows that there are not,
        TypeError for anything but ints.
        """
        return self[_row_numbers(indices)]

    def mega_batch_get_rows(
        self, indices: Iterable[SupportsIndex], batch_size: SupportsIndex
    ) -> list[Array]:
        """A list with ``self[i]`` for each index. batch_size does not change the result.

        Raises IndexError, and ValueError for a negative batch_size.
        """
        if operator.index(batch_size) < 0:
            raise ValueError(f"batch_size must not be negative, got {batch_size}")
        return [self[i] for i in indices]

    def parallel_boolean_index(self, mask: npt.ArrayLike) -> Array:
        """The rows where the mask is True, in memory, shape (number of True, *trailing).

        mask: one bool per row. Raises IndexOutOfRangeError (a ValueError) for another length,
        TypeError for anything but bools.
        """
        selected = _as_mask(mask)
        if len(selected) != len(self):
            raise IndexOutOfRangeError(
                f"a mask of {len(selected)} values does not fit {len(self)} rows"
            )
        return self[selected]

    boolean_index_smart = parallel_boolean_index
    boolean_index_adaptive = parallel_boolean_index
    boolean_index_production = parallel_boolean_index
    boolean_index_adaptive_algorithm = parallel_boolean_index

    def choose_optimal_algorithm(
        self, mask: npt.ArrayLike
    ) -> Literal["sparse", "dense", "adaptive"]:
        """ "sparse" for a mask less than 10 % True, "dense" for more than 90 %, else "adaptive"."""
        selected = _as_mask(mask)
        share = selected.mean() if selected.size else 0.5
        return "sparse" if share < 0.1 else "dense" if share > 0.9 else "adaptive"

    def intelligent_warmup(self, hint: str) -> None:
        """Do nothing yet: a hint, any str, at how the array will be used."""
        if not isinstance(hint, str):
            raise TypeError(f"hint must be a str, not {type(hint).__name__}")

    # --- Operators: those of ndarrays

    __add__ = _binary(operator.add)
    __radd__ = _reflected(operator.add)
    __sub__ = _binary(operator.sub)
    __rsub__ = _reflected(operator.sub)
    __mul__ = _binary(operator.mul)
    __rmul__ = _reflected(operator.mul)
    __truediv__ = _binary(operator.truediv)
    __rtruediv__ = _reflected(operator.truediv)
    __floordiv__ = _binary(operator.floordiv)
    __rfloordiv__ = _reflected(operator.floordiv)
    __mod__ = _binary(operator.mod)
    __rmod__ = _reflected(operator.mod)
    __pow__ = _binary(operator.pow)
    __rpow__ = _reflected(operator.pow)
    __matmul__ = _binary(operator.matmul)
    __rmatmul__ = _reflected(operator.matmul)
    __and__ = _binary(_integers_only(operator.and_))
    __rand__ = _reflected(_integers_only(operator.and_))
    __or__ = _binary(_integers_only(operator.or_))
    __ror__ = _reflected(_integers_only(operator.or_))
    __xor__ = _binary(_integers_only(operator.xor))
    __rxor__ = _reflected(_integers_only(operator.xor))
    __lshift__ = _binary(_integers_only(operator.lshift))
    __rlshift__ = _reflected(_integers_only(operator.lshift))
    __rshift__ = _binary(_integers_only(operator.rshift))
    __rrshift__ = _reflected(_integers_only(operator.rshift))
    __neg__ = _unary(operator.neg)
    __pos__ = _unary(operator.pos)
    __abs__ = _unary(operator.abs)
    __invert__ = _unary(operator.invert)

    def __divmod__(self, other: Any) -> tuple[Array, Array]:
        quotient, remainder = divmod(self._view, _plain(other))
        return quotient, remainder

    def __rdivmod__(self, other: Any) -> tuple[Array, Array]:
        quotient, remainder = divmod(_plain(other), self._view)
        return quotient, remainder

    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)
    # Element by element, where object has one answer and a hash.
    __eq__ = _comparison(operator.eq)  # type: ignore[assignment]
    __ne__ = _comparison(operator.ne)  # type: ignore[assignment]
    __hash__: ClassVar[None] = None  # type: ignore[assignment]


def _find_again(path: str, name: str, modified: int, shape: tuple[int, ...]) -> LazyArray:
    """What a pickled LazyArray becomes."""
    from numpack.store import NumPack  # which needs this module

    if not Path(path).is_dir():
        raise FileNotFoundError(f"the store {path} of the pickled LazyArray '{name}' is gone")
    # A data loader may have no permission to write.
    read_only = not os.access(path, os.W_OK)
    with NumPack(path, warn_no_context=False, read_only=read_only) as npk:
        lazy = npk.load(name, lazy=True)
    assert lazy._source is not None  # a new handle is in no batch
    if lazy._source[1] != modified:
        raise StaleArrayError(
            f"array '{name}' in {path} was changed after it was pickled: load it again"
        )
    return lazy.reshape(shape)
