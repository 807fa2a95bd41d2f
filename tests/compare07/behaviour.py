"""What a NumPack does in one case after the other; runs with NumPack 0.7 and with this package.

usage: behaviour.py     prints {case: outcome} as JSON

Each case is a function of an open handle on an empty store (or of a folder, where it opens by
itself), whose result, or exception, is the outcome. Cases run in processes of their own, since some
of them end 0.7's. The names begin with the thing that is used, for the table in
docs/differences_from_0.7.md.
"""

import json
import os
import pathlib
import select
import signal
import sys
import tempfile

import numpy as np

import numpack
from numpack import NumPack

CASES = {}
SECONDS = 60
ROWS = np.arange(12.0).reshape(6, 2)


def case(name):
    def add(function):
        if name in CASES:
            raise ValueError(f"two cases '{name}'")
        CASES[name] = function
        return function

    return add


def simple(name, arrays, use):
    """The case `use(npk)` after arrays were saved."""

    def run(folder):
        with NumPack(folder / "s.npk") as npk:
            npk.save({key: value.copy() for key, value in arrays.items()})
            return use(npk)

    case(name)(run)


def described(value):
    """A value as text that is equal for equal values, whatever process they come from."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {value.tolist()}"
    if isinstance(value, np.generic):
        return f"{value.dtype} {value!s}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(described, value))})"
    if isinstance(value, dict):
        items = sorted((str(k), described(v)) for k, v in value.items())
        return f"dict({', '.join(f'{k}: {v}' for k, v in items)})"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    return type(value).__name__


def raised(error):
    """The built-in types that an exception is, the narrowest first."""
    names = [t.__name__ for t in type(error).__mro__ if t.__module__ == "builtins"]
    return "raises " + " ".join(
        n for n in names if n not in ("Exception", "BaseException", "object")
    )


def after(npk, change, name="a"):
    """What an array is after a change."""
    change()
    return npk.load(name)


def reopened(folder, change, name="a", **arrays):
    """What an array is in a new handle, after a change in one that was closed."""
    with NumPack(folder / "s.npk") as npk:
        npk.save(arrays or {"a": ROWS})
        change(npk)
    with NumPack(folder / "s.npk") as npk:
        return npk.load(name)


# --- Handles


@case("NumPack: operation on a handle that was never opened")
def _(folder):
    return NumPack(folder / "s.npk").load("a")


@case("NumPack: bytes as path")
def _(folder):
    return NumPack(b"s.npk")


@case("NumPack: path that is a file")
def _(folder):
    (folder / "s.npk").write_text("x")
    NumPack(folder / "s.npk").open()


@case("NumPack: open() twice, close() twice")
def _(folder):
    npk = NumPack(folder / "s.npk")
    npk.open()
    npk.open()
    npk.close()
    npk.close()
    return npk.is_opened, npk.is_closed


@case("NumPack: drop_if_exists removes foreign files at open()")
def _(folder):
    (folder / "s.npk").mkdir()
    (folder / "s.npk" / "foreign").write_text("x")
    npk = NumPack(folder / "s.npk", drop_if_exists=True)
    before = (folder / "s.npk" / "foreign").exists()
    npk.open()
    return before, (folder / "s.npk" / "foreign").exists()


@case("NumPack: strict_context_mode outside a with block")
def _(folder):
    npk = NumPack(folder / "s.npk", strict_context_mode=True)
    npk.open()
    npk.get_member_list()


@case("NumPack: damaged catalogue")
def _(folder):
    with NumPack(folder / "s.npk") as npk:
        npk.save({"a": ROWS})
    for file in (folder / "s.npk").iterdir():
        file.write_bytes(b"\x7fdamaged" * 20)
    with NumPack(folder / "s.npk") as npk:
        return npk.get_member_list()


@case("NumPack: process ends without close()")
def _(folder):
    child = os.fork()
    if child == 0:
        npk = NumPack(folder / "s.npk")
        npk.open()
        npk.save({"a": ROWS})
        os._exit(0)
    os.waitpid(child, 0)
    with NumPack(folder / "s.npk") as npk:
        return npk.get_member_list()


@case("NumPack: a handle opened earlier sees another one's save")
def _(folder):
    with NumPack(folder / "s.npk") as first, NumPack(folder / "s.npk") as second:
        second.save({"a": ROWS})
        return first.has_array("a")


@case("NumPack: an idle handle that closes last keeps the other one's work")
def _(folder):
    first, second = NumPack(folder / "s.npk"), NumPack(folder / "s.npk")
    first.open()
    first.save({"old": ROWS})
    second.open()
    second.save({"a": ROWS})
    second.close()
    first.close()
    with NumPack(folder / "s.npk") as npk:
        return sorted(npk.get_member_list())


@case("NumPack: exception inside the with block")
def _(folder):
    npk = NumPack(folder / "s.npk")
    try:
        with npk:
            npk.save({"a": ROWS})
            raise KeyError("x")
    except KeyError:
        pass
    with npk:
        return npk.load("a"), npk.is_opened


simple("NumPack: bool() of an empty store", {}, bool)
simple("NumPack: len()", {"a": ROWS}, len)
simple("NumPack: in, for things that are no str", {"a": ROWS}, lambda npk: ("a" in npk, 3 in npk))
simple("NumPack: item assignment", {"a": ROWS}, lambda npk: npk.__setitem__("a", ROWS))

# --- What can be saved

for dtype in ("bool", "uint8", "int64", "float16", "complex128"):
    simple(f"save: {dtype}", {"a": np.ones(3, dtype)}, lambda npk: npk.load("a"))
simple("save: text", {}, lambda npk: npk.save({"a": np.array(["x"])}))
simple("save: datetime64", {}, lambda npk: npk.save({"a": np.array(["2020"], "M8[s]")}))
simple(
    "save: other byte order",
    {},
    lambda npk: after(npk, lambda: npk.save({"a": ROWS.astype(">f8")})),
)
simple("save: 33 axes", {}, lambda npk: after(npk, lambda: npk.save({"a": np.ones((1,) * 33)})))
simple("save: 0-d", {}, lambda npk: after(npk, lambda: npk.save({"a": np.array(5.0)})))
simple("save: empty", {"a": np.zeros((0, 3))}, lambda npk: npk.load("a"))
simple(
    "save: every second row",
    {"a": ROWS},
    lambda npk: after(npk, lambda: npk.save({"a": ROWS[::2]})),
)
simple("save: transposed", {}, lambda npk: after(npk, lambda: npk.save({"a": ROWS.T})))
simple(
    "save: Fortran order",
    {},
    lambda npk: after(npk, lambda: npk.save({"a": np.asfortranarray(ROWS)})),
)
simple("save: reversed rows", {}, lambda npk: after(npk, lambda: npk.save({"a": ROWS[::-1]})))
simple(
    "save: masked array", {}, lambda npk: after(npk, lambda: npk.save({"a": np.ma.array([1, 2])}))
)
simple("save: list", {}, lambda npk: npk.save({"a": [1, 2]}))
simple("save: NumPy scalar", {}, lambda npk: npk.save({"a": np.float64(1)}))
simple("save: no dict", {}, lambda npk: npk.save([ROWS]))
simple(
    "save: name with a slash", {}, lambda npk: after(npk, lambda: npk.save({"x/y": ROWS}), "x/y")
)
simple(
    "save: long name", {}, lambda npk: after(npk, lambda: npk.save({"n" * 300: ROWS}), "n" * 300)
)
simple("save: empty name", {}, lambda npk: npk.save({"": ROWS}))
simple("save: name that is no str", {}, lambda npk: npk.save({3: ROWS}))
simple(
    "save: another shape and dtype",
    {"a": ROWS},
    lambda npk: after(npk, lambda: npk.save({"a": np.ones(2, "i4")})),
)

# --- load

simple("load: missing array", {}, lambda npk: npk.load("a"))
simple("load: missing array, lazy", {}, lambda npk: npk.load("a", lazy=True))
simple("load: name that is no str", {}, lambda npk: npk.load(3))
simple("load: lazy that is no bool", {"a": ROWS}, lambda npk: npk.load("a", lazy=1))
simple("load: two loads are independent", {"a": ROWS}, lambda npk: npk.load("a") is npk.load("a"))
simple("load: is writable", {"a": ROWS}, lambda npk: npk.load("a").flags.writeable)
simple("load: owns its memory", {"a": ROWS}, lambda npk: npk.load("a").flags.owndata)
simple("load: by subscript", {"a": ROWS}, lambda npk: npk["a"])

# --- Rows

INDEXES = {
    "int": 2,
    "negative int": -1,
    "NumPy integer": np.int64(2),
    "list": [0, 1],
    "list, descending": [3, 1],
    "array": np.array([1, 2]),
    "tuple": (1, 2),
    "range": range(1, 3),
    "slice": slice(1, 3),
    "slice, open": slice(4, None),
    "slice, negative": slice(-2, None),
    "slice, far below zero": slice(-100, 2),
    "slice, step 2": slice(None, None, 2),
    "mask": np.array([True, False, False, True, False, False]),
    "empty list": [],
    "repeated": [1, 1],
    "out of range": [100],
    "far below zero": -100,
    "float": 1.5,
    "str": "1",
    "None in a list": [None],
    "2-D array": np.array([[1]]),
}
PICKED = {key: np.arange(6)[list(index) if isinstance(index, (tuple, range)) else index]
          for key, index in INDEXES.items() if key not in (
              "out of range", "far below zero", "float", "str", "None in a list", "2-D array",
              "empty list")}  # fmt: skip
for key, index in INDEXES.items():
    count = np.size(PICKED.get(key, [0])) if key != "empty list" else 0
    values = -1.0 - np.arange(2.0 * count).reshape(count, 2)
    simple(f"getitem: {key}", {"a": ROWS}, lambda npk, i=index: npk.getitem("a", i))
    simple(
        f"replace: {key}",
        {"a": ROWS},
        lambda npk, i=index, v=values: after(npk, lambda: npk.replace({"a": v}, i)),
    )
    simple(
        f"drop: {key}",
        {"a": ROWS},
        lambda npk, i=index: after(npk, lambda: npk.drop("a", i)),
    )
simple("getitem: missing array", {}, lambda npk: npk.getitem("a", 0))
simple("replace: another shape", {"a": ROWS}, lambda npk: npk.replace({"a": np.ones((1, 3))}, 0))
simple(
    "replace: another dtype", {"a": ROWS}, lambda npk: npk.replace({"a": np.ones((1, 2), "i4")}, 0)
)
simple("replace: missing array", {}, lambda npk: npk.replace({"a": ROWS}, 0))
simple(
    "replace: too many rows",
    {"a": ROWS},
    lambda npk: after(npk, lambda: npk.replace({"a": -ROWS}, [0])),
)
simple("append: rows", {"a": ROWS}, lambda npk: after(npk, lambda: npk.append({"a": ROWS[:2]})))
simple(
    "append: transposed rows",
    {"a": ROWS},
    lambda npk: after(npk, lambda: npk.append({"a": ROWS[:2].T})),
)
simple("append: missing array", {}, lambda npk: npk.append({"a": ROWS}))
simple("append: another dtype", {"a": ROWS}, lambda npk: npk.append({"a": ROWS.astype("f4")}))
simple("append: another shape", {"a": ROWS}, lambda npk: npk.append({"a": np.ones((1, 3))}))
simple(
    "drop: all rows",
    {"a": ROWS},
    lambda npk: (after(npk, lambda: npk.drop("a")), npk.has_array("a")),
)
simple("drop: missing array", {}, lambda npk: npk.drop("a"))
simple(
    "drop: tuple of names",
    {"a": ROWS, "b": ROWS},
    lambda npk: after(npk, lambda: npk.drop(("a", "b"))),
)
simple(
    "drop: twice, by negative indexes",
    {"a": ROWS},
    lambda npk: (npk.drop("a", [0]), after(npk, lambda: npk.drop("a", [-1])))[1],
)
simple(
    "drop: then slices",
    {"a": ROWS},
    lambda npk: (npk.drop("a", [0]), after(npk, lambda: npk.drop("a", slice(0, 2))))[1],
)
simple(
    "drop: then append",
    {"a": ROWS},
    lambda npk: (npk.drop("a", [0, 5]), after(npk, lambda: npk.append({"a": ROWS[:2]})))[1],
)
simple(
    "drop: then update",
    {"a": ROWS},
    lambda npk: (npk.drop("a", [0, 5]), after(npk, lambda: npk.update("a")))[1],
)
simple("update: missing array", {}, lambda npk: npk.update("a"))

# --- Information

simple(
    "get_shape: after rows were dropped",
    {"a": ROWS},
    lambda npk: (npk.drop("a", [1]), npk.get_shape("a"))[1],
)
simple("get_shape: missing array", {}, lambda npk: npk.get_shape("a"))
simple("get_member_list", {"a": ROWS, "b": ROWS}, lambda npk: sorted(npk.get_member_list()))
simple(
    "has_array", {"a": ROWS}, lambda npk: (npk.has_array("a"), npk.has_array("b"), npk.has_array(3))
)
simple("get_modify_time: missing array", {}, lambda npk: npk.get_modify_time("a"))
simple("get_modify_time: grows when rows are replaced", {"a": ROWS}, lambda npk: grows(npk))
simple("get_metadata: an array", {"a": ROWS}, lambda npk: metadata(npk))
simple(
    "get_metadata: after rows were dropped",
    {"a": ROWS},
    lambda npk: (npk.drop("a", [1]), metadata(npk))[1],
)
simple("get_io_stats: stats_available", {}, lambda npk: npk.get_io_stats()["stats_available"])
simple("clone", {"a": ROWS}, lambda npk: after(npk, lambda: npk.clone("a", "b"), "b"))
simple("clone: onto an array", {"a": ROWS, "b": ROWS}, lambda npk: npk.clone("a", "b"))
simple("clone: missing array", {}, lambda npk: npk.clone("a", "b"))
simple("reset", {"a": ROWS}, lambda npk: (npk.reset(), npk.get_member_list()))


def metadata(npk):
    info = npk.get_metadata()["arrays"]["a"]
    return {key: info[key] for key in ("shape", "dtype", "size_bytes")}


def grows(npk):
    import time

    before = npk.get_modify_time("a")
    time.sleep(0.01)
    npk.replace({"a": -ROWS[:1]}, [0])
    return npk.get_modify_time("a") > before


# --- stream_load

simple("stream_load: blocks", {"a": ROWS}, lambda npk: list(npk.stream_load("a", 4)))
simple("stream_load: no size", {"a": ROWS}, lambda npk: len(list(npk.stream_load("a"))))
simple("stream_load: size 0", {"a": ROWS}, lambda npk: npk.stream_load("a", 0))
simple("stream_load: missing array", {}, lambda npk: npk.stream_load("a"))


@case("stream_load: goes on after an append")
def _(folder):
    with NumPack(folder / "s.npk") as npk:
        npk.save({"a": ROWS})
        stream = npk.stream_load("a", 4)
        next(stream)
        npk.append({"a": ROWS})
        return list(stream)


# --- Lazy arrays

KEYS = {
    "int": 2,
    "negative int": -1,
    "out of range": 100,
    "slice": slice(1, 3),
    "slice, nothing": slice(3, 1),
    "slice, reversed": slice(None, None, -1),
    "slice, step 2": slice(None, None, 2),
    "list": [1, 2],
    "list, negative": [-1, 0],
    "empty list": [],
    "mask": np.array([True, False, False, True, False, False]),
    "mask, nothing": np.zeros(6, bool),
    "tuple": (slice(None), 1),
    "tuple of ints": (2, 1),
    "two lists": ([0, 1], [1, 0]),
    "2-D array": np.array([[0, 1]]),
    "mask of all elements": ROWS > 5,
    "Ellipsis": ...,
    "None": None,
    "float": 1.5,
    "str": "x",
}
for key, index in KEYS.items():
    simple(f"lazy: {key}", {"a": ROWS}, lambda npk, i=index: npk.load("a", lazy=True)[i])
    simple(
        f"lazy: {key}, after rows were dropped",
        {"a": np.concatenate([ROWS[:1], ROWS])},
        lambda npk, i=index: (npk.drop("a", [0]), npk.load("a", lazy=True)[i])[1],
    )
LAZY = {
    "attributes": lambda lazy: (lazy.shape, str(lazy.dtype), lazy.ndim, lazy.size, lazy.nbytes),
    "len, bool": lambda lazy: (len(lazy), bool(lazy)),
    "T": lambda lazy: lazy.T,
    "iteration": lambda lazy: list(lazy),
    "in": lambda lazy: ROWS[0] in lazy,
    "hash": hash,
    "assignment": lambda lazy: lazy.__setitem__(0, 1),
    "copy()": lambda lazy: lazy.copy(),
    "hasattr astype": lambda lazy: hasattr(lazy, "astype"),
    "np.asarray": np.asarray,
    "np.sum": lambda lazy: float(np.sum(lazy)),
    "plus 1": lambda lazy: lazy + 1,
    "equal to a lazy array": lambda lazy: lazy == lazy,
    "less than 3": lambda lazy: lazy < 3,
    "and 1": lambda lazy: lazy & 1,
    "abs": abs,
    "divmod": lambda lazy: divmod(lazy, 2),
    "reshape": lambda lazy: lazy.reshape((3, 4)).copy(),
    "reshape, two numbers": lambda lazy: lazy.reshape(3, 4).copy(),
    "reshape, does not fit": lambda lazy: lazy.reshape((5, 5)),
    "vectorized_gather": lambda lazy: lazy.vectorized_gather([3, 1]),
    "vectorized_gather, twelve": lambda lazy: lazy.vectorized_gather([0] * 12),
    "vectorized_gather, negative": lambda lazy: lazy.vectorized_gather([-1]),
    "mega_batch_get_rows": lambda lazy: lazy.mega_batch_get_rows([0, 5], 1),
    "parallel_boolean_index": lambda lazy: lazy.parallel_boolean_index([True] + [False] * 5),
    "choose_optimal_algorithm": lambda lazy: lazy.choose_optimal_algorithm([True, False]),
    "intelligent_warmup": lambda lazy: lazy.intelligent_warmup("x"),
    "pickle": lambda lazy: __import__("pickle").loads(__import__("pickle").dumps(lazy)).copy(),
}
for key, use in LAZY.items():
    simple(f"lazy: {key}", {"a": ROWS}, lambda npk, use=use: use(npk.load("a", lazy=True)))
simple("lazy: element of a 1-D array", {"a": ROWS[:, 0]}, lambda npk: npk.load("a", lazy=True)[2])


def later(name, change):
    """The case of a lazy array after a change of the array."""

    @case(name)
    def _(folder):
        npk = NumPack(folder / "s.npk")
        npk.open()
        npk.save({"a": ROWS})
        lazy = npk.load("a", lazy=True)
        change(npk)
        return lazy.copy()


later("lazy: after close()", lambda npk: npk.close())
later("lazy: after append", lambda npk: npk.append({"a": ROWS}))
later("lazy: after replace", lambda npk: npk.replace({"a": -ROWS[:1]}, [0]))
later("lazy: after save of the same shape", lambda npk: npk.save({"a": -ROWS}))
later("lazy: after drop", lambda npk: npk.drop("a"))
later("lazy: after reset", lambda npk: npk.reset())


@case("lazy: view of a lazy array that is gone")
def _(folder):
    with NumPack(folder / "s.npk") as npk:
        npk.save({"a": np.arange(100_000.0)})
        view = memoryview(npk.load("a", lazy=True))
    import gc

    gc.collect()
    return np.asarray(view)[:3].copy()


# --- Batch mode


def in_batch(name, use, **options):
    """The case of what is stored after `use(npk)` in a batch."""

    @case(name)
    def _(folder):
        def change(npk):
            with npk.batch_mode(**options):
                use(npk)

        return reopened(folder, change)


def double(npk):
    array = npk.load("a")
    array *= 2
    npk.save({"a": array})


in_batch("batch_mode: load, change, save", double)
in_batch(
    "batch_mode: changed in place, never saved",
    lambda npk: np.negative(npk.load("a"), out=npk.load("a")),
)
in_batch("batch_mode: save, then append", lambda npk: (double(npk), npk.append({"a": ROWS[:1]})))
in_batch(
    "batch_mode: save, then replace", lambda npk: (double(npk), npk.replace({"a": -ROWS[:1]}, [0]))
)
in_batch("batch_mode: save, then drop", lambda npk: (double(npk), npk.drop("a", [0])))
in_batch("batch_mode: transposed array", lambda npk: npk.save({"a": ROWS.T}))
in_batch("batch_mode: memory_limit", double, memory_limit=0.00001)


@case("batch_mode: the same object at every load")
def _(folder):
    with NumPack(folder / "s.npk") as npk:
        npk.save({"a": ROWS})
        with npk.batch_mode():
            return npk.load("a") is npk.load("a"), npk._cache_enabled, "a" in npk._memory_cache


@case("batch_mode: a new array is known before the end")
def _(folder):
    with NumPack(folder / "s.npk") as npk, npk.batch_mode():
        npk.save({"a": ROWS})
        return npk.has_array("a"), npk.get_member_list()


@case("batch_mode: exception in the block")
def _(folder):
    def change(npk):
        try:
            with npk.batch_mode():
                double(npk)
                raise KeyError("x")
        except KeyError:
            pass

    return reopened(folder, change)


@case("batch_mode: unsupported value")
def _(folder):
    with NumPack(folder / "s.npk") as npk, npk.batch_mode():
        npk.save({"a": np.array(["x"])})


@case("batch_mode: nested")
def _(folder):
    def change(npk):
        with npk.batch_mode():
            double(npk)
            with npk.batch_mode():
                npk.save({"b": ROWS})
            double(npk)

    return reopened(folder, change)


@case("batch_mode: negative memory_limit")
def _(folder):
    with NumPack(folder / "s.npk") as npk, npk.batch_mode(memory_limit=-1):
        pass


@case("batch_mode: writable mode inside")
def _(folder):
    with NumPack(folder / "s.npk") as npk:
        npk.save({"a": ROWS})
        with npk.batch_mode(), npk.writable_batch_mode() as wb:
            return wb.load("a")


# --- Writable batch mode


def writable(name, use, array=ROWS):
    """The case of what is stored after `use(npk, wb)` in writable batch mode."""

    @case(name)
    def _(folder):
        def change(npk):
            with npk.writable_batch_mode() as wb:
                use(npk, wb)

        return reopened(folder, change, a=array)


writable(
    "writable_batch_mode: change in place",
    lambda npk, wb: np.negative(wb.load("a"), out=wb.load("a")),
)
writable("writable_batch_mode: save of another array", lambda npk, wb: wb.save({"a": -ROWS}))
writable("writable_batch_mode: save of a new array", lambda npk, wb: wb.save({"b": ROWS}))
writable("writable_batch_mode: missing array", lambda npk, wb: wb.load("x"))
writable("writable_batch_mode: empty array", lambda npk, wb: wb.load("a"), np.zeros((0, 3)))


@case("writable_batch_mode: after rows were dropped")
def _(folder):
    with NumPack(folder / "s.npk") as npk:
        npk.save({"a": ROWS})
        npk.drop("a", [0])
        with npk.writable_batch_mode() as wb:
            return wb.load("a").copy()


@case("writable_batch_mode: load on a closed handle")
def _(folder):
    npk = NumPack(folder / "s.npk")
    npk.open()
    npk.save({"a": ROWS})
    npk.close()
    with npk.writable_batch_mode() as wb:
        wb.load("a")


@case("writable_batch_mode: array read after the end")
def _(folder):
    with NumPack(folder / "s.npk") as npk:
        npk.save({"a": ROWS})
        with npk.writable_batch_mode() as wb:
            array = wb.load("a")
    return array.copy()


@case("writable_batch_mode: array changed after the end")
def _(folder):
    with NumPack(folder / "s.npk") as npk:
        npk.save({"a": ROWS})
        with npk.writable_batch_mode() as wb:
            array = wb.load("a")
    array[:] = 0


# --- Running them


def outcome(name):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            return described(CASES[name](pathlib.Path(folder)))
        except BaseException as error:
            return raised(error)


def in_a_process(name):
    """The outcome, or how the process ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        text = outcome(name)
        os.write(writer, text.encode()[:60_000])
        os._exit(0)  # no second opinion of what is closed then
    os.close(writer)
    text = b""
    while select.select([reader], [], [], SECONDS)[0]:
        part = os.read(reader, 1 << 16)
        if not part:
            break
        text += part
    else:
        os.kill(child, signal.SIGKILL)
    os.close(reader)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return f"ends the process: {signal.Signals(os.WTERMSIG(status)).name}"
    return text.decode()


def main():
    outcomes = {name: in_a_process(name) for name in CASES}
    json.dump({"version": numpack.__version__, "outcomes": outcomes}, sys.stdout)


if __name__ == "__main__":
    main()
