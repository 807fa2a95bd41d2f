"""Large arrays of a store run kernels in their in-place operators, and are ndarrays otherwise."""

import copy
import io
import operator
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import DTYPES, same
from numpack import NumPack, _arithmetic

InPlaceArray = _arithmetic.InPlaceArray
LARGE = 64 << 10  # bytes


def test_the_class_is_where_its_name_says():
    assert (
        f"{InPlaceArray.__module__}.{InPlaceArray.__qualname__}"
        == "numpack._arithmetic.InPlaceArray"
    )


OPERATORS = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "&=": operator.iand,
    "|=": operator.ior,
    "^=": operator.ixor,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
}
NUMBERS = [
    *(0, 1, 2, 3, -1, 7, 127, 128, 255, 256, -32768, -40000, 65535, 65536, 2**24, 2**24 + 1),
    *(2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), 10**400),
    *(True, False, 0.0, -0.0, 0.5, 1.1, 2.0, 1e-45, 1e-300, 1e38, 3.39e38, 3.4e38, 3.4028235e38),
    *(1e300, float("inf"), float("nan"), 1j, 2 + 3j, np.float16(1.5), np.float32(1.1)),
    *(np.float64(1.1), np.float64(1e300), np.int8(-1), np.uint8(7), np.int32(5), np.int64(5)),
    *(np.uint64(5), np.bool_(True), np.longdouble(1.5), "text", None, [1, 2]),
    np.datetime64("2020-01-01"),
]
SPECIAL_FLOATS = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 1e-40, 1.2e-38, 1e38, -3.4e38]
ERROR_STATES = [
    {"all": "warn"},
    {"all": "ignore"},
    {"all": "raise"},
    {"over": "raise", "under": "warn", "divide": "ignore", "invalid": "warn"},
    {"all": "call"},
]


@pytest.fixture
def any_size():
    """Arrays of any size are of the class, so that tests need not be large."""
    _arithmetic.set_min_bytes(1)
    yield
    _arithmetic.set_min_bytes(LARGE)


def of_the_class(array):
    """A copy of the class."""
    ours = array.copy(order="K")
    _arithmetic.make_in_place_array(ours)
    assert type(ours) is InPlaceArray
    return ours


