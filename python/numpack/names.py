"""Names of dtypes as NumPack 0.7 reports them."""

from __future__ import annotations

import numpy as np


def dtype_code(dtype: np.dtype) -> str:
    """ "Float32" for float32, and so on."""
    return dtype.name.capitalize()
