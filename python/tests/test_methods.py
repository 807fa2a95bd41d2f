"""The methods of NumPack outside the batch modes: rows S, L, R, A, X, U, G, T, M and K."""

import collections
import contextlib
import shutil
import time

import numpy as np
import pytest

from helpers import DTYPES, commit_records, numbers, same
from numpack import ArrayNotFoundError, CorruptStoreError, NumPack


@pytest.mark.parametrize("method", ["save", "append", "replace"])
@pytest.mark.parametrize("arrays", [None, [], [("a", numbers(1))], "a", numbers(2)], ids=str)
@pytest.mark.parametrize("in_batch", [False, True])
def test_S_arrays_must_be_a_dictionary(npk, method, arrays, in_batch):
    if in_batch:
        npk.batch_mode().__enter__()
    arguments = (arrays, 0) if method == "replace" else (arrays,)
    with pytest.raises(ValueError, match="arrays must be a dictionary"):
        getattr(npk, method)(*arguments)


def test_S_dict_subclasses_and_empty_dicts(npk):
    assert npk.save(collections.OrderedDict(a=numbers(2))) is None
    assert npk.save({}) is None
    assert npk.append({}) is None
    assert npk.replace({}, 0) is None
    assert npk.get_member_list() == ["a"]


def test_S1_replaces_whatever_was_there(npk):
    npk.save({"a": numbers(5, 2)})
    npk.drop("a", [1, 2])
    for array in (numbers(3), numbers(2, 2, dtype="int8"), np.array(1j), numbers(0, 4)):
        npk.save({"a": array})
        assert same(npk.load("a"), array)


def test_S2_all_checked_before_anything_is_written(npk):
    npk.save({"a": numbers(2)})
    for bad in ([1], np.array(["x"])):
        with pytest.raises((TypeError, ValueError)):
            npk.save({"a": numbers(3), "new": numbers(1), "bad": bad})
        assert same(npk.load("a"), numbers(2))
        assert npk.get_member_list() == ["a"]


def test_S3_one_call_is_one_commit(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(3)})
        before = commit_records(path)
        npk.save({"a": numbers(5), "b": numbers(2), "c": numbers(1)})
        assert commit_records(path) == before + 1
        with pytest.raises(ValueError):
            npk.save({"a": -numbers(5), "d": np.array(["text"])})
        assert commit_records(path) == before + 1
        assert same(npk.load("a"), numbers(5))
        assert not npk.has_array("d")


def test_S_keyword_names(npk):
    npk.save(arrays={"a": numbers(4)})
    npk.append(arrays={"a": numbers(1)})
    npk.replace(arrays={"a": numbers(1)}, indexes=1)
    npk.load(array_name="a", lazy=False)
    npk.getitem(array_name="a", indexes=0)
    npk.drop(array_name="a", indexes=[0])
    npk.update(array_name="a")
    npk.get_shape(array_name="a")
    npk.has_array(array_name="a")
    npk.get_modify_time(array_name="a")
    npk.stream_load(array_name="a", buffer_size=2)
    npk.clone(source_name="a", target_name="b")
    npk.batch_mode(memory_limit=1)
    npk.remove(array_name="b")
    npk.close(force_gc=False)


def test_L1_a_new_independent_array_each_time(npk):
    npk.save({"a": np.asfortranarray(numbers(3, 4))})
    one, two = npk.load("a"), npk.load("a")
    assert one is not two
    assert not np.shares_memory(one, two)
    for array in (one, two):
        assert array.flags.writeable
        assert array.flags.c_contiguous
        assert array.dtype.isnative
    one[:] = -1
    assert same(two, numbers(3, 4))
    assert same(npk.load("a"), numbers(3, 4))


@pytest.mark.parametrize("lazy", [0, 1, "yes", np.bool_(True)])
def test_L2_lazy_must_be_bool(npk, lazy):
    npk.save({"a": numbers(2)})
    with pytest.raises(TypeError):
        npk.load("a", lazy=lazy)


