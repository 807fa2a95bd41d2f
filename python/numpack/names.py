"""Names of dtypes as NumPack 0.7 reports them."""

from __future__ import annotations

from typing import Any

import numpy as np


def dtype_code(dtype: np.dtype[Any]) -> str:
    """ "Float32" for float32, and so on."""
    return dtype.name.capitalize()
