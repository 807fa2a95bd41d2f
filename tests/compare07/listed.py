"""The differences that docs/differences_from_0.7.md lists."""

import pathlib
import re

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs/differences_from_0.7.md"


def differences():
    """{case: "always" or "not always"}"""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 3:
            continue
        for name in re.findall(r"`([^`]+)`", cells[0]):
            if name in found:
                raise ValueError(f"'{name}' is listed twice")
            found[name] = "not always" if "not always" in cells[1] else "always"
    return found