def test_L2_lazy_none_is_false(npk):
    npk.save({"a": numbers(2)})
    assert type(npk.load("a", None)) is np.ndarray


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [0, 5, 100_000])
def test_load_into_an_array(npk, batch, dtype, rows):
    npk.save({"a": numbers(rows, 2, dtype=dtype)})
    out = np.zeros((rows, 2), dtype)
    with npk.batch_mode() if batch else contextlib.nullcontext():
        assert npk.load("a", out=out) is out
        assert same(out, numbers(rows, 2, dtype=dtype))
        if batch:
            npk.save({"a": np.ones((rows, 2), dtype)})
            npk.load("a", out=out)
            assert same(out, np.ones((rows, 2), dtype))
            assert npk.load("a") is not out


@pytest.mark.parametrize("batch", [False, True])
def test_load_into_what_does_not_fit(npk, batch):
    npk.save({"a": numbers(4, 2)})
    read_only = np.zeros((4, 2))
    read_only.flags.writeable = False
    with npk.batch_mode() if batch else contextlib.nullcontext():
        for out, what in [
            (np.zeros((4, 3)), "shape"),
            (np.zeros(8), "shape"),
            (np.zeros((4, 2), np.float32), "Float32|float32"),
            (np.zeros((4, 2), ">f8"), "byte order"),
            (np.zeros((2, 4)).T, "contiguous"),
            (read_only, "read-only"),
        ]:
            with pytest.raises(ValueError, match=what):
                npk.load("a", out=out)
            assert not out.any()
        with pytest.raises(TypeError, match="list"):
            npk.load("a", out=[1, 2])
        with pytest.raises(ValueError, match="lazy"):
            npk.load("a", lazy=True, out=np.zeros((4, 2)))
        with pytest.raises(ArrayNotFoundError):
            npk.load("b", out=np.zeros((4, 2)))


@pytest.mark.parametrize("lazy", [False, True])
def test_L3_missing(npk, lazy):
    with pytest.raises(ArrayNotFoundError):
        npk.load("missing", lazy=lazy)
    with pytest.raises(TypeError):
        npk.load(3, lazy=lazy)


def test_L4_subscript(npk):
    npk.save({"a": numbers(3)})
    assert same(npk["a"], numbers(3))
    with pytest.raises(KeyError):
        npk["missing"]
    with pytest.raises(TypeError):
        npk["a"] = numbers(3)
    with pytest.raises(TypeError):
        del npk["a"]


@pytest.mark.parametrize("lazy", [False, True])
def test_L5_short_data_file(path, lazy):
    with NumPack(path) as npk:
        npk.save({"a": numbers(500_000)})
    biggest = max(path.glob("segment.*"), key=lambda p: p.stat().st_size)
    with biggest.open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(CorruptStoreError), NumPack(path) as npk:
        npk.load("a", lazy=lazy)


def test_R1_one_index_list_for_all_arrays(npk):
    npk.save({"a": numbers(5, 2), "b": numbers(5, dtype="int32")})
    npk.replace({"a": -numbers(2, 2), "b": np.array([7, 8], np.int32)}, [3, 1])
    assert npk.load("a")[[3, 1]].tolist() == [[0, -1], [-2, -3]]
    assert npk.load("b").tolist() == [0, 8, 2, 7, 4]


def test_R2_shapes(npk):
    npk.save({"a": numbers(5, 2)})
    with pytest.raises(ValueError, match="Dimension mismatch"):
        npk.replace({"a": numbers(2)}, 0)
    with pytest.raises(ValueError, match="Shape mismatch"):
        npk.replace({"a": numbers(1, 3)}, 0)
    npk.replace({"a": -numbers(1, 2)}, 0)
    assert npk.load("a")[0].tolist() == [0, -1]


