"""NumPack: named n-dimensional arrays in a directory, and two fast ways to change them.

    import numpy as np
    from numpack import NumPack

    with NumPack("data.npk", drop_if_exists=True) as npk:
        npk.save({"features": np.random.rand(1000, 100).astype(np.float32)})
        with npk.batch_mode():                 # changes in memory, one commit at the end
            features = npk.load("features")
            features *= 1.1
            npk.save({"features": features})
        with npk.writable_batch_mode() as wb:  # arrays that are the files themselves
            wb.load("features")[...] += 1

Importing numpack may replace ``numpy.issubdtype``; see numpack/_compatibility.py.
"""

from __future__ import annotations

import gc

from numpack import _compatibility
from numpack.batch import BatchModeContext
from numpack.errors import (
    ArrayNotFoundError,
    BatchModeError,
    CorruptStoreError,
    IndexOutOfRangeError,
    StaleArrayError,
    StoreIOError,
    StoreLockedError,
)
from numpack.in_place import InPlace, accelerate_numpy, get_threads, set_threads
from numpack.lazy_array import LazyArray
from numpack.store import NumPack
from numpack.version import __version__ as __version__

__all__ = [
    "ArrayNotFoundError",
    "BatchModeContext",
    "BatchModeError",
    "CorruptStoreError",
    "InPlace",
    "IndexOutOfRangeError",
    "LazyArray",
    "NumPack",
    "StaleArrayError",
    "StoreIOError",
    "StoreLockedError",
    "accelerate_numpy",
    "force_cleanup_windows_handles",
    "get_threads",
    "set_threads",
]


def force_cleanup_windows_handles() -> bool:
    """Run one garbage collection and return True, on every platform.

    Programs call it before they delete a store's directory, where forgotten lazy arrays could still
    hold its files open.
    """
    gc.collect()
    return True


_compatibility.install()
