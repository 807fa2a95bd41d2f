"""Conversions between stores and other file formats.

So far: ``.npy`` and ``.npz`` (from_npy, to_npy). Importing this module imports no optional package.
"""

from __future__ import annotations

from numpack.io.files import (
    DEFAULT_BATCH_ROWS,
    DEFAULT_CHUNK_SIZE,
    LARGE_FILE_THRESHOLD,
    estimate_chunk_rows,
    get_file_size,
    is_large_file,
)
from numpack.io.npy import from_npy, to_npy

__all__ = [
    "DEFAULT_BATCH_ROWS",
    "DEFAULT_CHUNK_SIZE",
    "LARGE_FILE_THRESHOLD",
    "estimate_chunk_rows",
    "from_npy",
    "get_file_size",
    "is_large_file",
    "to_npy",
]
