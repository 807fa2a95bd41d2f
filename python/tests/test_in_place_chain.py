"""numpack.InPlace: what it gives is what NumPy's separate operations give."""

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numpack
from helpers import DTYPES, same
from numpack import InPlace, NumPack, _arithmetic

INTEGERS = [dtype for dtype in DTYPES if np.dtype(dtype).kind in "iu"]
FLOATS = ["float16", "float32", "float64"]


def elements(dtype, shape, seed=0):
    """Random elements that no operation here overflows with."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        return rng.integers(1, 100, shape).astype(dtype)
    result = rng.normal(size=shape).astype(dtype)
    return (result + 1j * rng.normal(size=shape)).astype(dtype) if dtype.kind == "c" else result


def in_place(function, *operands):
    """What NumPy's function does with the array as its output."""
    return lambda a: function(a, *operands, out=a)


# Recorded by InPlace, and done by NumPy.
PAIRS = {
    "add": (lambda c: c.add(3), in_place(np.add, 3)),
    "subtract": (lambda c: c.subtract(2), in_place(np.subtract, 2)),
    "reverse_subtract": (
        lambda c: c.reverse_subtract(2),
        lambda a: np.subtract(a.dtype.type(2), a, out=a),
    ),
    "multiply": (lambda c: c.multiply(3), in_place(np.multiply, 3)),
    "multiply_add": (
        lambda c: c.multiply_add(3, 5),
        lambda a: np.add(np.multiply(a, 3, out=a), 5, out=a),
    ),
    "negative": (lambda c: c.negative(), in_place(np.negative)),
    "square": (lambda c: c.square(), in_place(np.square)),
    "fill": (lambda c: c.fill(7), lambda a: a.fill(7)),
}
REAL = {
    "absolute": (lambda c: c.absolute(), in_place(np.absolute)),
    "floor_divide": (lambda c: c.floor_divide(3), in_place(np.floor_divide, 3)),
    "remainder": (lambda c: c.remainder(3), in_place(np.remainder, 3)),
    "minimum": (lambda c: c.minimum(20), in_place(np.minimum, 20)),
    "maximum": (lambda c: c.maximum(1), in_place(np.maximum, 1)),
    "clip": (lambda c: c.clip(0, 50), in_place(np.clip, 0, 50)),
    "logical_and": (lambda c: c.logical_and(1), lambda a: a.__setitem__(..., np.logical_and(a, 1))),
    "logical_or": (lambda c: c.logical_or(0), lambda a: a.__setitem__(..., np.logical_or(a, 0))),
    "logical_xor": (lambda c: c.logical_xor(1), lambda a: a.__setitem__(..., np.logical_xor(a, 1))),
    "logical_not": (lambda c: c.logical_not(), lambda a: a.__setitem__(..., np.logical_not(a))),
    "replace_less": (lambda c: c.replace_less(30, 1), lambda a: np.copyto(a, 1, where=a < 30)),
    "replace_less_equal": (
        lambda c: c.replace_less_equal(30, 1),
        lambda a: np.copyto(a, 1, where=a <= 30),
    ),
    "replace_greater": (
        lambda c: c.replace_greater(30, 1),
        lambda a: np.copyto(a, 1, where=a > 30),
    ),
    "replace_greater_equal": (
        lambda c: c.replace_greater_equal(30, 1),
        lambda a: np.copyto(a, 1, where=a >= 30),
    ),
    "replace_equal": (lambda c: c.replace_equal(30, 1), lambda a: np.copyto(a, 1, where=a == 30)),
    "replace_not_equal": (
        lambda c: c.replace_not_equal(30, 1),
        lambda a: np.copyto(a, 1, where=a != 30),
    ),
}
INTEGER = {
    "power": (lambda c: c.power(3), in_place(np.power, 3)),
    "bitwise_and": (lambda c: c.bitwise_and(6), in_place(np.bitwise_and, 6)),
    "bitwise_or": (lambda c: c.bitwise_or(6), in_place(np.bitwise_or, 6)),
    "bitwise_xor": (lambda c: c.bitwise_xor(6), in_place(np.bitwise_xor, 6)),
    "invert": (lambda c: c.invert(), in_place(np.invert)),
    "left_shift": (lambda c: c.left_shift(2), in_place(np.left_shift, 2)),
    "right_shift": (lambda c: c.right_shift(2), in_place(np.right_shift, 2)),
}
FLOAT = {
    "divide": (lambda c: c.divide(3), in_place(np.divide, 3)),
    "sqrt": (lambda c: c.absolute().sqrt(), lambda a: np.sqrt(np.absolute(a, out=a), out=a)),
    "reciprocal": (lambda c: c.reciprocal(), in_place(np.reciprocal)),
    "power": (lambda c: c.power(2), in_place(np.square)),
}
# Off by some units in the last place.
NEARLY = {
    "exp": (lambda c: c.exp(), in_place(np.exp)),
    "log": (lambda c: c.absolute().log(), lambda a: np.log(np.absolute(a, out=a), out=a)),
    "tanh": (lambda c: c.tanh(), in_place(np.tanh)),
    "sigmoid": (lambda c: c.sigmoid(), lambda a: a.__setitem__(..., 1 / (1 + np.exp(-a)))),
}
CASES = [
    *((name, dtype) for name in PAIRS for dtype in DTYPES if dtype != "bool"),
    *((name, dtype) for name in REAL for dtype in INTEGERS + FLOATS),
    *((name, dtype) for name in INTEGER for dtype in INTEGERS),
    *((name, dtype) for name in FLOAT for dtype in FLOATS),
]
ALL = {**PAIRS, **REAL, **FLOAT, **INTEGER}


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_operations(name, dtype):
    table = FLOAT if name == "power" and dtype in FLOATS else ALL
    record, numpys = table[name]
    plain, ours = elements(dtype, (41, 7)), elements(dtype, (41, 7))
    assert record(InPlace(ours)).run() is ours
    numpys(plain)
    if name == "square" and np.dtype(dtype).kind == "c":
        # NumPy fuses products of complex numbers on some machines.
        np.testing.assert_allclose(plain, ours, rtol=1e-5)
    else:
        assert same(plain, ours)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NEARLY)
