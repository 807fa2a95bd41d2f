"""Handles that only read."""

import gc
import os

import numpy as np
import pytest

from helpers import (
    AS_ANOTHER_USER,
    CANNOT_BE_ANOTHER_USER,
    files,
    let_others_in,
    numbers,
    run_python,
    same,
)
from numpack import NumPack
from numpack.errors import StoreIOError


@pytest.fixture
def stored(path):
    """A store with one array."""
    with NumPack(path) as npk:
        npk.save({"a": numbers(10, 3)})
    return path


def test_reads_and_changes_no_file(stored):
    before = files(stored)
    with NumPack(stored, read_only=True) as npk:
        assert npk.read_only
        assert same(npk.load("a"), numbers(10, 3))
        assert same(npk.load("a", lazy=True)[2:4], numbers(10, 3)[2:4])
        assert npk.get_member_list() == ["a"]
        assert npk.get_shape("a") == (10, 3)
        assert [f for f in npk.verify() if f.severity != "note"] == []
        npk.flush()
        with npk.batch_mode():
            assert same(npk.load("a"), numbers(10, 3))
    assert files(stored) == before
    assert not NumPack(stored).read_only


def test_every_change_is_a_permission_error(stored):
    changes = [
        lambda npk: npk.save({"a": numbers(2)}),
        lambda npk: npk.append({"a": numbers(2, 3)}),
        lambda npk: npk.replace({"a": numbers(1, 3)}, [0]),
        lambda npk: npk.drop("a"),
        lambda npk: npk.drop("a", [0]),
        lambda npk: npk.remove("a"),
        lambda npk: npk.reset(),
        lambda npk: npk.clone("a", "b"),
        lambda npk: npk.update("a"),
    ]
    with NumPack(stored, read_only=True) as npk:
        for change in changes:
            with pytest.raises(PermissionError, match="without the option read_only") as raised:
                change(npk)
            assert isinstance(raised.value, StoreIOError)
        with npk.batch_mode(), pytest.raises(PermissionError):
            npk.save({"b": numbers(2)})
        with npk.writable_batch_mode() as wb, pytest.raises(PermissionError):
            wb.load("a")
        assert same(npk.load("a"), numbers(10, 3))


def test_sees_the_changes_of_others(stored):
    with NumPack(stored, read_only=True) as reader, NumPack(stored) as writer:
        lazy = reader.load("a", lazy=True)
        for i in range(10):
            writer.save({"a": numbers(10, 3) + i})
            assert same(reader.load("a"), numbers(10, 3) + i)
        assert same(np.asarray(lazy), numbers(10, 3))


def test_makes_nothing(path):
    with pytest.raises(FileNotFoundError):
        NumPack(path, read_only=True).open()
    assert not path.exists()
    path.mkdir()
    with pytest.raises(FileNotFoundError):
        NumPack(path, read_only=True).open()
    assert files(path) == {}
    with pytest.raises(ValueError, match="drop_if_exists"):
        NumPack(path, drop_if_exists=True, read_only=True)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_another_users_store(stored):
    code = (
        AS_ANOTHER_USER
        + """
from numpack import NumPack
try:
    NumPack(sys.argv[1]).open()
except PermissionError as error:
    assert "read_only" in str(error), error
else:
    raise SystemExit("opened")
with NumPack(sys.argv[1], read_only=True) as npk:
    assert npk.load("a").sum() == 435
"""
    )
    let_others_in(stored)
    for file in stored.iterdir():
        file.chmod(0o444)
    stored.chmod(0o555)
    gc.collect()
    result = run_python(code, stored)
    stored.chmod(0o755)
    if result.returncode == CANNOT_BE_ANOTHER_USER:
        pytest.skip("root that cannot be anybody else")
    assert result.returncode == 0, result.stderr
