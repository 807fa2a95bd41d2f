"""Writable batch mode: rows W."""

import sys
import threading
import time

import numpy as np
import pytest

from helpers import DTYPES, numbers, run_python, same
from numpack import ArrayNotFoundError, BatchModeError, NumPack
from numpack.writable_array import WritableArray, WritableBatchMode

SIZES = [10, 200_000]  # packed with others, and with a segment of its own


def test_W1_context(npk):
    context = npk.writable_batch_mode()
    assert type(context) is WritableBatchMode
    with context as entered:
        assert entered is context
    context.__enter__()
    assert context.__exit__(None, None, None) is False
    with pytest.raises(TypeError):
        npk.writable_batch_mode(1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", SIZES)
def test_W2_load(npk, dtype, rows):
    npk.save({"a": numbers(rows, 2, dtype=dtype)})
    with npk.writable_batch_mode() as wb:
        view = wb.load(array_name="a")
        # From 64 KiB on, an ndarray with in-place operators of our own: test_in_place_array.py.
        assert type(view) is np.ndarray if view.nbytes < 64 << 10 else isinstance(view, np.ndarray)
        assert same(view, numbers(rows, 2, dtype=dtype))
        assert view.flags.c_contiguous
        assert view.flags.aligned
        assert view.flags.writeable
        assert not view.flags.owndata
        view[::2] = 1
        expected = view.copy()
    assert same(npk.load("a"), expected)


def test_W3_identity(npk):
    npk.save({"a": numbers(3), "b": numbers(3)})
    with npk.writable_batch_mode() as wb:
        assert wb.load("a") is wb.load("a")
        assert wb.load("a") is not wb.load("b")


@pytest.mark.parametrize("rows", SIZES)
def test_W4_visibility(path, rows):
    with NumPack(path) as npk, NumPack(path) as other:
        npk.save({"a": numbers(rows)})
        with npk.writable_batch_mode() as wb:
            view = wb.load("a")
            view[3] = -1
            for handle in (npk, other):
                assert handle.load("a")[3] == -1
                assert handle.getitem("a", 3)[0] == -1
                assert handle.load("a", lazy=True)[3] == -1


def test_W5_save(npk):
    npk.save({"a": numbers(4, 3), "b": numbers(4, 3), "empty": numbers(0)})
    with npk.writable_batch_mode() as wb:
        a = wb.load("a")
        empty = wb.load("empty")
        assert wb.save({"a": a, "empty": empty}) is None
        assert wb.save({"a": a[:]}) is None
        assert wb.save({}) is None
        wrong = {
            "a copy": {"a": a.copy()},
            "another shape": {"a": a.reshape(3, 4)},
            "a part": {"a": a[1:]},
            "another dtype": {"a": a.view(np.int64)},
            "transposed": {"a": a.T},
            "not loaded": {"b": numbers(4, 3)},
            "another name": {"b": a},
            "new": {"new": numbers(1)},
            "list": {"a": [1, 2]},
            "unsupported": {"a": np.array(["x"])},
            "byte order": {"a": a.view(a.dtype.newbyteorder())},
        }
        for arrays in wrong.values():
            with pytest.raises(BatchModeError, match="batch_mode"):
                wb.save(arrays)
        with pytest.raises(ValueError):
            wb.save([a])
        a += 1
    assert same(npk.load("a"), numbers(4, 3) + 1)
    assert npk.get_member_list() == ["a", "b", "empty"]


def test_W6_missing(npk):
    with npk.writable_batch_mode() as wb:
        with pytest.raises(ArrayNotFoundError):
            wb.load("missing")
        for name in (3, None, ["a"]):
            with pytest.raises(TypeError):
                wb.load(name)
        npk.close()
        with pytest.raises(RuntimeError, match="not opened or has been closed"):
            wb.load("missing")


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_W7_empty(npk, shape):
    npk.save({"a": np.zeros(shape, np.int8)})
    with npk.writable_batch_mode() as wb:
        assert same(wb.load("a"), np.zeros(shape, np.int8))
        assert wb.load("a").flags.writeable


def test_W8_zero_d(npk):
    npk.save({"a": np.array(3.5)})
    with npk.writable_batch_mode() as wb:
        view = wb.load("a")
        assert view.shape == ()
        view[...] = 7
    assert npk.load("a") == 7


@pytest.mark.parametrize("rows", SIZES)
def test_W9_dropped_rows(npk, rows):
    npk.save({"a": numbers(rows)})
    npk.drop("a", [0, 5])
    with npk.writable_batch_mode() as wb:
        assert same(wb.load("a"), np.delete(numbers(rows), [0, 5]))


@pytest.mark.parametrize("raising", [False, True])
@pytest.mark.parametrize("rows", SIZES)
def test_W11_end(path, raising, rows):
    with NumPack(path) as npk:
        npk.save({"a": numbers(rows)})
        try:
            with npk.writable_batch_mode() as wb:
                view = wb.load("a")
                view += 1
                if raising:
                    raise KeyError("x")
        except KeyError:
            assert raising
        assert same(npk.load("a"), numbers(rows) + 1)
    with NumPack(path) as npk:
        assert same(npk.load("a"), numbers(rows) + 1)


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits there")
@pytest.mark.parametrize("rows", [10, 200_000])
def test_W12_used_after_the_end(path, rows):
    npk = NumPack(path)
    npk.open()
    npk.save({"a": numbers(rows)})
    with npk.writable_batch_mode() as wb:
        array = wb.load("a")
        part, buffer = array[2:5], memoryview(array)
        array += 1
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 5
    part[:] = -1  # harmless, and in no store
    buffer[6] = -1
    assert array[7] == 8
    npk.save({"a": npk.load("a"), "b": numbers(rows)})
    npk.close()
    assert array[7] == 8
    with NumPack(path) as again:
        assert same(again.load("a"), numbers(rows) + 1)


def test_W13_no_space_is_an_error_of_load(path):
    code = """
import os, resource, signal, sys
import numpy as np
from numpack import NumPack
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
npk = NumPack(sys.argv[1])
npk.open()
npk.save({"a": np.arange(10.0)})
largest = max(os.path.getsize(os.path.join(sys.argv[1], f)) for f in os.listdir(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
try:
    with npk.writable_batch_mode() as wb:
        for i in range(10):
            wb.load("a")[i] = -1
except OSError:
    assert npk.load("a").tolist() == list(range(10))
else:
    assert npk.load("a").tolist() == [-1] * 10
"""
    result = run_python(code, path)
    assert result.returncode == 0, result.stderr


def test_W14_nested(npk):
    npk.save({"a": numbers(3), "b": numbers(3)})
    with npk.writable_batch_mode() as outer:
        a = outer.load("a")
        with npk.writable_batch_mode() as inner:
            assert inner.load("a") is a
            b = inner.load("b")
        assert a.flags.writeable
        assert outer.load("b") is b
        a += 1
        b += 2
    assert not a.flags.writeable
    assert same(npk.load("a"), numbers(3) + 1)
    assert same(npk.load("b"), numbers(3) + 2)


def test_W16_other_changes(npk):
    npk.save({"a": numbers(4), "b": numbers(4)})
    with npk.writable_batch_mode() as wb:
        view = wb.load("a")
        for change in (
            lambda: npk.save({"a": numbers(2)}),
            lambda: npk.append({"a": numbers(2)}),
            lambda: npk.drop("a", 0),
            lambda: npk.drop("a"),
            lambda: npk.remove("a"),
            lambda: npk.replace({"a": numbers(1)}, 0),
            lambda: npk.reset(),
        ):
            with pytest.raises(BatchModeError):
                change()
        npk.save({"b": numbers(2), "c": numbers(1)})
        npk.append({"b": numbers(1)})
        view += 1
        assert same(npk.load("a"), numbers(4) + 1)
    npk.save({"a": numbers(1)})
    assert npk.get_member_list() == ["a", "b", "c"]


@pytest.mark.parametrize("rows", SIZES)
def test_W17_close_inside(path, rows):
    npk = NumPack(path)
    npk.open()
    npk.save({"a": numbers(rows)})
    with npk.writable_batch_mode() as wb:
        view = wb.load("a")
        view += 1
        npk.close()
        view += 1
    assert not view.flags.writeable
    with NumPack(path) as npk:
        assert same(npk.load("a"), numbers(rows) + 2)


def test_W18_outside_the_block(npk):
    npk.save({"a": numbers(3)})
    wb = npk.writable_batch_mode()
    for _ in range(2):
        with pytest.raises(BatchModeError):
            wb.load("a")
        with pytest.raises(BatchModeError):
            wb.save({"a": numbers(3)})
        with wb:
            wb.load("a")[0] += 1
    assert npk.load("a")[0] == 2


def test_W19_several_blocks(npk):
    npk.save({"a": numbers(3)})
    kept = []
    for _ in range(5):
        with npk.writable_batch_mode() as wb:
            kept.append(wb.load("a"))
            kept[-1][...] += 1
    assert same(npk.load("a"), numbers(3) + 5)


def test_W20_modify_time(npk):
    npk.save({"a": numbers(3), "b": numbers(3)})
    before, other = npk.get_modify_time("a"), npk.get_modify_time("b")
    time.sleep(0.002)
    with npk.writable_batch_mode() as wb:
        wb.load("a")
    assert npk.get_modify_time("a") > before
    assert npk.get_modify_time("b") == other


def test_W21_mappings(npk):
    npk.save({"a": numbers(3), "b": numbers(3)})
    with npk.writable_batch_mode() as wb:
        assert wb.npk is npk
        assert dict(wb.array_cache) == {}
        view = wb.load("a")
        assert list(wb.array_cache) == list(wb.writable_arrays) == ["a"]
        assert wb.array_cache["a"] is view
    assert len(wb.array_cache) == len(wb.writable_arrays) == 0


def test_W22_strict(path):
    npk = NumPack(path, strict_context_mode=True)
    with npk:
        npk.save({"a": numbers(3)})
        with npk.writable_batch_mode() as wb:
            wb.load("a")[0] = 5
    npk.open()
    with pytest.raises(RuntimeError, match="strict context mode"), npk.writable_batch_mode() as wb:
        wb.load("a")
    npk.close()


def test_W23_new_arrays_are_not_stored(npk):
    npk.save({"a": numbers(3)})
    with npk.writable_batch_mode() as wb:
        array = wb.load("a") * 2
        array += 1
    assert same(npk.load("a"), numbers(3))


def test_W24_a_part(npk):
    npk.save({"a": np.zeros((1000, 1000))})
    with npk.writable_batch_mode() as wb:
        wb.load("a")[500, 500] = 1
    assert npk.load("a").sum() == 1


def test_W25_writable_array(tmp_path):
    path = tmp_path / "raw"
    path.write_bytes(numbers(4, 3, dtype="float32").tobytes())
    with WritableArray(path, (4, 3), np.float32) as array:
        assert same(np.array(array), numbers(4, 3, dtype="float32"))
        array *= 2
    expected = numbers(4, 3, dtype="float32") * 2
    assert path.read_bytes() == expected.tobytes()
    assert same(np.array(array), expected)
    with pytest.raises(ValueError):
        array[0] = 1
    with WritableArray(str(path), (4, 3), "float32", mode="r") as array, pytest.raises(ValueError):
        array[0] = 1
    with pytest.raises(FileNotFoundError), WritableArray(tmp_path / "none", (1,), "u1"):
        pass
    with pytest.raises(ValueError), WritableArray(path, (400, 3), np.float32):
        pass
    with pytest.raises(ValueError):
        WritableArray(path, (4, 3), np.float32, mode="w")
    (tmp_path / "empty").write_bytes(b"")
    with WritableArray(tmp_path / "empty", (0, 3), "i4") as array:
        assert array.shape == (0, 3)


def test_views_from_many_threads(npk):
    npk.save({f"a{i}": numbers(1000) for i in range(8)})
    with npk.writable_batch_mode() as wb:
        seen = [[] for _ in range(4)]

        def work(mine):
            for i in range(100):
                mine.append(wb.load(f"a{i % 8}"))

        threads = [threading.Thread(target=work, args=(mine,)) for mine in seen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(8):
            assert len({id(mine[i]) for mine in seen}) == 1


def test_a_block_that_is_never_left(path):
    code = """
import sys
import numpy as np
from numpack import NumPack
npk = NumPack(sys.argv[1])
npk.open()
npk.save({"a": np.zeros(5)})
wb = npk.writable_batch_mode()
wb.__enter__()
view = wb.load("a")
view += 1
"""
    result = run_python(code, path)
    assert (result.returncode, result.stderr) == (0, "")
    with NumPack(path) as npk:
        assert npk.load("a").tolist() == [1] * 5


# --- atomic=True


@pytest.mark.parametrize("rows", SIZES)
def test_atomic_changes_all_at_the_end(path, rows):
    with NumPack(path) as npk, NumPack(path) as other:
        npk.save({"a": numbers(rows), "b": numbers(rows)})
        lazy = npk.load("a", lazy=True)
        with npk.writable_batch_mode(atomic=True) as wb:
            for name in ("a", "b"):
                view = wb.load(name)
                assert wb.load(name) is view
                assert view.flags.writeable
                view += 1
                wb.save({name: view})
            for handle in (npk, other):
                assert same(handle.load("a"), numbers(rows))
            with pytest.raises(BatchModeError):
                npk.save({"a": numbers(2)})
            npk.save({"c": numbers(2)})
        for handle in (npk, other):
            assert same(handle.load("a"), numbers(rows) + 1)
            assert same(handle.load("b"), numbers(rows) + 1)
        assert lazy[1] == 1.0
        assert not view.flags.writeable
        assert view[1] == 2.0
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 5
    with NumPack(path) as npk:
        assert same(npk.load("b"), numbers(rows) + 1)


def test_atomic_block_that_raises_changes_nothing(npk):
    npk.save({"a": numbers(10), "b": numbers(200_000)})
    with pytest.raises(ZeroDivisionError), npk.writable_batch_mode(atomic=True) as wb:
        wb.load("a")[:] = -1
        kept = wb.load("b")
        kept[:] = -1
        raise ZeroDivisionError
    assert same(npk.load("a"), numbers(10))
    assert same(npk.load("b"), numbers(200_000))
    assert npk.interrupted() == []
    assert kept[5] == -1
    npk.append({"a": numbers(1)})  # it is free again


def test_atomic_nested_blocks(npk):
    npk.save({"a": numbers(10)})
    with npk.writable_batch_mode(atomic=True) as outer:
        with npk.writable_batch_mode() as inner:
            assert inner.load("a") is outer.load("a")
            inner.load("a")[0] = 7
        assert npk.load("a")[0] == 0
    assert npk.load("a")[0] == 7

    with pytest.raises(BatchModeError, match="nested"):
        with npk.writable_batch_mode(atomic=True) as outer:
            outer.load("a")[1] = 7
            with pytest.raises(ZeroDivisionError), npk.writable_batch_mode():
                raise ZeroDivisionError
    assert npk.load("a")[1] == 1


def test_atomic_does_not_mix(npk):
    npk.save({"a": numbers(10)})
    with npk.writable_batch_mode() as wb:
        with pytest.raises(BatchModeError, match="atomic"):
            npk.writable_batch_mode(atomic=True).__enter__()
        wb.load("a")[0] = 7
    with npk.batch_mode(), pytest.raises(BatchModeError):
        npk.writable_batch_mode(atomic=True).__enter__()
    with npk.writable_batch_mode(atomic=True), pytest.raises(BatchModeError):
        npk.batch_mode().__enter__()
    assert npk.load("a")[0] == 7


def test_atomic_empty_and_0d(npk):
    npk.save({"none": np.zeros((0, 3)), "one": np.array(5.0)})
    with npk.writable_batch_mode(atomic=True) as wb:
        assert wb.load("none").shape == (0, 3)
        wb.load("one")[...] = 6
    assert npk.load("one") == 6
    assert npk.load("none").shape == (0, 3)


def test_atomic_survives_close_inside(npk, path):
    npk.save({"a": numbers(10)})
    with npk.writable_batch_mode(atomic=True) as wb:
        view = wb.load("a")
        npk.close()
        view[0] = 7
    with NumPack(path) as again:
        assert again.load("a")[0] == 7


def test_atomic_killed_process_changes_nothing(npk, path):
    npk.save({"a": numbers(10), "b": numbers(200_000)})
    npk.close()
    run = run_python(
        """
import os, signal, sys
from numpack import NumPack
with NumPack(sys.argv[1]) as npk, npk.writable_batch_mode(atomic=True) as wb:
    wb.load("a")[:] = -1
    wb.load("b")[:] = -1
    os.kill(os.getpid(), signal.SIGKILL)
""",
        path,
    )
    assert run.returncode != 0
    with NumPack(path) as again:
        assert same(again.load("a"), numbers(10))
        assert same(again.load("b"), numbers(200_000))
        assert again.interrupted() == []


def test_a_save_that_was_right_before_is_looked_at_again(npk):
    npk.save({"a": np.zeros((3, 2), np.float32), "b": np.zeros((3, 2), np.float32)})
    with npk.writable_batch_mode() as wb:
        view, other = wb.load("a"), wb.load("b")
        for _ in range(3):
            assert wb.load("a") is view
            wb.save({"a": view, "b": other})
        with pytest.raises(BatchModeError):
            wb.save({"a": view, "b": view})
        with pytest.raises(BatchModeError):
            wb.save({"a": view.copy()})
        view.shape = (6,)
        with pytest.raises(BatchModeError):
            wb.save({"a": view})
        view.shape = (3, 2)
        wb.save({"a": view})
    for call in (lambda: wb.load("a"), lambda: wb.save({"a": view})):
        with pytest.raises(BatchModeError):
            call()
