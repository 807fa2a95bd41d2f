"""Memory of large arrays: it is used again, and never while somebody can still see it."""

import gc
import os
import time

import numpy as np
import pytest

from helpers import numbers, run_python, same
from numpack import NumPack, _native

ROWS = 200_000
EXPECTED = numbers(ROWS, 2)  # 3.2 MB of float64


@pytest.fixture
def filled(npk):
    npk.save({"a": EXPECTED, "b": -EXPECTED})
    _native.trim_buffer_pool()
    yield npk
    gc.collect()
    _native.trim_buffer_pool()


def address(array):
    return array.__array_interface__["data"][0]


def hits():
    return _native.buffer_pool_stats()["hits"]


def test_memory_is_used_again(filled):
    first = filled.load("a")
    place, before = address(first), hits()
    del first
    second = filled.load("b")
    assert address(second) == place
    assert hits() == before + 1
    assert same(second, -EXPECTED)


def test_arrays_are_independent(filled):
    first, second = filled.load("a"), filled.load("a")
    assert not np.shares_memory(first, second)
    first[:] = 0
    assert same(second, EXPECTED)
    assert same(filled.load("a"), EXPECTED)


def test_arrays_own_their_memory_like_any_others(filled):
    array = filled.load("a")
    assert array.flags.owndata
    assert array.flags.writeable
    assert array.flags.c_contiguous
    assert address(array) % 4096 == 0
    for size in (2 * ROWS + 1, 5 * ROWS, ROWS, 10):  # within the block, beyond it, down again
        array.resize(size, refcheck=False)
        kept = min(size, 2 * ROWS)
        assert same(array[: min(kept, 10)], EXPECTED.ravel()[: min(kept, 10)])
    view = filled.load("a")[5:]
    with pytest.raises(ValueError):
        view.resize(3)


def test_grown_elements_are_zeros(filled):
    filled.load("a")[:] = 7  # what the block holds when it is used again
    gc.collect()
    array = filled.load("b")
    array.resize(2 * ROWS + 1000, refcheck=False)
    assert not array[2 * ROWS :].any()


VIEWS = {
    "slice": lambda array: array[10:20],
    "transposed": lambda array: array.T,
    "another dtype": lambda array: array.view("u8"),
    "memoryview": memoryview,
    "frombuffer": lambda array: np.frombuffer(array, array.dtype),
    "diagonal": np.diagonal,
    "dlpack": np.from_dlpack,
}


@pytest.mark.parametrize("kind", VIEWS)
def test_no_view_ever_sees_another_array(filled, kind):
    view = VIEWS[kind](filled.load("a"))
    before = bytes(np.asarray(view).tobytes())
    gc.collect()
    others = [filled.load("b") for _ in range(4)]
    for other in others:
        other[:] = -7
    assert bytes(np.asarray(view).tobytes()) == before


def test_random_holding_and_letting_go(filled):
    random = np.random.default_rng(5)
    held = {}
    for step in range(600):
        key = int(random.integers(0, 8))
        if key in held:
            array, value = held.pop(key)
            assert (array == value).all(), step
        else:
            array = filled.load("ab"[step % 2])
            array[...] = step
            view = array[:, 1] if step % 3 else array
            held[key] = (view, step)
    for array, value in held.values():
        assert (array == value).all()


def test_what_a_batch_caches_is_in_use(filled):
    with filled.batch_mode():
        place = address(filled.load("a"))
        others = [filled.getitem("b", slice(None)) for _ in range(3)]
        assert place not in map(address, others)
        filled.load("a")[:] = 5
        filled.save({"a": filled.load("a")})
        for other in others:
            other[:] = 0
        assert (filled.load("a") == 5).all()
    assert (filled.load("a") == 5).all()
    assert same(filled.load("b"), -EXPECTED)


def test_what_lies_idle_is_bounded_and_goes(filled):
    arrays = [filled.load("a") for _ in range(120)]  # 384 MB
    assert _native.buffer_pool_stats()["used_blocks"] >= 120
    del arrays
    gc.collect()
    stats = _native.buffer_pool_stats()
    assert 0 < stats["idle_bytes"] <= 256 << 20
    patience = time.monotonic() + 60
    while _native.buffer_pool_stats()["idle_bytes"] and time.monotonic() < patience:
        time.sleep(0.2)
    assert _native.buffer_pool_stats()["idle_bytes"] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_child_has_memory_of_its_own(filled, path):
    inherited = filled.load("a")
    filled.load("b")  # lies idle at the fork
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with NumPack(path) as own:
                for _ in range(5):
                    array = own.load("b")
                    array *= 2
                status = 0 if same(array, -2 * EXPECTED) and same(inherited, EXPECTED) else 2
        finally:
            os._exit(status)
    filled.load("b")[:] = 3
    assert os.waitpid(child, 0)[1] == 0
    assert same(inherited, EXPECTED)


def test_the_interpreter_ends_with_large_arrays_alive(filled, path):
    code = """
import sys, threading
import numpy as np
from numpack import NumPack

npk = NumPack(sys.argv[1])
npk.open()
held = [npk.load("a") for _ in range(3)]
npk.load("b")  # lies idle at the end

def go_on():
    while True:
        npk.load("b")

threading.Thread(target=go_on, daemon=True).start()

class AtTheVeryEnd:
    def __init__(self, array):
        self.array = array
    def __del__(self):
        self.array[:] = 1

late = AtTheVeryEnd(npk.load("a"))
"""
    done = run_python(code, path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("columns", [1, 3, 40])
@pytest.mark.parametrize("dropped", [False, True])
def test_rows_of_large_arrays(npk, columns, dropped):
    expected = numbers(60_000, columns, dtype="float32")
    npk.save({"a": expected})
    if dropped:
        npk.drop("a", slice(100, 20_000, 7))
        expected = np.delete(expected, slice(100, 20_000, 7), axis=0)
    rows = len(expected)
    lazy = npk.load("a", lazy=True)
    random = np.random.default_rng(columns)
    keys = [
        random.integers(-rows, rows, 30_000),
        random.integers(0, rows, 30_000).astype(np.uint32),
        random.integers(0, rows, 3_000).tolist(),
        random.random(rows) < 0.01,
        random.random(rows) < 0.9,
        (random.random(rows) < 0.5).tolist(),
        slice(10, rows - 5),
        slice(None, None, -3),
        range(5, rows, 11),
    ]
    for key in keys:
        plain = list(key) if isinstance(key, range) else key
        assert same(lazy[key], expected[plain])
        assert same(npk.getitem("a", key), expected[plain])
        with npk.batch_mode():
            npk.save({"pending": expected})
            assert same(npk.getitem("pending", key), expected[plain])
            npk._batch_context.rollback()
    assert lazy[keys[0]].flags.writeable
    for outside in ([rows], [-rows - 1], np.array([0, rows]), [True] * (rows - 1)):
        with pytest.raises(IndexError):
            lazy[outside]
