"""Row indexes of getitem, replace and drop: rows I."""

import numpy as np
import pytest

from helpers import numbers, same
from numpack import IndexOutOfRangeError

ROWS = numbers(7, 2)


class Indexed:
    """Anything with __index__."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


FORMS = {
    "I1 int": (3, [3]),
    "I1 negative int": (-2, [5]),
    "I2 NumPy integer": (np.int16(2), [2]),
    "I2 unsigned": (np.uint8(6), [6]),
    "I2 0-d array": (np.array(4), [4]),
    "I2 __index__": (Indexed(-7), [0]),
    "I3 list": ([1, 2, 5], [1, 2, 5]),
    "I3 list of NumPy integers": ([np.int32(1), np.uint64(2)], [1, 2]),
    "I3 descending": ([5, 3, -7], [5, 3, 0]),
    "I4 int64": (np.array([0, -1]), [0, 6]),
    "I4 int8": (np.array([0, -1], np.int8), [0, 6]),
    "I4 uint64": (np.array([6, 1], np.uint64), [6, 1]),
    "I4 strided": (np.arange(6)[::-2], [5, 3, 1]),
    "I4 big-endian": (np.array([1, 4], ">i4"), [1, 4]),
    "I5 tuple": ((4, -1), [4, 6]),
    "I6 range": (range(1, 6, 2), [1, 3, 5]),
    "I6 range down": (range(5, 2, -1), [5, 4, 3]),
    "I7 slice": (slice(2, 5), [2, 3, 4]),
    "I7 all": (slice(None), list(range(7))),
    "I7 open stop": (slice(1, None), [1, 2, 3, 4, 5, 6]),
    "I7 negative": (slice(-2, None), [5, 6]),
    "I7 far below zero": (slice(-100, 2), [0, 1]),
    "I7 beyond": (slice(5, 100), [5, 6]),
    "I7 nothing": (slice(10, 20), []),
    "I8 step 2": (slice(None, None, 2), [0, 2, 4, 6]),
    "I8 step -1": (slice(None, None, -1), [6, 5, 4, 3, 2, 1, 0]),
    "I8 step -3": (slice(5, 0, -3), [5, 2]),
    "I9 mask": (np.array([1, 0, 0, 1, 0, 0, 1], bool), [0, 3, 6]),
    "I9 list of bool": ([True, False, False, False, False, True, False], [0, 5]),
    "I9 list of NumPy bools": ([np.bool_(i == 2) for i in range(7)], [2]),
    "I9 nothing selected": (np.zeros(7, bool), []),
    "I10 empty list": ([], []),
    "I10 empty tuple": ((), []),
    "I10 empty int array": (np.array([], int), []),
    "I10 empty array": (np.array([]), []),
    "I10 empty range": (range(0), []),
}


@pytest.fixture(params=["normal", "batch", "batch, saved there"])
def rows(npk, request):
    """The handle with ROWS stored as "a", in normal mode or in a batch."""
    if request.param == "batch, saved there":
        npk.save({"a": numbers(2)})
    else:
        npk.save({"a": ROWS})
    if request.param != "normal":
        npk.batch_mode().__enter__()
    if request.param == "batch, saved there":
        npk.save({"a": ROWS})
    return npk


@pytest.mark.parametrize("form", FORMS)
def test_I_getitem(rows, form):
    index, expected = FORMS[form]
    got = rows.getitem("a", index)
    assert same(got, ROWS[expected])
    assert got.flags.writeable


@pytest.mark.parametrize("form", FORMS)
def test_I_replace(rows, form):
    index, selected = FORMS[form]
    values = -1 - numbers(len(selected), 2)
    expected = ROWS.copy()
    expected[selected] = values
    rows.replace({"a": values}, index)
    assert same(rows.load("a"), expected)


@pytest.mark.parametrize("form", FORMS)
def test_I_drop(rows, form):
    index, selected = FORMS[form]
    rows.drop("a", index)
    assert same(rows.load("a"), np.delete(ROWS, selected, axis=0))


def test_I8_step_zero(rows):
    for call in (
        lambda: rows.getitem("a", slice(None, None, 0)),
        lambda: rows.replace({"a": ROWS}, slice(None, None, 0)),
        lambda: rows.drop("a", slice(None, None, 0)),
    ):
        with pytest.raises(ValueError):
            call()


@pytest.mark.parametrize("mask", [[True] * 6, [True] * 8, np.ones(0, bool), np.ones(3, bool)])
def test_I9_mask_of_another_length(rows, mask):
    for call in (
        lambda: rows.getitem("a", mask),
        lambda: rows.replace({"a": ROWS}, mask),
        lambda: rows.drop("a", mask),
    ):
        with pytest.raises(IndexOutOfRangeError):
            call()
    assert same(rows.load("a"), ROWS)


def test_I11_duplicates(rows):
    assert same(rows.getitem("a", [1, 1, -6]), ROWS[[1, 1, 1]])
    rows.replace({"a": np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])}, [4, 0, 4])
    assert rows.load("a")[[4, 0]].tolist() == [[3, 3], [2, 2]]
    rows.drop("a", [1, 1, -6, 2])
    assert len(rows.load("a")) == 5


@pytest.mark.parametrize("index", [7, -8, 10**30, -(10**30), [0, 7], np.array([2**63], np.uint64)])
def test_I12_out_of_range(rows, index):
    count = 1 if isinstance(index, int) else len(index)
    with pytest.raises(IndexOutOfRangeError):
        rows.getitem("a", index)
    with pytest.raises(IndexOutOfRangeError):
        rows.replace({"a": np.zeros((count, 2))}, index)
    assert same(rows.load("a"), ROWS)


@pytest.mark.parametrize("index", [7, -8, [100], [-100, 7], 10**30, np.array([2**63], np.uint64)])
def test_I12_drop_ignores_what_is_outside(rows, index):
    rows.drop("a", index)
    assert same(rows.load("a"), ROWS)


NOT_CONTAINERS = {
    "float": 1.5,
    "str": "1",
    "None": None,
    "set": {1},
    "Ellipsis": ...,
    "object": object(),
}


@pytest.mark.parametrize("kind", NOT_CONTAINERS)
def test_I13_no_index_at_all(rows, kind):
    index = NOT_CONTAINERS[kind]
    with pytest.raises(TypeError):
        rows.getitem("a", index)
    text = "The indexes must be int or list or numpy.ndarray or slice"
    with pytest.raises(ValueError, match=text):
        rows.replace({"a": ROWS[:1]}, index)
    if index is not None:  # None drops all
        text = r"The indexes must be int, list, tuple, numpy.ndarray or slice\."
        with pytest.raises(ValueError, match=text):
            rows.drop("a", index)
    assert same(rows.load("a"), ROWS)


@pytest.mark.parametrize(
    "index",
    [[1.0], ["1"], [1, None], np.array([1.0]), np.array([[1]]), np.array(["1"]), [[1]], [1, 2.5]],
    ids=str,
)
def test_I13_wrong_items(rows, index):
    for call in (
        lambda: rows.getitem("a", index),
        lambda: rows.replace({"a": ROWS[:1]}, index),
        lambda: rows.drop("a", index),
    ):
        with pytest.raises(TypeError):
            call()
    assert same(rows.load("a"), ROWS)


@pytest.mark.parametrize("form", FORMS)
def test_I14_logical_after_drops(rows, form):
    index, selected = FORMS[form]
    rows.append({"a": numbers(3, 2) + 100})
    rows.drop("a", [0, 4, 9])
    expected = np.delete(np.concatenate([ROWS, numbers(3, 2) + 100]), [0, 4, 9], axis=0)
    assert len(expected) == 7
    assert same(rows.getitem("a", index), expected[selected])
    rows.replace({"a": expected[selected] * 2}, index)
    expected[selected] *= 2
    rows.drop("a", index)
    assert same(rows.load("a"), np.delete(expected, selected, axis=0))


def test_an_index_that_changes_the_list_it_is_in(rows):
    class Evil:
        def __index__(self):
            evil.clear()
            return 1

    evil = [Evil(), 2, 3]
    assert len(rows.getitem("a", evil)) == 3
