"""LazyArray: rows Z."""

import copy
import gc
import operator
import pickle
import shutil
import time

import numpy as np
import pytest

from helpers import DTYPES, numbers, same
from numpack import IndexOutOfRangeError, LazyArray, NumPack, StaleArrayError

SHAPES = [(7,), (7, 3), (7, 3, 2), (7, 2, 1, 2)]


def lazy_of(npk, array, name="a"):
    npk.save({name: array})
    return npk.load(name, lazy=True)


def check_plain(result):
    """Results are ordinary arrays in memory."""
    assert type(result) is np.ndarray
    assert result.flags.writeable


@pytest.fixture
def lazy(npk):
    return lazy_of(npk, numbers(7, 3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_Z1_attributes(npk, dtype):
    array = numbers(4, 3, 2, dtype=dtype)
    lazy = lazy_of(npk, array)
    for name in ("shape", "dtype", "ndim", "size", "itemsize", "nbytes"):
        assert getattr(lazy, name) == getattr(array, name)
        with pytest.raises(AttributeError):
            setattr(lazy, name, 1)
    assert type(lazy.shape) is tuple
    assert isinstance(lazy.dtype, np.dtype)
    with pytest.raises(AttributeError):
        lazy.other = 1


def test_Z2_T(npk):
    lazy = lazy_of(npk, numbers(4, 3, 2))
    assert (lazy.T == numbers(4, 3, 2).T).all()
    check_plain(lazy.T)
    assert lazy.shape == (4, 3, 2)


def test_Z3_len_and_truth(npk):
    assert len(lazy_of(npk, numbers(4, 3))) == 4
    assert bool(lazy_of(npk, numbers(4, 3)))
    assert not bool(lazy_of(npk, numbers(0, 3)))


@pytest.mark.parametrize(
    "shape", [(), (0,), (3,), (1000,), (500, 500), (20, 20, 20), (2, 0, 3), (3,) * 10]
)
def test_Z4_repr(npk, shape):
    lazy = lazy_of(npk, numbers(*shape, dtype="float32"))
    text = repr(lazy)
    assert text.startswith(f"LazyArray('a', shape={list(shape)}, dtype=Float32")
    assert str(lazy) == text
    assert len(text) < 500


def test_Z4_repr_shows_right_elements(npk):
    lazy = lazy_of(npk, 100 + numbers(9, 2, 2, dtype="int32"))
    npk.drop("a", 0)
    assert "104" in repr(npk.load("a", lazy=True))
    assert "100" not in repr(npk.load("a", lazy=True))
    assert "100" in repr(lazy)


@pytest.mark.parametrize(
    "name",
    [
        "astype",
        "flat",
        "strides",
        "flags",
        "base",
        "real",
        "imag",
        "sum",
        "mean",
        "tolist",
        "flatten",
        "__setitem__",
        "__iadd__",
    ],
)
def test_Z5_absent(lazy, name):
    assert not hasattr(lazy, name)


def test_Z6_unhashable(lazy):
    with pytest.raises(TypeError):
        hash(lazy)


def test_Z7_no_assignment(lazy):
    with pytest.raises(TypeError):
        lazy[0] = 1


def test_Z8_copies(lazy):
    for result in (lazy.copy(), copy.copy(lazy), copy.deepcopy(lazy)):
        assert same(result, numbers(7, 3))
        check_plain(result)
        result[:] = 0
    assert same(lazy.copy(), numbers(7, 3))


def test_Z9_close_and_with(lazy):
    assert lazy.close() is None
    with lazy as entered:
        assert entered is lazy
    assert same(lazy.copy(), numbers(7, 3))


def test_Z10_iteration(npk):
    rows = list(lazy_of(npk, numbers(4, 2)))
    assert [r.tolist() for r in rows] == numbers(4, 2).tolist()
    lazy = lazy_of(npk, numbers(4))
    assert [r.shape for r in lazy] == [(1,)] * 4
    assert 3.0 in lazy
    assert 7.0 not in lazy
    lazy = lazy_of(npk, numbers(4, 2))
    assert np.array([2.0, 3.0]) in lazy
    assert np.array([3.0, 2.0]) not in lazy
    assert np.zeros(2) not in lazy_of(npk, numbers(0, 2))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_Z11_pickling_is_by_reference(npk, path, protocol):
    lazy = lazy_of(npk, numbers(100_000, 2))
    pickled = pickle.dumps(lazy, protocol)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert type(again) is LazyArray
    assert same(np.asarray(again), np.asarray(lazy))
    shaped = pickle.loads(pickle.dumps(lazy.reshape(-1), protocol))
    assert shaped.shape == (200_000,)
    npk.close()
    assert same(np.asarray(pickle.loads(pickled)), numbers(100_000, 2))


def test_Z11_pickles_of_what_is_gone(npk, path):
    lazy = lazy_of(npk, numbers(10, 2))
    pickled = pickle.dumps(lazy)
    npk.append({"a": numbers(1, 2)})
    with pytest.raises(StaleArrayError, match="changed"):
        pickle.loads(pickled)
    npk.remove("a")
    with pytest.raises(KeyError):
        pickle.loads(pickled)
    npk.close()
    shutil.rmtree(path)
    with pytest.raises(FileNotFoundError, match="gone"):
        pickle.loads(pickled)
    assert not path.exists()


def test_Z11_pickles_do_not_depend_on_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with NumPack("relative") as npk:
        npk.save({"a": numbers(3)})
        monkeypatch.chdir("/")
        again = pickle.loads(pickle.dumps(npk.load("a", lazy=True)))
    assert same(np.asarray(again), numbers(3))


def test_Z11_pending_changes_cannot_be_pickled(npk):
    npk.save({"a": numbers(100, 2)})
    with npk.batch_mode(memory_limit=0.0001):
        npk.save({"a": numbers(50, 2)})
        lazy = npk.load("a", lazy=True)
        assert isinstance(lazy, LazyArray)  # the limit has put it out of memory
        with pytest.raises(TypeError, match="pending"):
            pickle.dumps(lazy)


def test_array_interface(path):
    """As other libraries use it: they keep the object, and with it the mapping."""

    class Other:
        def __init__(self, lazy):
            self.kept = lazy
            self.__array_interface__ = lazy.__array_interface__

    with NumPack(path) as npk:
        npk.save({"a": numbers(1000, 3)})
        array = np.asarray(Other(npk.load("a", lazy=True)))
    shutil.rmtree(path)
    assert same(array, numbers(1000, 3))
    assert not array.flags.writeable
    assert array.__array_interface__["data"][1] is True


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy before 2.1")
def test_dlpack(lazy):
    array = np.from_dlpack(lazy)
    assert np.shares_memory(array, np.asarray(lazy))
    assert same(array, np.asarray(lazy))
    assert lazy.__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("index", [0, 3, -1, np.int8(2), np.uint64(6), np.int64(-7)])
def test_Z20_rows(npk, shape, index):
    lazy = lazy_of(npk, numbers(*shape))
    row = lazy[index]
    assert row.shape == (shape[1:] or (1,))
    assert (row == numbers(*shape)[index]).all()
    check_plain(row)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("index", [7, -8, 10**30, np.int64(100)])
def test_Z21_out_of_range(npk, shape, index):
    with pytest.raises(IndexError):
        lazy_of(npk, numbers(*shape))[index]


KEYS = {
    "Z22 slice": slice(1, 5),
    "Z22 all": slice(None),
    "Z22 step": slice(None, None, 3),
    "Z22 reversed": slice(None, None, -1),
    "Z22 empty": slice(3, 1),
    "Z22 beyond": slice(10, 20),
    "Z22 negative": slice(-3, -1),
    "Z22 NumPy ints": slice(np.int64(1), np.uint8(5), np.int8(1)),
    "Z23 list": [3, -1, 3, 0],
    "Z23 range": range(1, 6, 2),
    "Z23 array": np.array([6, -7, 2]),
    "Z23 uint8": np.array([6, 2], np.uint8),
    "Z25 mask": np.array([1, 0, 1, 0, 0, 0, 1], bool),
    "Z25 list of bool": [True, False, False, False, False, True, False],
    "Z25 nothing": np.zeros(7, bool),
    "Z26 Ellipsis": (...,),
    "Z26 slice, Ellipsis": (slice(2, 4), ...),
    "Z26 None": (None, slice(1, 3)),
    "Z29 2-D": np.array([[0, 1], [5, -1]]),
    "Z31 ()": (),
    "Z31 ...": ...,
    "Z31 None": None,
    "Z27 tuple of list": ([1, 2],),
    "Z27 tuple of mask": (np.array([1, 0, 1, 0, 0, 0, 1], bool),),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dropped", [False, True])
def test_Z22_Z33_keys_as_numpy(npk, shape, key, dropped):
    array = numbers(*shape)
    if dropped:
        npk.save({"a": np.concatenate([array[:2], array[:1] - 99, array[2:], array[:2] + 99])})
        npk.drop("a", [2, -1, -2])
        lazy = npk.load("a", lazy=True)
    else:
        lazy = lazy_of(npk, array)
    result = lazy[KEYS[key]]
    assert same(result, np.array(array[KEYS[key]]))
    check_plain(result)


def test_Z22_step_zero(lazy):
    with pytest.raises(ValueError):
        lazy[::0]


@pytest.mark.parametrize("key", [slice(1.5), slice("1", None), slice(None, None, 1.0)])
def test_Z32_slices_of_no_ints(lazy, key):
    with pytest.raises(TypeError, match="slice indices must be integers"):
        lazy[key]


@pytest.mark.parametrize("empty", [[], np.array([]), np.array([], int), ()[:0]])
def test_Z24_empty_list(npk, empty):
    if isinstance(empty, tuple):
        pytest.skip("() selects everything, Z31")
    assert lazy_of(npk, numbers(7, 3))[empty].shape == (0, 3)
    assert lazy_of(npk, numbers(7))[empty].shape == (0,)


@pytest.mark.parametrize("mask", [[True] * 6, np.ones(8, bool)])
def test_Z25_wrong_length(lazy, mask):
    with pytest.raises(IndexOutOfRangeError):
        lazy[mask]
    with pytest.raises(ValueError):
        lazy[mask]


TUPLES = {
    "Z26 ints": (1, 2),
    "Z26 NumPy ints": (np.int32(-1), np.int8(0)),
    "Z26 mixed": (slice(None), 1),
    "Z26 new axis": (slice(None), None, slice(1)),
    "Z27 list first": ([0, 5], slice(1)),
    "Z27 list last": (slice(2, 4), [2, 0]),
    "Z27 mask last": (slice(None), np.array([True, False, True])),
    "Z28 paired": ([0, 1, 2], [2, 1, 0]),
    "Z28 broadcast": (np.array([[0], [1]]), np.array([2, 0])),
    "Z28 ix_": np.ix_([0, 4], [1, 2]),
    "Z28 mask and list": (np.array([1, 0, 1, 0, 0, 0, 0], bool), [0, 2]),
    "Z30 full mask": numbers(7, 3) > 10,
}


@pytest.mark.parametrize("key", TUPLES)
def test_Z26_Z30_as_numpy(lazy, key):
    result = lazy[TUPLES[key]]
    assert same(result, np.array(numbers(7, 3)[TUPLES[key]]))
    check_plain(result)


def test_Z26_too_many(lazy):
    with pytest.raises(IndexError):
        lazy[1, 2, 3]


@pytest.mark.parametrize("key", [1.5, "x", {1}, [1.5], b"x"])
def test_Z32_wrong_keys(lazy, key):
    for kind in (TypeError, IndexError):  # 0.7's, NumPy's
        with pytest.raises(kind):
            lazy[key]
    with pytest.raises(IndexError) as caught:
        lazy[1, 2, 3, 4]
    assert not isinstance(caught.value, TypeError)


@pytest.mark.parametrize("dtype", DTYPES)
def test_Z40_conversion(npk, dtype):
    array = numbers(4, 3, dtype=dtype)
    lazy = lazy_of(npk, array)
    view = np.asarray(lazy)
    assert same(view, array)
    assert not view.flags.writeable
    assert np.shares_memory(view, np.asarray(lazy))
    made = np.array(lazy)
    assert same(made, array)
    check_plain(made)
    assert np.array(lazy, dtype="complex128").dtype == np.complex128
    assert np.asarray(lazy, dtype="complex128").dtype == np.complex128
    assert same(lazy.__array__(), array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_Z41_functions(npk, dtype):
    array = numbers(3, 3, dtype=dtype)
    lazy = lazy_of(npk, array)
    assert np.sum(lazy) == np.sum(array)
    assert np.array_equal(lazy, array)
    assert same(np.concatenate([lazy, lazy]), np.concatenate([array, array]))
    assert same(np.multiply(lazy, array), np.multiply(array, array))
    for result in (array + lazy, lazy + array):
        assert same(result, array + array)
    for result in (array @ lazy, lazy @ array, lazy @ lazy, np.dot(lazy, array)):
        assert same(result, array @ array)
    if np.dtype(dtype).kind == "f":
        assert same(np.sqrt(lazy), np.sqrt(array))


@pytest.mark.parametrize("dtype", DTYPES)
def test_Z42_memoryview(npk, dtype):
    array = numbers(4, 3, dtype=dtype)
    view = memoryview(lazy_of(npk, array))
    assert view.readonly
    assert view.c_contiguous
    assert view.shape == (4, 3)
    assert view.itemsize == array.itemsize
    assert view.tobytes() == array.tobytes()


def test_Z43_a_view_keeps_the_mapping(path):
    array = numbers(100_000, 4)
    with NumPack(path) as npk:
        lazy = lazy_of(npk, array)
        view, memory = np.asarray(lazy), memoryview(lazy)[10:20]
        del lazy
        gc.collect()
    gc.collect()
    assert same(view.copy(), array)
    assert memory.tobytes() == array[10:20].tobytes()


OTHERS = {"int": 2, "float": 1.5, "list": [1, 2, 3], "array": numbers(7, 3) + 1}


@pytest.mark.parametrize("dtype", DTYPES)
def test_Z44_conversion_after_drops(npk, dtype):
    array = numbers(2000, 3, dtype=dtype)
    npk.save({"a": array})
    npk.drop("a", [0, 7, 1999])
    lazy, expected = npk.load("a", lazy=True), np.delete(array, [0, 7, 1999], axis=0)
    assert same(np.asarray(lazy), expected)
    assert same(np.array(lazy), expected)
    assert memoryview(lazy).shape == expected.shape
    assert np.array_equal(np.concatenate([lazy, lazy]), np.concatenate([expected, expected]))


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"])
@pytest.mark.parametrize("other", [*OTHERS, "lazy"])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_Z50_arithmetic(npk, name, other, dtype):
    array = numbers(7, 3, dtype=dtype) + 1
    array = array.astype(dtype)
    lazy = lazy_of(npk, array)
    operation = getattr(operator, name)
    right = lazy if other == "lazy" else OTHERS[other]
    plain = array if other == "lazy" else right
    with np.errstate(all="ignore"):
        assert same(operation(lazy, right), operation(array, plain))
        assert same(
            operation(right, lazy),
            operation(np.asarray(plain) if other == "list" else plain, array),
        )


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_Z51_comparisons(npk, name):
    array = numbers(7, 3)
    lazy = lazy_of(npk, array)
    other = lazy_of(npk, array[::-1], "b")
    operation = getattr(operator, name)
    for left, right, expected in (
        (lazy, 5, operation(array, 5)),
        (lazy, other, operation(array, array[::-1])),
        (lazy, array[::-1], operation(array, array[::-1])),
        (array[::-1], lazy, operation(array[::-1], array)),
    ):
        assert same(np.asarray(operation(left, right)), expected)


def test_Z52_unary(npk):
    array = numbers(7, dtype="int16") - 3
    lazy = lazy_of(npk, array)
    assert same(-lazy, -array)
    assert same(+lazy, +array)
    assert same(~lazy, ~array)
    assert same(abs(lazy), abs(array))
    with pytest.raises(TypeError):
        ~lazy_of(npk, numbers(3))


@pytest.mark.parametrize("name", ["and_", "or_", "xor", "lshift", "rshift"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_Z53_bitwise(npk, name, dtype):
    array = numbers(5, dtype=dtype)
    operation = getattr(operator, name)
    if dtype == "bool" and "shift" in name:
        pytest.skip("bools do not shift")
    lazy = lazy_of(npk, array)
    assert same(operation(lazy, array), operation(array, array))
    assert same(operation(lazy, lazy), operation(array, array))
    assert (operation(1, lazy) == operation(1, array)).all()


@pytest.mark.parametrize("name", ["and_", "or_", "xor", "lshift", "rshift"])
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_Z53_integers_only(npk, name, dtype):
    lazy = lazy_of(npk, numbers(5, dtype=dtype))
    with pytest.raises(TypeError, match="Bitwise operations are only supported for integer arrays"):
        getattr(operator, name)(lazy, 1)
    with pytest.raises(TypeError, match="Bitwise operations are only supported for integer arrays"):
        getattr(operator, name)(1, lazy)


@pytest.mark.parametrize("name", ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow"])
def test_Z54_in_place_rebinds(npk, name):
    array = numbers(5, dtype="int32") + 1
    lazy = lazy_of(npk, array)
    result = getattr(operator, name)(lazy, 2)
    assert same(result, getattr(operator, name[1:])(array, 2))
    check_plain(result)
    assert same(lazy.copy(), array)
    assert same(npk.load("a"), array)


def test_Z55_three_argument_pow(lazy):
    with pytest.raises(TypeError):
        pow(lazy, 2, 3)


@pytest.mark.parametrize(
    "shape", [(2, 12), [4, 6], 24, (-1,), (2, -1, 3), (np.int64(3), 8), (24, 1, 1)], ids=str
)
def test_Z60_reshape(npk, shape):
    lazy = lazy_of(npk, numbers(6, 4))
    result = lazy.reshape(shape)
    assert type(result) is LazyArray
    assert same(result.copy(), numbers(6, 4).reshape(shape))
    assert np.shares_memory(np.asarray(result), np.asarray(lazy))
    assert lazy.shape == (6, 4)
    assert same(result.reshape((3, 8)).copy(), numbers(3, 8))
    assert same(lazy.reshape(2, 12).copy(), numbers(2, 12))
    assert same(lazy.reshape(new_shape=(2, 12)).copy(), numbers(2, 12))


@pytest.mark.parametrize(
    "shape",
    [(5, 5), (-2, 12), (-1, -1), (5, -1), (2.0, 12), ("a",), "ab", None, (0, -1), 25],
    ids=str,
)
def test_Z61_reshape_errors(npk, shape):
    with pytest.raises(ValueError):
        lazy_of(npk, numbers(6, 4)).reshape(shape)


def test_Z61_zero_dimensions(npk):
    assert lazy_of(npk, numbers(0, 4)).reshape((4, 0, 2)).shape == (4, 0, 2)


def test_Z62_reshape_after_drops(npk):
    npk.save({"a": numbers(5, 4)})
    npk.drop("a", 2)
    expected = np.delete(numbers(5, 4), 2, axis=0)
    assert same(npk.load("a", lazy=True).reshape((2, 8)).copy(), expected.reshape(2, 8))


@pytest.mark.parametrize("indices", [[0, 3, 3], (6,), np.array([1, 2]), [], (), range(7), [-1, -7]])
def test_Z63_vectorized_gather(lazy, indices):
    result = lazy.vectorized_gather(indices)
    assert same(result, numbers(7, 3)[list(indices)])
    check_plain(result)


def test_Z63_many_and_wrong(lazy):
    many = list(range(7)) * 10
    assert same(lazy.vectorized_gather(many), numbers(7, 3)[many])
    with pytest.raises(IndexError):
        lazy.vectorized_gather([7])
    for wrong in (3, None, {1}, "1", 1.5):
        with pytest.raises(TypeError):
            lazy.vectorized_gather(wrong)


def test_Z64_mega_batch_get_rows(lazy):
    for size in (0, 1, 100):
        rows = lazy.mega_batch_get_rows([2, 0, 2], size)
        assert [r.tolist() for r in rows] == numbers(7, 3)[[2, 0, 2]].tolist()
    with pytest.raises(IndexError):
        lazy.mega_batch_get_rows([7], 1)
    with pytest.raises((ValueError, TypeError, OverflowError)):
        lazy.mega_batch_get_rows([1], -1)
    with pytest.raises(TypeError):
        lazy.mega_batch_get_rows([1])


MASK_METHODS = [
    "parallel_boolean_index",
    "boolean_index_smart",
    "boolean_index_adaptive",
    "boolean_index_production",
    "boolean_index_adaptive_algorithm",
]


@pytest.mark.parametrize("method", MASK_METHODS)
def test_Z65_Z66_masks(lazy, method):
    select = getattr(lazy, method)
    mask = [True, False, True, False, False, False, True]
    for form in (mask, tuple(mask), np.array(mask)):
        assert same(select(form), numbers(7, 3)[mask])
    assert select([False] * 7).shape == (0, 3)
    assert same(select([True] * 7), numbers(7, 3))
    with pytest.raises(ValueError):
        select([True] * 6)
    with pytest.raises(TypeError):
        select([1, 0, 1, 0, 0, 0, 1])


def test_Z67_choose_optimal_algorithm(lazy):
    choose = lazy.choose_optimal_algorithm
    assert choose([True] + [False] * 99) == "sparse"
    assert choose([False] + [True] * 99) == "dense"
    assert choose([True, False]) == "adaptive"
    assert choose([]) == "adaptive"
    assert choose([True] * 9 + [False]) == "adaptive"
    with pytest.raises(TypeError):
        choose([1, 0])


def test_Z68_warmup(lazy):
    assert lazy.intelligent_warmup("sequential") is None
    for wrong in (None, 3, b"x"):
        with pytest.raises(TypeError):
            lazy.intelligent_warmup(wrong)
    with pytest.raises(TypeError):
        lazy.intelligent_warmup()


@pytest.mark.parametrize("rows", [10, 100_000])
def test_Z70_outlives_store_and_directory(path, rows):
    npk = NumPack(path)
    npk.open()
    lazy = lazy_of(npk, numbers(rows, 3))
    npk.close()
    shutil.rmtree(path)
    assert same(lazy.copy(), numbers(rows, 3))


CHANGES = {
    "append": lambda npk: npk.append({"a": numbers(3, 3)}),
    "drop rows": lambda npk: npk.drop("a", [0, 1]),
    "drop": lambda npk: npk.drop("a"),
    "remove": lambda npk: npk.remove("a"),
    "update": lambda npk: npk.update("a"),
    "reset": lambda npk: npk.reset(),
    "save another shape": lambda npk: npk.save({"a": numbers(2)}),
    "Z72 save": lambda npk: npk.save({"a": npk.load("a") * 0}),
    "Z72 replace": lambda npk: npk.replace({"a": numbers(2, 3) - 9}, [0, 5]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("rows", [10, 50_000])
def test_Z71_Z72_snapshot(npk, change, rows):
    lazy = lazy_of(npk, numbers(rows, 3))
    view = np.asarray(lazy)
    CHANGES[change](npk)
    for _ in range(5):
        npk.save({"filler": numbers(rows, 3) - 1})
    assert lazy.shape == (rows, 3)
    assert same(lazy.copy(), numbers(rows, 3))
    assert same(view.copy(), numbers(rows, 3))


def test_Z73_writable_mode_shows(npk):
    npk.save({"a": numbers(100_000)})
    with npk.writable_batch_mode() as wb:
        view = wb.load("a")
        lazy = npk.load("a", lazy=True)
        view[5] = -1
        assert lazy[5] == -1


def test_Z74_cost(npk):
    npk.save({"a": np.zeros((1000, 1000, 10))})
    start = time.perf_counter()
    npk.load("a", lazy=True)
    assert time.perf_counter() - start < 0.1
