"""Fixtures of all tests."""

from pathlib import Path

import pytest

from numpack import NumPack


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store can be made; nothing is there yet."""
    return tmp_path / "data.npk"


@pytest.fixture
def npk(path: Path):
    """An open handle on an empty store."""
    handle = NumPack(path)
    handle.open()
    yield handle
    handle.close()