def values(dtype, shape, seed=0):
    """Random elements, special ones among them."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    size = int(np.prod(shape))
    if dtype.kind == "b":
        result = rng.integers(0, 2, size).astype(dtype)
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        result = rng.integers(
            limits.min, limits.max, size, dtype=dtype.newbyteorder("="), endpoint=True
        )
        result[: min(size, 3)] = [limits.min, limits.max, 0][: min(size, 3)]
    else:
        with np.errstate(all="ignore"):
            special = rng.choice(SPECIAL_FLOATS, size)
            result = np.where(rng.random(size) < 0.5, special, rng.normal(size=size)).astype(dtype)
            if dtype.kind == "c":
                result = result + (1j * rng.normal(size=size)).astype(dtype)
    return result.astype(dtype).reshape(shape)


def observe(symbol, left, right, **error_state):
    """All that a program could see of `left symbol right`, but for the elements of `left`."""
    calls = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with np.errstate(call=lambda *call: calls.append(call), **error_state):
            try:
                result = OPERATORS[symbol](left, right)
                outcome = (
                    "itself" if result is left else (type(result), np.asarray(result).tobytes())
                )
            except Exception as error:
                outcome = (type(error), str(error))
    return outcome, [(w.category, str(w.message), w.lineno) for w in caught], calls


def assert_like_numpy(symbol, base, right, part=lambda array: array, **error_state):
    """`part(array) symbol right` does the same to a plain ndarray and to one of the class."""
    plain, ours = base.copy(order="K"), of_the_class(base)
    # The operand may be made from the array itself.
    rights = [right(part(array)) if callable(right) else right for array in (plain, ours)]
    seen = [
        observe(symbol, part(array), operand, **error_state)
        for array, operand in zip((plain, ours), rights, strict=True)
    ]
    context = (symbol, base.dtype, base.shape, repr(rights[0])[:80], error_state)
    assert seen[0] == seen[1], context
    # Where NumPy gives up in the middle, how far it got depends on where the array lies.
    gave_up = isinstance(seen[0][0], tuple) and seen[0][0][0] is ValueError and symbol == "**="
    assert gave_up or same(plain, np.asarray(ours)), context


@pytest.mark.usefixtures("any_size")
class TestLikeNumpy:
    @pytest.mark.parametrize("dtype", [*DTYPES, ">f4", "longdouble"])
    @pytest.mark.parametrize("symbol", OPERATORS)
    def test_numbers(self, symbol, dtype):
        base = values(dtype, 37)
        for number in NUMBERS:
            assert_like_numpy(symbol, base, number, all="warn")

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("symbol", OPERATORS)
    def test_arrays(self, symbol, dtype):
        base = values(dtype, (9, 33), 1)
        for right in (
            values(dtype, (9, 33), 2),
            values(dtype, 33, 3),  # a row
            values(dtype, (9, 1), 4),  # a column
            values(dtype, 1, 5),
            values(dtype, (), 6),
            values("float64", 33, 7),  # perhaps not to be cast
            values("int8", (9, 33), 8),
            np.asfortranarray(values(dtype, (9, 33), 9)),
            values(dtype, (9, 66), 10)[:, ::2],
            values(dtype, (2, 9, 33), 11),  # cannot be broadcast
        ):
            assert_like_numpy(symbol, base, right, all="warn")

    @pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "bool"])
    @pytest.mark.parametrize("symbol", OPERATORS)
    def test_parts_of_arrays(self, symbol, dtype):
        base = values(dtype, (40, 400), 1)
        for part in (
            lambda a: a[3:30],
            lambda a: a[:, 5:390],
            lambda a: a[::2, 5:390],
            lambda a: a[:, ::3],
            lambda a: a[::-1],
            lambda a: a.T,
            lambda a: a.T[2:],
            lambda a: a[7],
            lambda a: a[:0],
            lambda a: a.reshape(4, 10, 400)[:, 1:, 10:],
        ):
            assert_like_numpy(symbol, base, 3, part, all="ignore")
            assert_like_numpy(symbol, base, lambda a: values(dtype, a.shape, 2), part, all="ignore")
            assert_like_numpy(
                symbol, base, lambda a: values(dtype, a.shape[-1:], 3), part, all="ignore"
            )

    @pytest.mark.parametrize("symbol", OPERATORS)
    def test_operands_that_share_memory(self, symbol):
        base = values("int64", (50, 50), 1)
        for right in (
            lambda a: a,
            lambda a: a[:],
            lambda a: a.T,
            lambda a: a[::-1],
            lambda a: a[0],
            lambda a: a[:, :1],
            lambda a: a.view("uint64"),
        ):
            assert_like_numpy(symbol, base, right, all="ignore")
        assert_like_numpy(symbol, base.ravel(), lambda a: a[:-1], lambda a: a[1:], all="ignore")

    @pytest.mark.parametrize("error_state", ERROR_STATES, ids=str)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("symbol", ["+=", "-=", "*=", "/=", "//=", "%=", "**="])
    def test_floating_point_errors(self, symbol, dtype, error_state):
        for seed, right in enumerate(
            [0, 0.0, 2, 1e30, 1e-30, float("inf"), np.float32(3e38), values(dtype, 90, 1)]
        ):
            assert_like_numpy(symbol, values(dtype, 90, seed), right, **error_state)

    def test_forbidden_casts_and_read_only_arrays(self):
        assert_like_numpy("+=", values("int32", 50), 1.5)
        assert_like_numpy("/=", values("int32", 50), 2)
        assert_like_numpy("+=", values("float32", 50), np.zeros(50))

        def read_only(array):
            view = array[:]
            view.flags.writeable = False
            return view

        assert_like_numpy("+=", values("float32", 50), 1, read_only)

    def test_other_classes_may_take_over(self):
        class Legacy:
            __array_priority__ = 1000.0

            def __radd__(self, other):
                return "radd"

        class Refuses:
            __array_ufunc__ = None

            def __radd__(self, other):
                return "radd"

        class TakesOver:
            def __array_ufunc__(self, *arguments, **keywords):
                return "ufunc"

        class Derived(np.ndarray):
            pass

        for other in (Legacy(), Refuses(), TakesOver(), np.ones(5).view(Derived)):
            assert_like_numpy("+=", np.ones(5), other)
            plain, ours = np.ones(5) + other, of_the_class(np.ones(5)) + other
            assert type(plain) is type(ours)

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(list(OPERATORS)),
        st.sampled_from(DTYPES),
        st.lists(st.integers(1, 12), min_size=1, max_size=4),
        st.data(),
    )
    def test_anything(self, symbol, dtype, shape, data):
        base = values(dtype, shape, data.draw(st.integers(0, 99)))
        kind = data.draw(st.sampled_from(["number", "same", "row", "column", "other dtype"]))
        if kind == "number":
            right = data.draw(st.one_of(st.integers(-300, 300), st.floats(width=32)))
        elif kind == "same":
            right = values(dtype, shape, 1)
        elif kind == "row":
            right = values(dtype, shape[-1:], 1)
        elif kind == "column":
            right = values(dtype, [*shape[:-1], 1], 1)
        else:
            right = values(data.draw(st.sampled_from(DTYPES)), shape, 1)
        assert_like_numpy(symbol, base, right, all="ignore")


class TestPath:
    """Which operators ran a kernel."""

    def ran(self, work):
        before = _arithmetic.in_place_count()
        work()
        return _arithmetic.in_place_count() - before

    @pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
    def test_large_arrays_run_kernels(self, dtype):
        array = of_the_class(np.ones((400, 400), dtype))
        other = np.ones((400, 400), dtype)

        def work():
            nonlocal array
            array += 1
            array -= other
            array *= other[0]
            array += other[:, :1]
            part = array[:, 8:300]
            part *= 2

        assert self.ran(work) == 5

    @pytest.mark.parametrize(
        ("symbol", "dtypes"),
        [
            ("+=", DTYPES),
            ("-=", [dtype for dtype in DTYPES if dtype != "bool"]),
            ("*=", ["bool", "int8", "uint16", "int32", "uint64", "float32", "float64"]),
            ("/=", ["float32", "float64"]),
            ("//=", ["int8", "uint16", "int32", "uint64", "float32", "float64"]),
            ("%=", ["int8", "uint16", "int32", "uint64", "float32", "float64"]),
            ("**=", ["int8", "uint16", "int32", "uint64", "float32", "float64"]),
            ("&=", ["bool", "int8", "uint16", "int32", "uint64"]),
            ("|=", ["bool", "int8", "uint16", "int32", "uint64"]),
            ("^=", ["bool", "int8", "uint16", "int32", "uint64"]),
            ("<<=", ["int8", "uint16", "int32", "uint64"]),
            (">>=", ["int8", "uint16", "int32", "uint64"]),
        ],
    )
    def test_all_operators_do(self, symbol, dtypes):
        for dtype in dtypes:
            array = of_the_class(np.ones(LARGE, dtype))
            number = True if dtype == "bool" else 2
            expected = 0 if dtype == "float16" else 1  # float16 is NumPy's
            assert self.ran(lambda: OPERATORS[symbol](array, number)) == expected, dtype  # noqa: B023

    def test_what_numpy_fuses_or_has_from_the_c_library_is_left_to_it(self):
        complex_numbers = of_the_class(np.ones(LARGE, np.complex64))
        floats = of_the_class(np.ones(LARGE, np.float32))
        assert self.ran(lambda: operator.imul(complex_numbers, 2)) == 0
        assert self.ran(lambda: operator.itruediv(complex_numbers, complex_numbers)) == 0
        assert self.ran(lambda: operator.ipow(floats, 3)) == 0
        assert self.ran(lambda: operator.ipow(floats, 2.0)) == 0

    def test_small_arrays_do_not(self):
        array = of_the_class(np.ones(LARGE // 8))
        assert self.ran(lambda: operator.iadd(array[:-1], 1)) == 0
        assert self.ran(lambda: operator.iadd(array, 1)) == 1

    def test_what_numpy_does_differently_is_left_to_it(self):
        array = of_the_class(np.ones(LARGE // 4, np.float32))
        for number in (3.4e38, 1e-40, 2**24 + 1, np.float64(2)):
            with np.errstate(all="ignore"):
                assert self.ran(lambda number=number: operator.imul(array, number)) == 0

    def test_the_instruction_set_has_a_name(self):
        assert _arithmetic.simd_target() in {
            *("AVX3_SPR", "AVX3_ZEN4", "AVX3_DL", "AVX3", "AVX2", "SSE4", "SSSE3", "SSE2"),
            *(
                "NEON",
                "NEON_WITHOUT_AES",
                "NEON_BF16",
                "SVE",
                "SVE2",
                "SVE_256",
                "SVE2_128",
                "EMU128",
            ),
        }


class TestClasses:
    @pytest.fixture
    def array(self):
        return of_the_class(np.ones((200, 200)) + np.eye(200))

    def test_new_memory_is_plain(self, array):
        buffer = io.BytesIO()
        np.save(buffer, array)
        buffer.seek(0)
        new = {
            "sum": array + 1,
            "reflected": 1 + array,
            "product": array @ array,
            "negative": -array,
            "comparison": array < 2,
            "copy": array.copy(),
            "copy.copy": copy.copy(array),
            "deepcopy": copy.deepcopy(array),
            "np.array": np.array(array),
            "np.array with subok": np.array(array, subok=True),
            "astype": array.astype("f4"),
            "ufunc": np.sin(array),
            "where": np.where(array > 1, array, 0),
            "indexes": array[np.arange(150)],
            "mask": array[array > 0],
            "flatten": array.flatten(),
            "reduction": array.sum(axis=0),
            "concatenate": np.concatenate([array, array]),
            "zeros_like": np.zeros_like(array),
            "linalg": np.linalg.inv(array),
            "einsum": np.einsum("ij,jk", array, array),
            "asarray": np.asarray(array),
            "pickle 2": pickle.loads(pickle.dumps(array, 2)),
            "pickle 5": pickle.loads(pickle.dumps(array, 5)),
            "np.save": np.load(buffer),
            "small view": array[:2, :2],
            "row": array[3],
        }
        assert {name: type(a) for name, a in new.items()} == dict.fromkeys(new, np.ndarray)
        assert same(new["pickle 5"], np.asarray(array))

    def test_large_views_keep_the_class(self, array):
        views = {
            "all": array[:],
            "rows": array[3:190],
            "columns": array[:, 5:],
            "transposed": array.T,
            "reshaped": array.reshape(100, 400),
            "ravel": array.ravel(),
            "squeeze": array[None].squeeze(),
            "asanyarray": np.asanyarray(array),
        }
        assert {name: type(a) for name, a in views.items()} == dict.fromkeys(views, InPlaceArray)

    def test_scalars_are_scalars(self, array):
        for scalar in (
            array.sum(),
            array[1, 1],
            array.max(),
            array.mean(),
            np.add.reduce(array, None),
        ):
            assert isinstance(scalar, np.float64)

    def test_outputs(self, array):
        out = np.empty_like(array)
        assert np.add(array, 1, out=out) is out
        assert np.add(out, 1, out=array) is array
        assert type(array) is InPlaceArray

    def test_it_is_an_ndarray(self, array):
        assert isinstance(array, np.ndarray)
        assert not hasattr(array, "__dict__")
        assert type(array.view(np.matrix)) is np.matrix
        assert memoryview(array).shape == (200, 200)

    def test_a_name_stays_bound_to_the_same_object(self, array):
        name = array
        name *= 2
        assert name is array


class TestStores:
    @pytest.fixture
    def npk(self, tmp_path):
        with NumPack(tmp_path / "store") as npk:
            npk.save({"large": np.ones(LARGE, np.uint8), "small": np.ones(LARGE - 1, np.uint8)})
            yield npk

    def test_load(self, npk):
        assert type(npk.load("large")) is InPlaceArray
        assert type(npk.load("small")) is np.ndarray

    def test_batch_mode(self, npk):
        with npk.batch_mode():
            array = npk.load("large")
            assert type(array) is InPlaceArray
            array += 1
            npk.save({"large": array})
            assert npk.load("large") is array
            mine = np.zeros(LARGE)
            npk.save({"mine": mine})
            assert npk.load("mine") is mine
            assert type(mine) is np.ndarray  # a class that its owner did not ask for
        assert npk.load("large")[0] == 2

    def test_writable_batch_mode(self, npk):
        with npk.writable_batch_mode() as wb:
            array = wb.load("large")
            assert type(array) is InPlaceArray
            array *= 3
            part = array[1000:]
            part -= 1
        with pytest.raises(ValueError, match="read-only"):
            array += 1
        assert npk.load("large")[[0, -1]].tolist() == [3, 2]
