"""accelerate_numpy(): ufuncs run kernels where they update an array, with NumPy's results."""

import warnings

import numpy as np
import pytest

import numpack
from helpers import same
from numpack import _arithmetic

UFUNCS = [np.add, np.subtract, np.multiply, np.divide]
DTYPES = ["float32", "float64"]
SPECIAL = [0.0, -0.0, 1.5, -2.25, np.inf, -np.inf, np.nan, 1e-40, 3e38]


@pytest.fixture
def accelerated():
    _arithmetic.set_min_bytes(64)
    numpack.accelerate_numpy()
    yield
    numpack.accelerate_numpy(False)
    _arithmetic.set_min_bytes(64 << 10)


def numbers(dtype, shape, seed=0):
    with np.errstate(invalid="ignore"):
        return np.random.default_rng(seed).choice(SPECIAL, shape).astype(dtype)


def kernels(work):
    before = _arithmetic.ufunc_loop_count()
    with np.errstate(all="ignore"):
        work()
    return _arithmetic.ufunc_loop_count() - before


def results(ufunc, dtype):
    """What a program sees of many calls."""
    seen = []
    for right in (
        dtype(1.5),
        2.0,
        3,
        numbers(dtype, (40, 30), 1),
        numbers(dtype, 30, 2),
        numbers(dtype, (40, 1), 3),
        numbers(dtype, (40, 60), 4)[:, ::2],
        numbers(dtype, (30, 40), 5).T,
        numbers("int16", (40, 30), 6),
    ):
        array = numbers(dtype, (40, 30))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ufunc(array, right, out=array)
            part = array[::2, 3:]
            ufunc(part, dtype(3), out=part)
            ufunc(array[1:], array[:-1], out=array[1:])
            ufunc(array, array, out=array)
            seen += [array.copy(), ufunc(array, right), ufunc.outer(array[0], array[1])]
        seen.append([str(w.message) for w in caught])
    array = numbers(dtype, 1000)
    with np.errstate(all="ignore"):
        seen += [ufunc.accumulate(array), ufunc.reduce(array[:3]), ufunc.reduceat(array, [0, 5, 9])]
        ufunc.at(array, [1, 1, 2], dtype(2))
        seen.append(array.copy())
    with pytest.raises(FloatingPointError), np.errstate(all="raise"):
        ufunc(array, array[::-1], out=array)
    return seen


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ufunc", UFUNCS)
def test_results_are_numpys(ufunc, dtype, accelerated):
    ours = results(ufunc, dtype)
    numpack.accelerate_numpy(False)
    plain = results(ufunc, dtype)
    for a, b in zip(ours, plain, strict=True):
        if isinstance(a, np.ndarray):
            # When two NaNs meet, either may survive.
            assert same(np.where(np.isnan(a), 0, a), np.where(np.isnan(b), 0, b))
            assert same(np.isnan(a), np.isnan(b))
        else:
            np.testing.assert_equal(a, b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ufunc", UFUNCS)
def test_kernels_run(ufunc, dtype, accelerated):
    array = np.ones((50, 50), dtype)
    other = np.ones((50, 50), dtype)

    def work():
        nonlocal array
        ufunc(array, 2, out=array)
        ufunc(array, other, out=array)
        array += 1  # the same ufunc, behind an operator

    assert kernels(work) == 3
    assert kernels(lambda: ufunc(array, 2)) == 0  # a new array


def test_small_arrays_and_other_dtypes_are_left_alone(accelerated):
    _arithmetic.set_min_bytes(64 << 10)
    small, integers = np.ones(100), np.ones(1 << 20, np.int32)
    assert kernels(lambda: np.multiply(small, 2, out=small)) == 0
    assert kernels(lambda: np.multiply(integers, 2, out=integers)) == 0


def test_it_is_switched_on_and_off():
    array = np.ones(1 << 20)

    def work():
        np.multiply(array, 2, out=array)

    assert kernels(work) == 0
    for _ in range(2):  # twice is as good as once
        numpack.accelerate_numpy()
    assert kernels(work) == 1
    for _ in range(2):
        numpack.accelerate_numpy(False)
    assert kernels(work) == 0
    assert array[0] == 8
