"""Arrays that can be stored: rows D."""

import copy
import pickle

import numpy as np
import pytest

from helpers import DTYPES, numbers, same
from numpack import NumPack


@pytest.mark.parametrize("dtype", DTYPES)
def test_D1_dtypes_keep_every_bit(path, dtype):
    random = np.random.default_rng(1)
    array = np.frombuffer(random.bytes(16 * 60), dtype="u1")
    array = (array & 1 if dtype == "bool" else array).view(dtype)[:60].reshape(3, 4, 5)
    with NumPack(path) as npk:
        npk.save({"a": array})
        assert same(npk.load("a"), array)
    with NumPack(path) as npk:
        assert same(npk.load("a"), array)


@pytest.mark.parametrize("code", ["b", "h", "i", "l", "q", "B", "H", "I", "L", "Q", "p", "P"])
def test_D1_c_aliases(npk, code):
    array = np.arange(5).astype(code)
    npk.save({"a": array})
    loaded = npk.load("a")
    assert loaded.dtype == np.dtype(f"{array.dtype.kind}{array.dtype.itemsize}")
    assert (loaded == array).all()


def test_D2_unsupported_dtype_stores_nothing(npk):
    with pytest.raises(ValueError, match="Unsupported dtype"):
        npk.save({"good": numbers(2), "bad": np.array(["text"])})
    assert npk.get_member_list() == []


@pytest.mark.parametrize("dtype", [d for d in DTYPES if np.dtype(d).itemsize > 1])
@pytest.mark.parametrize("in_batch", [False, True])
def test_D3_byte_order(npk, dtype, in_batch):
    native = numbers(3, 4, dtype=dtype)
    swapped = native.astype(np.dtype(dtype).newbyteorder())
    assert not swapped.dtype.isnative
    if in_batch:
        with npk.batch_mode():
            npk.save({"a": swapped})
            assert (npk.load("a") == native).all()
    else:
        npk.save({"a": swapped})
    assert same(npk.load("a"), native)
    npk.append({"a": swapped})
    npk.replace({"a": swapped[1:2]}, 0)
    assert npk.load("a").dtype.isnative
    assert (npk.load("a") == np.concatenate([native[1:2], native[1:], native])).all()


