"""Random operations against a dict of NumPy arrays."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from helpers import DTYPES, same
from numpack import NumPack

NAMES = ["a", "b", "a/b", "é", "x" * 300]


@st.composite
def arrays(draw, dtype=None, trailing=None):
    """Small arrays of rank 0 to 5, contiguous or not; given `trailing`, rows for such an array."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)) if dtype is None else dtype)
    if trailing is None:
        shape = tuple(draw(st.lists(st.integers(0, 4), max_size=5)))
    else:
        shape = (draw(st.integers(0, 4)), *trailing)
    seed = draw(st.integers(0, 2**16))
    array = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)
    layout = draw(st.sampled_from(["C", "F", "reversed"]))
    if layout == "reversed" and array.ndim:
        return array[::-1].copy()[::-1]
    return np.asarray(array, order="F" if layout == "F" else "C")


class Store(RuleBasedStateMachine):
    """A store, and the dict that it must look like."""

    names = Bundle("names")

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "data.npk"
        self.npk = NumPack(self.path)
        self.npk.open()
        self.model = {}
        self.batches = []

    def teardown(self):
        if hasattr(self, "npk"):
            self.npk.close()
            self.folder.cleanup()

    def rows(self, name):
        return self.model[name].ndim > 0

    @rule(target=names, name=st.sampled_from(NAMES), array=arrays())
    def save(self, name, array):
        self.npk.save({name: array})
        self.model[name] = np.array(array, order="C")
        return name

    @rule(target=names, first=arrays(), second=arrays())
    def save_two(self, first, second):
        self.npk.save({"a": first, "b": second})
        self.model["a"], self.model["b"] = first.copy(order="C"), second.copy(order="C")
        return multiple("a", "b")

    @rule(name=names, data=st.data())
    def append(self, name, data):
        if name not in self.model or not self.rows(name):
            return
        old = self.model[name]
        new = data.draw(arrays(dtype=old.dtype, trailing=old.shape[1:]))
        self.npk.append({name: new})
        self.model[name] = np.concatenate([old, new])

    @rule(name=names, data=st.data())
    def replace(self, name, data):
        if name not in self.model or not self.rows(name) or len(self.model[name]) == 0:
            return
        old = self.model[name]
        n = len(old)
        index = data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=6))
        values = np.random.default_rng(n).integers(0, 100, (len(index), *old.shape[1:]))
        values = values.astype(old.dtype)
        self.npk.replace({name: values}, index)
        expected = old.copy()
        for row, value in zip(index, values, strict=True):
            expected[row] = value
        self.model[name] = expected

    @rule(name=names, data=st.data())
    def drop(self, name, data):
        if name not in self.model or not self.rows(name):
            return
        n = len(self.model[name])
        slices = st.builds(slice, *[st.none() | st.integers(-6, 6)] * 2)
        index = data.draw(st.none() | slices | st.lists(st.integers(-n - 2, n + 2), max_size=6))
        self.npk.drop(name, index)
        keep = np.ones(n, bool)
        if index is None or isinstance(index, slice):
            keep[slice(None) if index is None else index] = False
        else:
            keep[[i for i in index if -n <= i < n]] = False
        self.model[name] = self.model[name][keep]

    @rule(name=names)
    def remove(self, name):
        if name in self.model:
            self.npk.remove(name)
            del self.model[name]

    @rule(source=names, new=st.sampled_from(NAMES))
    def clone(self, source, new):
        if source in self.model and new not in self.model:
            self.npk.clone(source, new)
            self.model[new] = self.model[source].copy()

    @rule(name=names)
    def change_and_save(self, name):
        if name in self.model:
            array = self.npk.load(name)
            array[...] = 1
            self.npk.save({name: array})
            self.model[name] = np.ones_like(self.model[name])

    @precondition(lambda self: not self.batches)
    @rule(name=names)
    def change_in_place(self, name):
        with self.npk.writable_batch_mode() as wb:
            if name in self.model:
                view = wb.load(name)
                view[...] = 0
                wb.save({name: view})
                self.model[name] = np.zeros_like(self.model[name])

    @rule(limit=st.sampled_from([None, 0, 0.0001, 1]))
    def enter_batch(self, limit):
        context = self.npk.batch_mode(memory_limit=limit)
        context.__enter__()
        self.batches.append(context)

    @precondition(lambda self: self.batches)
    @rule()
    def leave_batch(self):
        self.batches.pop().__exit__(None, None, None)

    @precondition(lambda self: self.batches)
    @rule(name=names)
    def save_now_change_later(self, name):
        if name in self.model:
            array = self.npk.load(name)
            self.npk.save({name: array})
            array[...] = 1  # published too, as long as we hold the array
            self.npk.save({name: array})
            self.model[name] = np.ones_like(self.model[name])

    @precondition(lambda self: self.batches)
    @rule()
    def flush_cache(self):
        self.npk._flush_cache()

    @rule()
    def reopen(self):
        self.npk.close()
        while self.batches:
            self.batches.pop().__exit__(None, None, None)
        self.npk.open()

    @rule()
    def reset(self):
        self.npk.reset()
        self.model.clear()

    @invariant()
    def same_as_model(self):
        if not hasattr(self, "npk"):
            return
        assert set(self.npk.get_member_list()) == set(self.model)
        for name, expected in self.model.items():
            assert self.npk.get_shape(name) == expected.shape
            assert same(self.npk.load(name), np.ascontiguousarray(expected).reshape(expected.shape))
            lazy = self.npk.load(name, lazy=True)
            assert same(np.array(lazy), np.array(expected, order="C"))
            if expected.ndim:
                assert same(self.npk.getitem(name, slice(None)), np.array(expected, order="C"))

    @invariant()
    def others_see_the_published_state(self):
        if hasattr(self, "npk") and not self.batches:
            with NumPack(self.path) as other:
                assert set(other) == set(self.model)


TestStore = Store.TestCase
TestStore.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