def test_functions(name, dtype):
    record, numpys = NEARLY[name]
    plain, ours = elements(dtype, 1000), elements(dtype, 1000)
    record(InPlace(ours)).run()
    numpys(plain)
    np.testing.assert_array_max_ulp(plain, ours, 8)


def test_bools():
    plain, ours = elements("bool", 100), elements("bool", 100)
    InPlace(ours).add(True).bitwise_and(elements("bool", 100, 1)).logical_not().run()
    plain |= True
    plain &= elements("bool", 100, 1)
    assert same(~plain, ours)


def test_a_fused_product_rounds_once():
    a = np.array([1 + 2.0**-12], np.float32)
    expected = np.float32(np.float64(a[0]) * np.float64(a[0]) - 1)
    InPlace(a).fused_multiply_add(a[0], -1).run()
    assert a[0] == expected


def test_all_operations_have_a_method():
    methods = {
        name for name, _ in inspect.getmembers(InPlace, inspect.isfunction) if name[0] != "_"
    }
    assert methods - {"run", "cast"} == set(_arithmetic.operation_names())
    tested = {*PAIRS, *REAL, *INTEGER, *FLOAT, *NEARLY, "fused_multiply_add"}
    assert tested == set(_arithmetic.operation_names())


def test_a_chain_is_one_after_another():
    ours = elements("float32", (300, 500))
    plain = ours.copy()
    row, other = elements("float32", 500, 1), elements("float32", (300, 500), 2)
    chain = InPlace(ours, threads=2).multiply(1.1).add(row).multiply(other).clip(0, 1)
    assert chain.run() is ours
    for _ in range(2):
        plain *= np.float32(1.1)
        plain += row
        plain *= other
        np.clip(plain, 0, 1, out=plain)
        assert same(plain, ours)
        chain.run()  # again


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "complex128"])
@pytest.mark.parametrize(
    "part",
    [
        lambda a: a,
        lambda a: a[3:30],
        lambda a: a[:, 5:39],
        lambda a: a[:, ::3],
        lambda a: a[::-1],
        lambda a: a.T,
        lambda a: a[7],
        lambda a: a[:0],
        lambda a: a[:, :, None],
        lambda a: a.reshape(4, 10, 40)[:, 1:, 10:],
        lambda a: a[3, 4:5].reshape(()),
    ],
)
def test_any_layout(dtype, part):
    base = elements(dtype, (40, 40))
    plain, ours = base.copy(), base.copy()
    target = part(plain)
    others = [
        elements(dtype, target.shape, 1),
        elements(dtype, target.shape[-1:], 2),
        elements(dtype, (*target.shape[:1], *[1] * (target.ndim - 1)), 3),
        elements(dtype, target.shape[::-1], 4).T,
    ]
    chain = InPlace(part(ours)).multiply(2)
    target *= np.asarray(2, dtype)
    for other in others:
        chain.add(other)
        target += other
    assert chain.run() is not None
    assert same(plain, ours)


def test_operands_that_share_memory():
    ours = np.arange(100.0)
    plain = ours.copy()
    InPlace(ours[1:]).add(ours[:-1]).run()
    plain[1:] += plain[:-1]
    assert same(plain, ours)
    InPlace(ours).multiply(ours).run()
    plain *= plain
    assert same(plain, ours)


def test_casts():
    a = np.array([1.5, -2.5, 3e10, np.nan], np.float32)
    with np.errstate(invalid="ignore"):
        result = InPlace(a).cast("int32").add(1).run()
    assert result.dtype == np.int32
    assert result.tolist() == [2, -1, -(2**31), 1]  # the largest number wraps around
    assert np.shares_memory(result, a)
    strided = np.arange(10, dtype=np.int64)[::2]
    result = InPlace(strided).cast("float64").multiply(0.5).run()
    assert result.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="not of the same size"):
        InPlace(a).cast("float64")
    with pytest.raises(ValueError, match="cannot be cast"):
        InPlace(elements("complex64", 3)).cast("int64").run()


