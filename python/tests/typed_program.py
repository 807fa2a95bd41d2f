"""Every public call of numpack and the type of its result: test_typing.py checks and runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

import numpack
from numpack import BatchModeContext, LazyArray, NumPack, errors, io
from numpack.batch import BatchStats
from numpack.store import Finding, Recommendation, VacuumReport
from numpack.typing import Array, Mask, RowIndexes
from numpack.writable_array import WritableArray, WritableBatchMode

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:

    def assert_type(value, _):
        return value


class Store(NumPack):
    """`with` gives the subclass."""


def reading(npk: NumPack) -> None:
    assert_type(npk.load("a"), np.ndarray[Any, np.dtype[Any]])
    assert_type(npk.load("a", lazy=False), Array)
    assert_type(npk.load("a", lazy=None), Array)
    assert_type(npk.load("a", out=np.empty((4, 2))), Array)
    assert_type(npk.load("a", lazy=True), LazyArray)
    some_bool = bool(len(npk.get_member_list()))
    assert_type(npk.load("a", some_bool), Array | LazyArray)
    assert_type(npk["a"], Array)
    assert_type("a" in npk, bool)
    assert_type(list(npk), list[str])
    assert_type(npk.get_shape("a"), tuple[int, ...])
    assert_type(npk.get_member_list(), list[str])
    assert_type(npk.has_array("a"), bool)
    assert_type(npk.get_modify_time("a"), int | None)
    assert_type(npk.get_metadata(), dict[str, Any])
    assert_type(npk.get_io_stats(), dict[str, Any])
    assert_type(npk.stats(), dict[str, int])
    assert_type(npk.interrupted(), list[str])
    assert_type(npk.stream_load("a", 3), Iterator[Array])
    assert_type(npk.recommend_mode("a"), Recommendation)
    mode, reason = npk.recommend_mode(npk.load("a", lazy=True), shape_change=True)
    assert_type(mode, Literal["batch_mode", "writable_batch_mode"])
    assert_type(reason, str)
    assert_type(npk.recommend_mode(1 << 20).mode, Literal["batch_mode", "writable_batch_mode"])
    rows: list[RowIndexes] = [0, np.int64(1), slice(2), [0, 1], (0,), range(2), np.array([0])]
    rows += [[np.int64(1)], [True] * 4, np.ones(4, np.bool_)]
    for index in rows:
        assert_type(npk.getitem("a", index), Array)


def changing(npk: NumPack) -> None:
    floats: dict[str, npt.NDArray[np.float64]] = {"a": np.ones((4, 2))}
    npk.save(floats)
    npk.save({"b": np.arange(3), "c": np.ones((2, 2), np.float32)})
    npk.append({"a": np.ones((1, 2))})
    npk.replace({"a": np.ones((1, 2))}, 0)
    npk.replace({"a": np.ones((2, 2))}, [0, -1])
    npk.drop("a", [-1])
    npk.drop(["b", "missing"])
    npk.drop(("c",), slice(1))
    npk.update("a")
    npk.clone("a", "d")
    npk.remove("b")
    npk.remove(["c", "d"])
    npk.flush()


def lazy_arrays(lazy: LazyArray) -> None:
    assert_type(lazy.shape, tuple[int, ...])
    assert_type(lazy.dtype, np.dtype[Any])
    assert_type(lazy.ndim + lazy.size + lazy.itemsize + lazy.nbytes + len(lazy), int)
    assert_type(lazy.T, Array)
    assert_type(lazy.copy(), Array)
    assert_type(lazy[0], Array)
    assert_type(lazy[1:, ..., None], Array)
    assert_type(list(lazy), list[Array])
    assert_type(np.zeros(2) in lazy, bool)
    assert_type(bool(lazy), bool)
    assert_type(lazy.reshape(-1), LazyArray)
    assert_type(lazy.reshape(2, -1), LazyArray)
    assert_type(lazy.reshape((2, 4)), LazyArray)
    assert_type(lazy.vectorized_gather([0, 1]), Array)
    assert_type(lazy.vectorized_gather(np.array([0, 1])), Array)
    assert_type(lazy.mega_batch_get_rows([0, 1], batch_size=8), list[Array])
    mask = np.array([True, False, True, False])
    assert_type(lazy.parallel_boolean_index(mask), Array)
    assert_type(lazy.boolean_index_smart(mask.tolist()), Array)
    assert_type(lazy.boolean_index_adaptive(mask), Array)
    assert_type(lazy.boolean_index_production(mask), Array)
    assert_type(lazy.boolean_index_adaptive_algorithm(mask), Array)
    assert_type(lazy.choose_optimal_algorithm(mask), Literal["sparse", "dense", "adaptive"])
    lazy.intelligent_warmup("sequential")
    with lazy as same:
        assert_type(same, LazyArray)
    lazy.close()
    # What NumPy and Python take it for.
    np.sum(lazy)
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":  # before it takes no read-only elements
        np.from_dlpack(lazy)
    memoryview(lazy)
    assert_type(np.asarray(lazy), npt.NDArray[Any])


def operators(lazy: LazyArray, integers: LazyArray) -> None:
    for array in (lazy + 1, lazy - 1, lazy * 2, lazy / 2, lazy // 2, lazy % 2, lazy**2):
        assert_type(array, Array)
    for array in (1 + lazy, 1 - lazy, 2 * lazy, 2 / lazy, 2 // lazy, 2 % lazy, 2**lazy):
        assert_type(array, Array)
    assert_type(lazy + lazy, Array)
    assert_type(lazy @ np.ones(2), Array)
    assert_type(np.ones(4).tolist() @ lazy, Array)
    assert_type(divmod(lazy, 2), tuple[Array, Array])
    assert_type(divmod(2, lazy), tuple[Array, Array])
    for array in (-lazy, +lazy, abs(lazy), ~integers):
        assert_type(array, Array)
    for array in (integers & 1, integers | 1, integers ^ 1, integers << 1, integers >> 1):
        assert_type(array, Array)
    for mask in (lazy < 1, lazy <= 1, lazy > 1, lazy >= 1, lazy == 1, lazy != 1):
        assert_type(mask, Mask)


def batches(npk: NumPack) -> None:
    with npk.batch_mode(memory_limit=100, on_error="discard", warn_unsaved=True) as batch:
        assert_type(batch, BatchModeContext)
        array = npk.load("a")
        array *= 2
        npk.save({"a": array})
        batch.rollback()
        batch.flush()
        assert_type(batch.stats, BatchStats)
        stats = batch.stats
        assert_type(stats.hits + stats.misses + stats.evictions + stats.spills, int)
        assert_type(stats.cached_bytes + stats.pinned_bytes + stats.peak_bytes, int)
        assert_type(stats.spilled_bytes, int)
        assert_type(stats.flush_seconds, float)
    assert_type(batch.on_error, Literal["flush", "discard"])
    assert_type(batch.memory_limit, float | None)
    assert_type(batch.warn_unsaved, bool)
    assert_type(batch.npk, NumPack)
    with npk.writable_batch_mode() as wb:
        assert_type(wb, WritableBatchMode)
        assert_type(wb.load("a"), Array)
        wb.save({"a": wb.load("a")})
        assert_type(dict(wb.array_cache), dict[str, Array])
        assert_type(dict(wb.writable_arrays), dict[str, Any])
        assert_type(wb.npk, NumPack)
    with npk.writable_batch_mode(atomic=True) as wb:
        assert_type(wb.atomic, bool)


def maintenance(npk: NumPack) -> None:
    assert_type(npk.verify(), list[Finding])
    for finding in npk.verify(contents=False):
        assert_type(finding.severity, Literal["error", "warning", "note"])
        assert_type(finding.offset, int | None)
        assert_type(finding.file + finding.array + finding.what + finding.remedy, str)
    assert_type(npk.vacuum(), VacuumReport)
    report = npk.vacuum()
    assert_type(report.before_bytes - report.after_bytes - report.reclaimed_bytes, int)
    assert_type(report.compacted_arrays + report.moved_arrays + report.copied_bytes, int)
    assert_type(report.held, list[str])
    assert_type(report.held_bytes, int)


def files(folder: Path) -> None:
    npy = folder / "array.npy"
    np.save(npy, np.zeros((4, 2)))
    assert_type(io.from_npy(npy, folder / "from.npk"), None)
    imported = io.from_npy(npy, folder / "from.npk", drop_if_exists=True, return_npk_obj=True)
    assert_type(imported, NumPack)
    imported.close()
    io.to_npy(folder / "from.npk", folder / "to.npz", array_names=["array"], compressed=False)
    assert_type(io.get_file_size(npy), int)
    assert_type(io.is_large_file(str(npy), threshold=io.LARGE_FILE_THRESHOLD), bool)
    assert_type(io.estimate_chunk_rows((4, 2), "f4", io.DEFAULT_CHUNK_SIZE), int)
    assert_type(io.DEFAULT_BATCH_ROWS, int)
    with WritableArray(folder / "raw", (0, 2), np.float32, mode="r") as array:
        assert_type(array, Array)


def failing(npk: NumPack) -> None:
    try:
        npk.load("missing")
    except errors.ArrayNotFoundError as error:
        assert_type(error, numpack.ArrayNotFoundError)
    locked = errors.StoreLockedError("process 12 has it")
    assert_type(locked.pid, int | None)
    classes: list[type[OSError]] = [errors.CorruptStoreError, errors.StoreIOError]
    classes += [numpack.CorruptStoreError, numpack.StoreIOError, numpack.StoreLockedError]
    others: list[type[Exception]] = [errors.BatchModeError, errors.IndexOutOfRangeError]
    others += [errors.StaleArrayError, errors.UnsavedChangeWarning, numpack.BatchModeError]
    others += [errors.IndexTypeError]
    others += [numpack.IndexOutOfRangeError, numpack.StaleArrayError]


def in_place() -> None:
    floats = np.full((4, 2), 0.5, np.float32)
    chain = numpack.InPlace(floats, threads=2)
    assert_type(chain.add(1).subtract(0.5).reverse_subtract(np.float32(2)), numpack.InPlace)
    chain.multiply(floats[0].copy()).divide(2).multiply_add(2, 1).fused_multiply_add(1, 0)
    chain.power(2).negative().absolute().square().sqrt().reciprocal()
    chain.floor_divide(1).remainder(3).minimum(2).maximum(1).clip(0, 9)
    chain.replace_less(0, 1).replace_less_equal(0, 1).replace_greater(9, 1)
    chain.replace_greater_equal(9, 1).replace_equal(3, 1).replace_not_equal(1, 1)
    chain.exp().log().tanh().sigmoid().fill(1).logical_not().logical_or(1).logical_xor(0)
    assert_type(chain.logical_and(1).run(), Array)
    integers = numpack.InPlace(np.arange(4)).bitwise_and(7).bitwise_or(1).bitwise_xor(2).invert()
    assert_type(integers.left_shift(1).right_shift(1).cast(np.float64).run(), Array)
    assert_type(numpack.get_threads(), int)
    numpack.set_threads(numpack.get_threads())
    numpack.accelerate_numpy()
    numpack.accelerate_numpy(False)


def wrong(npk: NumPack, lazy: LazyArray) -> None:
    """Never called. Each line is an error to mypy: with nothing to ignore, the comment is one."""
    npk.load(1)  # type: ignore[call-overload]
    npk.load("a", lazy=True, out=np.empty(3))  # type: ignore[call-overload]
    npk.save([np.zeros(3)])  # type: ignore[arg-type]
    npk.save({"a": [1, 2, 3]})  # type: ignore[dict-item]
    npk.getitem("a", 1.5)  # type: ignore[arg-type]
    npk.getitem("a", "rows")  # type: ignore[arg-type]
    npk.drop(3)  # type: ignore[arg-type]
    npk.batch_mode(on_error="ignore")  # type: ignore[arg-type]
    npk.batch_mode(memory_limit="1 GB")  # type: ignore[arg-type]
    npk.writable_batch_mode(True)  # type: ignore[call-arg]
    npk.recommend_mode(1.5)  # type: ignore[arg-type]
    npk.is_opened = True  # type: ignore[misc]
    npk.missing()  # type: ignore[attr-defined]
    numpack.InPlace([1.0])  # type: ignore[arg-type]
    numpack.InPlace(np.ones(3)).clip(0)  # type: ignore[call-arg]
    lazy[0] = 1  # type: ignore[index]
    lazy.shape = (3,)  # type: ignore[misc]
    lazy.reshape("3")  # type: ignore[arg-type]


def main(folder: Path) -> None:
    """Makes what it needs in the folder, and leaves it there."""
    with Store(
        folder / "a.npk",
        drop_if_exists=True,
        warn_no_context=False,
        checksum=True,
        mappings=True,
    ) as npk:
        assert_type(npk, Store)
        changing(npk)
        reading(npk)
        npk.save({"integers": np.arange(8)})
        lazy_arrays(npk.load("a", lazy=True))
        operators(npk.load("a", lazy=True), npk.load("integers", lazy=True))
        batches(npk)
        maintenance(npk)
        failing(npk)
        in_place()
        npk.reset()
    npk = Store(str(folder / "a.npk"), strict_context_mode=False, force_gc_on_close=False)
    npk.open()
    assert_type(npk.is_opened or npk.is_closed or npk.read_only or npk.mapped, bool)
    npk.close(force_gc=True)
    (folder / "raw").touch()
    files(folder)
    assert_type(numpack.force_cleanup_windows_handles(), bool)
    assert_type(numpack.__version__, str)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
