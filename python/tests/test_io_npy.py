"""numpack.io: .npy and .npz. Row ids are those of the interface's description."""

import subprocess
import sys

import numpy as np
import pytest

import numpack.io as npio
from helpers import DTYPES, numbers, same
from numpack import ArrayNotFoundError, NumPack


def arrays_of(path):
    with NumPack(path) as npk:
        return {name: npk.load(name) for name in npk}


def test_P5_importing_numpack_imports_no_conversions():
    code = "import sys, numpack; print([m for m in sys.modules if m.startswith('numpack.io')])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (4, 0), (5, 2), (2, 3, 4)], ids=str)
def test_F7_F10_F11_one_array_there_and_back(tmp_path, dtype, shape):
    array = numbers(*shape, dtype=dtype)
    np.save(tmp_path / "in.npy", array)
    assert npio.from_npy(tmp_path / "in.npy", str(tmp_path / "s")) is None
    assert list(arrays_of(tmp_path / "s")) == ["in"]
    npio.to_npy(tmp_path / "s", tmp_path / "deep" / "out.npy")
    assert same(np.load(tmp_path / "deep" / "out.npy"), array)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">i8"])
def test_F10_order_and_byte_order(tmp_path, dtype, order):
    array = numbers(7, 5, dtype=dtype)
    np.save(tmp_path / "a.npy", np.asarray(array, order=order))
    npio.from_npy(tmp_path / "a.npy", tmp_path / "s", array_name="b")
    stored = arrays_of(tmp_path / "s")
    assert list(stored) == ["b"]
    assert np.array_equal(stored["b"], array)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("chunk_size", [1, 100, npio.DEFAULT_CHUNK_SIZE])
def test_F2_F10_F11_archives(tmp_path, compressed, chunk_size):
    arrays = {"file": numbers(10, 3), "x/y": numbers(4, dtype="int8"), "none": numbers(0)}
    with NumPack(tmp_path / "s") as npk:
        npk.save(arrays)
    target = tmp_path / "all.npz"
    npio.to_npy(tmp_path / "s", target, compressed=compressed, chunk_size=chunk_size)
    npk = npio.from_npy(target, tmp_path / "t", "ignored", True, chunk_size, return_npk_obj=True)
    assert npk.is_opened
    assert npk.get_member_list() == list(arrays)
    npk.save({"more": numbers(2)})
    npk.close()
    for name, array in arrays.items():
        assert same(arrays_of(tmp_path / "t")[name], array)
    npio.to_npy(tmp_path / "s", target, array_names=["none", "file"])
    assert np.load(target).files == ["none", "file"]


def test_F6_a_failing_import_leaves_the_old_store(tmp_path):
    with NumPack(tmp_path / "s") as npk:
        npk.save({"old": numbers(3)})
    np.savez(tmp_path / "bad.npz", good=numbers(5), bad=np.array(["text"]))
    for drop_if_exists in (True, False):
        with pytest.raises(ValueError, match="dtype"):
            npio.from_npy(tmp_path / "bad.npz", tmp_path / "s", drop_if_exists=drop_if_exists)
        assert list(arrays_of(tmp_path / "s")) == ["old"]
        with pytest.raises(ValueError, match="dtype"):
            npio.from_npy(tmp_path / "bad.npz", tmp_path / "new", drop_if_exists=drop_if_exists)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.npz", "s"]


def test_F1_F6_what_is_there_is_kept_or_replaced(tmp_path):
    with NumPack(tmp_path / "s") as npk:
        npk.save({"old": numbers(3)})
        np.save(tmp_path / "new.npy", numbers(4))
        npio.from_npy(tmp_path / "new.npy", tmp_path / "s")
        assert npk.get_member_list() == ["old", "new"]
        npio.from_npy(tmp_path / "new.npy", tmp_path / "s", drop_if_exists=True)
        with pytest.raises(RuntimeError, match="replaced"):  # a handle on what is gone
            npk.load("old")
    assert list(arrays_of(tmp_path / "s")) == ["new"]


def test_F5_missing_input(tmp_path):
    with pytest.raises(FileNotFoundError):
        npio.from_npy(tmp_path / "a.npy", tmp_path / "s")
    with pytest.raises(FileNotFoundError):
        npio.to_npy(tmp_path / "s", tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


def test_F11_what_cannot_be_written(tmp_path):
    with NumPack(tmp_path / "s") as npk:
        npk.save({"a": numbers(3), "b": numbers(3)})
    with pytest.raises(ValueError, match="can only store one array"):
        npio.to_npy(tmp_path / "s", tmp_path / "x.npy")
    with pytest.raises(ValueError, match="npz"):
        npio.to_npy(tmp_path / "s", tmp_path / "x.csv")
    with pytest.raises(ArrayNotFoundError, match="nobody"):
        npio.to_npy(tmp_path / "s", tmp_path / "x.npz", array_names=["a", "nobody"])
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_F10_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="pickle"):
        npio.from_npy(tmp_path / "o.npy", tmp_path / "s")


def test_F32_sizes(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "one").write_bytes(b"12345")
    (tmp_path / "d" / "e" / "two").write_bytes(b"12")
    assert npio.get_file_size(tmp_path / "d" / "one") == 5
    assert npio.get_file_size(str(tmp_path / "d")) == 7
    assert npio.get_file_size(tmp_path / "none") == 0
    assert npio.is_large_file(tmp_path / "d", 6) is True
    assert npio.is_large_file(tmp_path / "d", 7) is False
    assert npio.is_large_file(tmp_path / "d") is False


@pytest.mark.parametrize(
    ("shape", "rows"),
    [((), 1), ((0,), 0), ((10, 4), 10), ((1000, 4), 31), ((10**9, 1), 125), ((10**9, 0), 100_000)],
)
def test_F33_chunk_rows(shape, rows):
    assert npio.estimate_chunk_rows(shape, np.float64, 1000) == rows
    assert npio.estimate_chunk_rows((10**9,), "i1", 10**9) == 1_000_000


def test_F34_constants():
    assert npio.LARGE_FILE_THRESHOLD == 2**30
    assert npio.DEFAULT_CHUNK_SIZE == 100 * 2**20
    assert npio.DEFAULT_BATCH_ROWS == 100_000