def test_R3_dtype(npk):
    npk.save({"a": numbers(5)})
    with pytest.raises(TypeError):
        npk.replace({"a": np.zeros(1, np.float32)}, 0)


def test_R4_missing(npk):
    with pytest.raises(ArrayNotFoundError):
        npk.replace({"missing": numbers(1)}, 0)
    with pytest.raises(ArrayNotFoundError):
        npk.replace({"missing": numbers(1)}, [])


def test_R6_number_of_rows(npk):
    npk.save({"a": numbers(5)})
    for values, index in ((3, [0, 1]), (1, [0, 1]), (0, [1]), (2, 3), (2, slice(10, 20))):
        with pytest.raises(ValueError):
            npk.replace({"a": -1 - numbers(values)}, index)
    npk.replace({"a": numbers(3)}, [])
    npk.replace({"a": numbers(0)}, slice(10, 20))
    assert same(npk.load("a"), numbers(5))


@pytest.mark.parametrize("in_batch", [False, True])
def test_R7_all_or_none(npk, in_batch):
    npk.save({"a": numbers(5), "b": numbers(3)})
    if in_batch:
        npk.batch_mode().__enter__()
    for bad in ({"a": -numbers(1), "b": numbers(1)}, {"a": -numbers(1), "missing": numbers(1)}):
        with pytest.raises(LookupError):
            npk.replace(bad, 4)
    assert same(npk.load("a"), numbers(5))


def test_R8_strided_values(npk):
    npk.save({"a": numbers(6, 4)})
    values = np.asfortranarray(-numbers(3, 4))[::-1]
    npk.replace({"a": values}, [4, 0, 2])
    expected = numbers(6, 4)
    expected[[4, 0, 2]] = values
    assert same(npk.load("a"), expected)


def test_R9_M4_modify_time_grows_on_every_change(npk):
    npk.save({"a": numbers(5), "other": numbers(1)})
    other = npk.get_modify_time("other")
    last = npk.get_modify_time("a")
    assert isinstance(last, int)
    assert abs(last / 1e6 - time.time()) < 60

    def in_place():
        with npk.writable_batch_mode() as wb:
            wb.load("a")[0] += 1

    def in_batch():
        with npk.batch_mode():
            npk.save({"a": numbers(9)})

    for change in (
        lambda: npk.save({"a": numbers(5)}),
        lambda: npk.append({"a": numbers(2)}),
        lambda: npk.replace({"a": numbers(1)}, 3),
        lambda: npk.drop("a", 0),
        in_place,
        in_batch,
        lambda: npk.drop("a"),
    ):
        time.sleep(0.002)
        change()
        assert npk.get_modify_time("a") > last
        last = npk.get_modify_time("a")
    npk.load("a")
    assert npk.get_modify_time("a") == last
    assert npk.get_modify_time("other") == other
    assert npk.get_modify_time("missing") is None


def test_A1_append(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(2, 3), "b": numbers(1, dtype="bool")})
        npk.append({"a": numbers(4, 3), "b": numbers(2, dtype="bool")})
        expected = np.concatenate([numbers(2, 3), numbers(4, 3)])
        assert same(npk.load("a"), expected)
    with NumPack(path) as npk:
        assert same(npk.load("a"), expected)
        assert npk.load("b").tolist() == [False, False, True]


def test_A2_errors_and_all_or_none(npk):
    npk.save({"a": numbers(2, 3), "ok": numbers(2)})
    for bad, text in (
        ({"missing": numbers(1)}, "does not exist"),
        ({"a": numbers(1, 3, dtype="int64")}, "Dtype mismatch"),
        ({"a": numbers(3)}, "Dimension mismatch"),
        ({"a": numbers(1, 2)}, "Shape mismatch"),
    ):
        with pytest.raises(ValueError, match=text):
            npk.append({"ok": numbers(1), **bad})
    with pytest.raises(ArrayNotFoundError):
        npk.append({"missing": numbers(1)})
    with pytest.raises(TypeError):
        npk.append({"ok": numbers(1), "a": [[1, 2, 3]]})
    assert same(npk.load("ok"), numbers(2))
    assert same(npk.load("a"), numbers(2, 3))


