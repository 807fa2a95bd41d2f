"""Types for the annotations of programs that use numpack: ``from numpack.typing import Array``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

__all__ = ["Array", "Mask", "RowIndexes"]

#: An ndarray whose shape and dtype only the running program knows, such as one that was loaded.
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

#: One bool per element, or per row.
Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

#: Rows of an array: an int, a slice, or a list, tuple, range or 1-D array of ints or of one bool
#: per row.
RowIndexes: TypeAlias = SupportsIndex | slice | Sequence[SupportsIndex] | Array
