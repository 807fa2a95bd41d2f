"""What notebooks show of a store."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np

_MOST_ROWS = 50


def _size(nbytes: int) -> str:
    """Bytes for people: units of 1000, as memory_limit has them."""
    size, units = float(nbytes), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= 1000 and (larger := next(units, None)) is not None:
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def table(title: str, infos: Mapping[str, tuple[tuple[int, ...], np.dtype[Any], int, int]]) -> str:
    """HTML: the title, and a table of the arrays if there are any.

    infos: (shape, dtype, bytes, modify time) by name.
    """
    lines = [f"<div><code>{html.escape(title)}</code>"]
    if infos:
        lines.append("<table><tr><th>array</th><th>shape</th><th>dtype</th><th>size</th></tr>")
        for name, (shape, dtype, nbytes, _) in list(infos.items())[:_MOST_ROWS]:
            cells = (name, str(shape), str(dtype), _size(nbytes))
            lines.append("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>")
        lines.append("</table>")
    if len(infos) > _MOST_ROWS:
        lines.append(f"<p>and {len(infos) - _MOST_ROWS} more</p>")
    return "\n".join([*lines, "</div>"])