def test_A3_no_rows(npk):
    npk.save({"a": numbers(2, 3)})
    npk.append({"a": numbers(0, 3)})
    assert same(npk.load("a"), numbers(2, 3))


@pytest.mark.parametrize("rows", [numbers(6, 2)[::2], numbers(2, 3).T, numbers(3, 2)[::-1]])
def test_A4_any_strides(npk, rows):
    npk.save({"a": numbers(1, 2)})
    npk.append({"a": rows})
    assert same(npk.load("a"), np.concatenate([numbers(1, 2), rows]))


def test_A5_after_drops(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(10)})
        npk.drop("a", [2, 9])
        npk.append({"a": numbers(5) + 100})
        expected = np.concatenate([np.delete(numbers(10), [2, 9]), numbers(5) + 100])
        assert npk.get_shape("a") == (13,)
        assert same(npk.load("a"), expected)
    with NumPack(path) as npk:
        assert same(npk.load("a"), expected)


def test_A6_after_dropping_all(npk):
    npk.save({"a": numbers(4, 2)})
    npk.drop("a")
    npk.append({"a": numbers(3, 2)})
    assert same(npk.load("a"), numbers(3, 2))


def test_X1_names(npk):
    for names in (["a", "b"], ("a", "b")):
        npk.save({"a": numbers(3), "b": numbers(3)})
        npk.drop(names, [0])
        assert npk.get_shape("a") == npk.get_shape("b") == (2,)
    npk.drop("a", [0])
    assert npk.get_shape("a") == (1,)
    for names in (None, 3, {"a"}, b"a", ["a", 1]):
        with pytest.raises(TypeError):
            npk.drop(names)
    assert npk.get_shape("a") == (1,)


@pytest.mark.parametrize("how", [None, slice(None), list(range(4))])
def test_X2_X7_all_rows(path, how):
    with NumPack(path) as npk:
        npk.save({"a": numbers(4, 3, dtype="int8"), "b": numbers(1)})
        npk.drop("a", how)
    with NumPack(path) as npk:
        assert npk.get_member_list() == ["a", "b"]
        assert npk.has_array("a")
        assert npk.get_shape("a") == (0, 3)
        assert same(npk.load("a"), numbers(0, 3, dtype="int8"))
        with pytest.raises(ValueError):
            npk.clone("b", "a")
        npk.update("a")
        npk.append({"a": numbers(1, 3, dtype="int8")})
        assert npk.get_shape("a") == (1, 3)
        npk.drop("a")
        npk.save({"a": numbers(2)})
        assert same(npk.load("a"), numbers(2))
        npk.drop("a")
        npk.reset()
        assert not npk.has_array("a")


@pytest.mark.parametrize("in_batch", [False, True])
def test_X2a_remove(npk, in_batch):
    npk.save({"a": numbers(1), "b": numbers(1), "c": numbers(1), "d": numbers(1)})
    if in_batch:
        npk.batch_mode().__enter__()
    npk.remove("a")
    npk.remove(["b"])
    npk.remove(("c",))
    assert npk.get_member_list() == ["d"]
    with pytest.raises(ArrayNotFoundError):
        npk.remove(["d", "missing"])
    with pytest.raises(TypeError):
        npk.remove(4)
    assert npk.get_member_list() == ["d"]
    with pytest.raises(ArrayNotFoundError):
        npk.load("a")
    npk.save({"a": numbers(2)})
    assert npk.get_member_list() == ["d", "a"]


def test_X3_each_against_its_own_rows(npk):
    npk.save({"a": numbers(3), "b": numbers(5)})
    npk.drop(["a", "b"], [-1, 3])
    assert npk.load("a").tolist() == [0, 1]
    assert npk.load("b").tolist() == [0, 1, 2]


