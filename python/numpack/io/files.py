"""What all conversions share: sizes, and stores that come and go as wholes."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numpack import _native
from numpack.store import NumPack

#: Bytes; larger sources are never held in memory as a whole.
LARGE_FILE_THRESHOLD = 1 << 30
#: Bytes to copy at a time.
DEFAULT_CHUNK_SIZE = 100 << 20
#: Rows per chunk when a row has no bytes.
DEFAULT_BATCH_ROWS = 100_000

_MAX_CHUNK_ROWS = 1_000_000


def get_file_size(path: str | os.PathLike[str]) -> int:
    """Bytes of a file, or of all files below a directory; 0 when nothing is there."""
    path = Path(path)
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size if path.exists() else 0


def is_large_file(path: str | os.PathLike[str], threshold: int = LARGE_FILE_THRESHOLD) -> bool:
    """Whether the file or directory has more than ``threshold`` bytes."""
    return get_file_size(path) > threshold


def estimate_chunk_rows(
    shape: Sequence[int], dtype: npt.DTypeLike, target_chunk_bytes: int = DEFAULT_CHUNK_SIZE
) -> int:
    """How many rows of an array make about ``target_chunk_bytes``: from 1 to 1,000,000.

    1 for a 0-d array, 0 for one without rows.
    """
    if len(shape) == 0:
        return 1
    row_bytes = math.prod(shape[1:]) * np.dtype(dtype).itemsize
    rows = DEFAULT_BATCH_ROWS if row_bytes == 0 else max(1, target_chunk_bytes // row_bytes)
    return int(min(rows, shape[0], _MAX_CHUNK_ROWS))


def require_file(path: str | os.PathLike[str]) -> Path:
    """The path of an existing file, or FileNotFoundError."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    return path


@contextlib.contextmanager
def source_store(path: str | os.PathLike[str]) -> Iterator[NumPack]:
    """An existing store, open. FileNotFoundError when there is none; nothing is made then."""
    path = Path(path)
    # A store that was never written to has a log too; only a directory of 0.7 has none.
    if not path.is_dir() or not (any(path.glob("log.*")) or (path / "metadata.npkm").exists()):
        raise FileNotFoundError(f"no store in {path}")
    with NumPack(path) as npk:
        yield npk


@contextlib.contextmanager
def target_store(path: str | os.PathLike[str], drop_if_exists: bool) -> Iterator[NumPack]:
    """A store to import into, open.

    With drop_if_exists the import goes into a new store beside the old one, which takes its place
    when the block has ended without an exception. Otherwise the block is one batch on the store at
    ``path``. Either way a failing import leaves what was there as it was.
    """
    path = Path(path)
    if not drop_if_exists:
        existed = path.exists()
        try:
            with NumPack(path) as npk, npk.batch_mode(on_error="discard"):
                yield npk
        except BaseException:
            if not existed:
                shutil.rmtree(path, ignore_errors=True)
            raise
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same directory, so that it can be renamed.
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        made = Path(folder) / "store"
        with NumPack(made) as npk:
            yield npk
        if path.is_dir():
            _native.abandon(str(path))  # open handles of ours must not write to it again
        if path.exists():
            path.rename(Path(folder) / "old")
        made.rename(path)


def result(path: str | os.PathLike[str], return_npk_obj: bool) -> NumPack | None:
    """What an import returns: nothing, or the store, open."""
    if not return_npk_obj:
        return None
    npk = NumPack(path)
    npk.open()
    return npk


def only_name(npk: NumPack, array_name: str | None) -> str:
    """``array_name``, or the name of the store's only array; ValueError lists them if several."""
    if array_name is not None:
        return array_name
    names = npk.get_member_list()
    if len(names) != 1:
        raise ValueError(f"which array? The store has {names}: give array_name")
    return names[0]
