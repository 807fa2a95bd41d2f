"""Keeps programs for NumPack 0.7 running on every NumPy.

Such programs call ``np.issubdtype(dtype, (np.integer, np.bool_))``, which NumPy rejects. When a
probe finds it rejected, importing numpack replaces ``np.issubdtype`` by a function that answers
True if any member of the tuple matches. All other calls go to NumPy's own function unchanged.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np


def _accepts_tuples() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(np.issubdtype(np.int32, (np.integer, np.bool_)))
        except (TypeError, ValueError):  # of NumPy 2, of NumPy 1
            return False


def install() -> None:
    """Replace ``np.issubdtype``, once and only when needed."""
    if _accepts_tuples():
        return
    original = np.issubdtype

    @functools.wraps(original)
    def issubdtype(arg1: Any, arg2: Any) -> bool:
        if isinstance(arg2, tuple):
            return any(original(arg1, member) for member in arg2)
        return original(arg1, arg2)

    np.issubdtype = issubdtype