def test_X4_missing_is_ignored(npk):
    npk.save({"a": numbers(3)})
    npk.drop("missing")
    npk.drop("missing", [0])
    npk.drop(["missing", "a"], 0)
    assert npk.load("a").tolist() == [1, 2]
    assert not npk.has_array("missing")


def test_X5_X6_dropped_rows_are_gone_at_once(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(100, 2)})
        expected = numbers(100, 2)
        for rows in ([5, 50], [-1, 0], slice(10, 20), [5]):
            npk.drop("a", rows)
            expected = np.delete(expected, rows, axis=0)
            assert npk.get_shape("a") == expected.shape
            assert same(npk.load("a"), expected)
            assert same(npk.load("a", lazy=True).copy(), expected)
            assert same(npk.getitem("a", slice(None)), expected)
            assert same(np.concatenate(list(npk.stream_load("a", 7))), expected)
    with NumPack(path) as npk:
        assert same(npk.load("a"), expected)


def test_U1_U2_update(npk):
    npk.save({"a": numbers(10)})
    assert npk.update("a") is None
    npk.drop("a", [0])
    assert npk.update("a") is None
    assert same(npk.load("a"), numbers(10)[1:])
    npk.drop("a")
    npk.update("a")
    assert npk.get_shape("a") == (0,)
    with pytest.raises(ArrayNotFoundError):
        npk.update("missing")


def test_G1_G2_getitem(npk):
    npk.save({"a": numbers(5, 2)})
    assert npk.getitem("a", 2).shape == (1, 2)
    got = npk.getitem("a", [0])
    got[:] = -1
    assert same(npk.load("a"), numbers(5, 2))
    with pytest.raises(ArrayNotFoundError):
        npk.getitem("missing", 0)


def test_T1_blocks(npk):
    npk.save({"a": numbers(7, 2)})
    assert [b.shape for b in npk.stream_load("a")] == [(1, 2)] * 7
    blocks = npk.stream_load("a", buffer_size=np.int64(3))
    assert iter(blocks) is blocks
    blocks = list(blocks)
    assert [len(b) for b in blocks] == [3, 3, 1]
    assert same(np.concatenate(blocks), numbers(7, 2))
    assert len(list(npk.stream_load("a", 10**30))) == 1
    npk.drop("a")
    assert list(npk.stream_load("a", 3)) == []


def test_T2_errors_at_the_call(npk):
    for size in (0, -1):
        with pytest.raises(ValueError, match="buffer_size must be greater than 0"):
            npk.stream_load("missing", size)
    for size in (1.5, "1", [1]):
        with pytest.raises(TypeError):
            npk.stream_load("missing", size)
    with pytest.raises(ArrayNotFoundError):
        npk.stream_load("missing")


def test_T3_T4_snapshot(path):
    npk = NumPack(path)
    npk.open()
    npk.save({"a": numbers(1000, 3)})
    stream = npk.stream_load("a", 400)
    first = next(stream)
    first[:] = -1
    npk.append({"a": numbers(10, 3)})
    npk.drop("a", [999])
    npk.save({"a": numbers(2, dtype="int8")})
    assert same(next(stream), numbers(1000, 3)[400:800])
    npk.close()
    assert same(next(stream), numbers(1000, 3)[800:])
    assert next(stream, None) is None


def test_T3_blocks_without_a_copy(path):
    npk = NumPack(path)
    npk.open()
    npk.save({"a": numbers(1000, 3)})
    blocks = list(npk.stream_load("a", 300, copy=False))
    assert [len(b) for b in blocks] == [300, 300, 300, 100]
    stored = np.asarray(npk.load("a", lazy=True))
    for block in blocks:
        assert np.shares_memory(block, stored)
        with pytest.raises(ValueError):
            block[:] = 0
    npk.replace({"a": -numbers(1, 3)}, 5)
    npk.drop("a", [0, 400, 800])
    after = list(npk.stream_load("a", 300, copy=False))
    expected = -numbers(1, 3)
    expected = np.concatenate([numbers(1000, 3)[:5], expected, numbers(1000, 3)[6:]])
    assert same(np.concatenate(after), np.delete(expected, [0, 400, 800], axis=0))
    npk.close()
    shutil.rmtree(path)
    assert same(np.concatenate(blocks), numbers(1000, 3))


