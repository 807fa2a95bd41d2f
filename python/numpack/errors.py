"""Exceptions of numpack.

Each derives from the built-in types that fit it, and from those that NumPack 0.7 raised in its
place, so that ``except`` clauses written for either catch it.
"""

from __future__ import annotations

import builtins
import re

__all__ = [
    "ArrayNotFoundError",
    "BatchModeError",
    "CorruptStoreError",
    "IndexOutOfRangeError",
    "IndexTypeError",
    "StaleArrayError",
    "StoreIOError",
    "StoreLockedError",
    "UnsavedChangeWarning",
]


class ArrayNotFoundError(KeyError, ValueError, RuntimeError):
    """There is no array of that name; the message names it."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument.
        return str(self.args[0]) if self.args else ""


class IndexOutOfRangeError(IndexError, ValueError, RuntimeError):
    """A row index outside ``-n..n-1``; the message names index, array and number of rows."""


class IndexTypeError(TypeError, IndexError):
    """A key that is no index of an array: NumPy's IndexError, and the TypeError of NumPack 0.7."""


class BatchModeError(RuntimeError):
    """Misuse of the batch modes: mixing them, using one after its end, an unsupported change."""


class StaleArrayError(ValueError, RuntimeError):
    """The array that a pickled LazyArray refers to was changed in the meantime."""


class UnsavedChangeWarning(UserWarning):
    """An array was loaded and changed in batch mode, but not saved: the change is lost."""


class CorruptStoreError(OSError, RuntimeError):
    """A store or one of its files does not check out. Nothing has been changed."""


class StoreLockedError(OSError, RuntimeError):
    """Another process holds the store; ``pid`` is its process id, or None when not known."""

    @property
    def pid(self) -> int | None:
        """Id of the process that holds the store, if the message names it."""
        found = re.search(r"process (\d+)", str(self))
        return int(found.group(1)) if found else None


class StoreIOError(OSError, RuntimeError):
    """The operating system refused; ``errno`` says why."""


class StoreFileNotFoundError(StoreIOError, FileNotFoundError):
    """A StoreIOError for ENOENT."""


class StorePermissionError(StoreIOError, PermissionError):
    """A StoreIOError for EACCES and EPERM, and for changes of a store that is open to be read."""


class StoreFileExistsError(StoreIOError, FileExistsError):
    """A StoreIOError for EEXIST."""


class StoreNotADirectoryError(StoreIOError, NotADirectoryError):
    """A StoreIOError for ENOTDIR."""


class StoreIsADirectoryError(StoreIOError, IsADirectoryError):
    """A StoreIOError for EISDIR."""


_IO_ERRORS: dict[type[OSError], type[StoreIOError]] = {
    FileNotFoundError: StoreFileNotFoundError,
    PermissionError: StorePermissionError,
    FileExistsError: StoreFileExistsError,
    NotADirectoryError: StoreNotADirectoryError,
    IsADirectoryError: StoreIsADirectoryError,
}


def io_error(number: int, message: str) -> StoreIOError:
    """The StoreIOError for an errno. Called by the extension module."""
    python_type = type(OSError(number, message))
    return _IO_ERRORS.get(python_type, StoreIOError)(number, message)


def make(name: str, message: str) -> Exception:
    """The exception of that type, ours or a built-in one. Called by the extension module."""
    kind: type[Exception] = globals().get(name) or getattr(builtins, name)
    return kind(message)