@pytest.mark.parametrize(
    ("dtype", "record", "error", "words"),
    [
        ("int32", lambda c: c.add(1.5), TypeError, "integer"),
        ("int8", lambda c: c.add(128), OverflowError, "add: 128 does not fit into int8"),
        ("uint8", lambda c: c.add(-1), OverflowError, "does not fit"),
        ("bool", lambda c: c.add(1), TypeError, "needs a bool"),
        ("float32", lambda c: c.add(1j), TypeError, "no real number"),
        ("float32", lambda c: c.add("1"), TypeError, "needs a number or an array, not '1'"),
        ("float32", lambda c: c.add(np.ones(20)), TypeError, "same dtype, not float64"),
        ("float32", lambda c: c.add(np.ones(7, "f4")), ValueError, "broadcast"),
        ("float32", lambda c: c.add(np.ones((2, 20), "f4")), ValueError, "broadcast"),
        ("float32", lambda c: c.power(1.5).run(), ValueError, "whole exponent"),
        ("int32", lambda c: c.power(-1).run(), ValueError, "negative powers"),
        ("int32", lambda c: c.divide(2).run(), ValueError, "no in-place divide of int32"),
        ("complex64", lambda c: c.absolute().run(), ValueError, "no in-place absolute"),
        ("float32", lambda c: c.multiply(2).invert().run(), ValueError, "no in-place invert"),
    ],
)
def test_mistakes_change_nothing(dtype, record, error, words):
    array = elements(dtype, 20)
    before = array.copy()
    with pytest.raises(error, match=words):
        record(InPlace(array))
    assert same(before, array)


def test_arrays_that_cannot_be_updated():
    read_only = np.ones(5)
    read_only.flags.writeable = False
    for array, error in (
        ([1, 2], TypeError),
        (read_only, ValueError),
        (np.ones(5, ">f8"), ValueError),
    ):
        with pytest.raises(error):
            InPlace(array)
    with pytest.raises(ValueError, match="dtype that stores know"):
        InPlace(np.array(["a"])).fill(0).run()


def test_floating_point_errors():
    def run(**state):
        calls = []
        with np.errstate(**state, call=lambda *call: calls.append(call)):
            InPlace(np.array([1.0, 0.0])).divide(0).multiply(1e300).run()
        return calls

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(all="warn")
    assert [str(w.message) for w in caught] == [
        "divide by zero encountered in InPlace.run",
        "invalid value encountered in InPlace.run",
    ]
    assert all(w.filename == __file__ for w in caught)
    with pytest.raises(FloatingPointError, match="divide by zero encountered in InPlace"):
        run(all="raise")
    assert run(all="ignore") == []
    assert run(all="call") == [("divide by zero", 1), ("invalid value", 8)]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(INTEGERS + FLOATS),
    st.lists(st.integers(0, 9), min_size=0, max_size=3),
    st.lists(st.sampled_from(["number", "array", "row", "square", "clip"]), max_size=5),
)
def test_any_chain(dtype, shape, steps):
    plain, ours = elements(dtype, shape), elements(dtype, shape)
    chain = InPlace(ours)
    with np.errstate(all="ignore"):
        for i, step in enumerate(steps):
            if step == "square":
                chain.square()
                np.square(plain, out=plain)
            elif step == "clip":
                chain.clip(1, 90)
                np.clip(plain, plain.dtype.type(1), plain.dtype.type(90), out=plain)
            else:
                other = elements(dtype, {"number": (), "array": shape, "row": shape[-1:]}[step], i)
                chain.multiply(other)
                np.multiply(plain, other, out=plain)
        chain.run()
    assert same(plain, ours)


def test_arrays_of_stores(tmp_path):
    with NumPack(tmp_path / "store") as npk:
        npk.save({"a": np.ones((1000, 100), np.float32)})
        with npk.writable_batch_mode() as wb:
            InPlace(wb.load("a")).multiply(3).add(1).run()
        assert (npk.load("a") == 4).all()


class TestThreads:
    @pytest.fixture(autouse=True)
    def same_number_afterwards(self):
        before = numpack.get_threads()
        yield
        numpack.set_threads(before)

    def test_number(self):
        numpack.set_threads(3)
        assert numpack.get_threads() == 3
        numpack.set_threads(0)
        assert numpack.get_threads() >= 1
        for wrong in (-1, "2", 1.5):
            with pytest.raises((ValueError, TypeError)):
                numpack.set_threads(wrong)

    @pytest.mark.parametrize("threads", [1, 2, 5])
    def test_results_do_not_depend_on_it(self, threads):
        numpack.set_threads(threads)
        array = np.arange(1 << 20, dtype=np.int64)
        InPlace(array).multiply(3).add(7).run()
        assert same(array, np.arange(1 << 20, dtype=np.int64) * 3 + 7)