@pytest.mark.parametrize("rank", [1, 2, 5, 16, 32, 64])
def test_D4_rank(npk, rank):
    if rank > 32 and int(np.__version__.split(".")[0]) < 2:
        pytest.skip("this NumPy has no more than 32 axes")
    array = numbers(2, *[1] * (rank - 1))
    npk.save({"a": array})
    assert npk.get_shape("a") == array.shape
    assert same(npk.load("a"), array)
    assert same(npk.load("a", lazy=True).copy(), array)
    assert repr(npk.load("a", lazy=True))
    with npk.writable_batch_mode() as wb:
        assert same(wb.load("a"), array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_D5_zero_d_round_trip(path, dtype):
    array = np.array(1, dtype=dtype)
    with NumPack(path) as npk:
        npk.save({"a": array})
    with NumPack(path) as npk:
        assert npk.get_shape("a") == ()
        assert same(npk.load("a"), array)
        lazy = npk.load("a", lazy=True)
        assert lazy.shape == ()
        assert same(lazy[()], array)
        with pytest.raises(TypeError):
            len(lazy)
        with npk.batch_mode():
            loaded = npk.load("a")
            assert same(loaded, array)
            npk.save({"a": loaded})


ROW_OPERATIONS = {
    "append": lambda npk: npk.append({"a": np.array(1.0)}),
    "append rows": lambda npk: npk.append({"a": np.array([1.0])}),
    "replace": lambda npk: npk.replace({"a": np.array(1.0)}, 0),
    "getitem": lambda npk: npk.getitem("a", 0),
    "getitem slice": lambda npk: npk.getitem("a", slice(None)),
    "drop": lambda npk: npk.drop("a", 0),
    "stream_load": lambda npk: npk.stream_load("a"),
}


@pytest.mark.parametrize("operation", ROW_OPERATIONS)
@pytest.mark.parametrize("in_batch", [False, True])
def test_D5_zero_d_has_no_rows(npk, operation, in_batch):
    npk.save({"a": np.array(5.0)})
    if in_batch:
        npk.batch_mode().__enter__()
    with pytest.raises(ValueError):
        ROW_OPERATIONS[operation](npk)
    assert npk.load("a") == 5.0


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_D6_empty_arrays(path, shape):
    array = np.zeros(shape, np.int16)
    with NumPack(path) as npk:
        npk.save({"a": array})
        npk.clone("a", "b")
    with NumPack(path) as npk:
        for name in ("a", "b"):
            assert same(npk.load(name), array)
            assert same(npk.load(name, lazy=True).copy(), array)
            assert [block.shape for block in npk.stream_load(name, 10)] == (
                [shape] if shape[0] else []
            )
    with NumPack(path) as npk:
        if shape == (0, 3):
            npk.append({"a": numbers(2, 3, dtype="int16")})
            assert same(npk.load("a"), numbers(2, 3, dtype="int16"))


def test_D7_read_only_and_broadcast(npk):
    array = np.broadcast_to(numbers(3), (2, 3))
    assert not array.flags.writeable
    npk.save({"a": array})
    assert same(npk.load("a"), np.array(array))


@pytest.mark.parametrize("axes", [(0, 2, 1), (2, 1, 0), (1, 2, 0)])
def test_D8_logical_order(npk, axes):
    array = numbers(2, 3, 4).transpose(axes)
    npk.save({"a": array, "f": np.asfortranarray(numbers(3, 5))})
    assert same(npk.load("a"), np.ascontiguousarray(array))
    assert same(npk.load("f"), numbers(3, 5))


def test_D9_negative_strides(npk):
    npk.save({"a": numbers(10)[::-1], "b": numbers(4, 4)[::-2, ::-1]})
    assert same(npk.load("a"), numbers(10)[::-1].copy())
    assert same(npk.load("b"), numbers(4, 4)[::-2, ::-1].copy())


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_D10_subclasses_become_plain(npk):
    npk.save({"masked": np.ma.array([1, 2, 3], mask=[0, 1, 0]), "matrix": np.matrix([[1, 2]])})
    assert type(npk.load("masked")) is np.ndarray
    assert npk.load("masked").tolist() == [1, 2, 3]
    assert type(npk.load("matrix")) is np.ndarray


@pytest.mark.parametrize("value", [[1, 2], 1.5, np.float32(3), None, "text", (1,), object()])
@pytest.mark.parametrize("method", ["save", "append", "replace"])
@pytest.mark.parametrize("in_batch", [False, True])
def test_D11_not_an_array(npk, value, method, in_batch):
    npk.save({"named": numbers(3)})
    if in_batch:
        npk.batch_mode().__enter__()
    arguments = ({"named": value}, 0) if method == "replace" else ({"named": value},)
    with pytest.raises(TypeError, match="named"):
        getattr(npk, method)(*arguments)
    assert same(npk.load("named"), numbers(3))


@pytest.mark.parametrize("name", [1, None, b"x", ("a",), 1.5])
def test_D12_name_types(npk, name):
    for call in (
        lambda: npk.save({name: numbers(1)}),
        lambda: npk.append({name: numbers(1)}),
        lambda: npk.load(name),
        lambda: npk.get_shape(name),
        lambda: npk.getitem(name, 0),
        lambda: npk.clone(name, "x"),
    ):
        with pytest.raises(TypeError):
            call()


def test_D12_empty_name(npk):
    with pytest.raises(ValueError):
        npk.save({"": numbers(1)})
    with npk.batch_mode(), pytest.raises(ValueError):
        npk.save({"": numbers(1)})
    assert not npk.has_array("")


def test_D12_lone_surrogate_is_an_error(npk):
    with pytest.raises((ValueError, TypeError)):
        npk.save({"\ud800": numbers(1)})


def test_D13_save_copies(npk):
    array = numbers(3)
    npk.save({"a": array})
    array[:] = -1
    assert same(npk.load("a"), numbers(3))


def test_D14_large_arrays_are_like_small_ones(npk):
    array = np.zeros((40, 1 << 20), np.int64)  # 320 MiB
    array[:, 0] = range(40)
    npk.save({"a": array})
    lazy = npk.load("a", lazy=True)
    assert type(lazy).__name__ == "LazyArray"
    assert lazy[3:5, 0].tolist() == [3, 4]
    with npk.writable_batch_mode() as wb:
        wb.load("a")[7, 0] = -1
    assert npk.getitem("a", 7)[0, 0] == -1


@pytest.mark.parametrize("rows", [0, 1, 7, 100, 1000, 70_000])
def test_loaded_arrays_are_aligned_and_like_any_others(npk, rows):
    npk.save({"a": numbers(rows, 3)})
    with npk.batch_mode():
        loaded = [npk.load("a") for _ in range(2)]
    for array in [*loaded, npk.load("a"), npk.load("a")]:
        assert array.flags.owndata or rows == 0
        assert array.nbytes < 65536 or array.ctypes.data % 64 == 0
    array = npk.load("a")
    del loaded
    for size in (3 * rows + 1000, 3 * rows + 1, 5):  # NumPy moves the memory
        array.resize(size, refcheck=False)
        kept = min(size, 3 * rows)
        assert same(array[:kept], numbers(rows, 3).ravel()[:kept])
    assert same(pickle.loads(pickle.dumps(npk.load("a"))), numbers(rows, 3))
    assert same(copy.deepcopy(npk.load("a")), numbers(rows, 3))