def test_T3_blocks_of_what_a_batch_has_pending(npk):
    npk.save({"a": numbers(10, 3)})
    with npk.batch_mode():
        array = npk.load("a")
        array *= 2
        npk.save({"a": array})
        for copy in (True, False):
            blocks = list(npk.stream_load("a", 4, copy=copy))
            assert same(np.concatenate(blocks), 2 * numbers(10, 3))


def test_M1_get_shape(npk):
    npk.save({"a": numbers(2, 3, 4)})
    assert npk.get_shape("a") == (2, 3, 4)
    assert type(npk.get_shape("a")) is tuple
    with pytest.raises(ArrayNotFoundError):
        npk.get_shape("missing")


def test_M2_M8_names_in_order_of_first_save(path):
    names = ["z", "a", "m", "b"]
    with NumPack(path) as npk:
        for name in names:
            npk.save({name: numbers(1)})
        npk.save({"a": numbers(2)})
        assert npk.get_member_list() == names
        npk.get_member_list().clear()
        assert list(npk) == names
        assert "a" in npk
        assert "x" not in npk
        assert 3 not in npk
    with NumPack(path) as npk:
        assert npk.get_member_list() == names


def test_M3_has_array(npk):
    npk.save({"a": numbers(1)})
    assert npk.has_array("a") is True
    for other in ("x", "", 3, None, b"a", ["a"]):
        assert npk.has_array(other) is False


@pytest.mark.parametrize("dtype", DTYPES)
def test_M5_M6_metadata(npk, path, dtype):
    npk.save({"a": numbers(5, 3, dtype=dtype)})
    npk.drop("a", [1])
    metadata = npk.get_metadata()
    assert metadata["base_dir"] == str(path)
    assert metadata["total_arrays"] == 1
    info = metadata["arrays"]["a"]
    assert info["shape"] == [4, 3]
    assert type(info["shape"]) is list
    assert info["dtype"] == dtype.capitalize()
    assert info["size_bytes"] == 12 * np.dtype(dtype).itemsize
    assert info["last_modified"] == npk.get_modify_time("a")
    assert isinstance(info["data_file"], str)


def test_M7_io_stats(path):
    npk = NumPack(path)
    assert isinstance(npk.get_io_stats()["stats_available"], bool)
    with npk:
        assert isinstance(npk.get_io_stats()["stats_available"], bool)


def test_M9_always_true(npk):
    assert bool(npk)


@pytest.mark.parametrize("in_batch", [False, True])
def test_K1_K2_clone(npk, in_batch):
    npk.save({"a": numbers(5, 2, dtype="int16"), "empty": numbers(0)})
    npk.drop("a", [1])
    if in_batch:
        npk.batch_mode().__enter__()
    npk.clone("a", "b")
    npk.save({"a": numbers(1)})
    assert same(npk.load("b"), np.delete(numbers(5, 2, dtype="int16"), 1, axis=0))
    assert npk.get_metadata()["arrays"]["b"]["size_bytes"] == 16
    with pytest.raises(ArrayNotFoundError):
        npk.clone("missing", "c")
    for target in ("a", "empty", ""):
        with pytest.raises(ValueError):
            npk.clone("a", target)


def test_K3_reset(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(2), "b": numbers(2)})
        npk.drop("b")
        npk.reset()
        assert npk.get_member_list() == []
        npk.save({"c": numbers(1)})
    with NumPack(path) as npk:
        assert npk.get_member_list() == ["c"]
