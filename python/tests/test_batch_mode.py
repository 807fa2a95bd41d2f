"""Batch mode: rows B."""

import inspect
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from helpers import numbers, same
from numpack import ArrayNotFoundError, BatchModeContext, BatchModeError, LazyArray, NumPack
from numpack.errors import UnsavedChangeWarning


def stored(npk):
    """What the store itself holds, seen through a handle that is in no batch."""
    with NumPack(npk._filename) as other:
        return {name: other.load(name) for name in other}


def test_B1_context(npk):
    context = npk.batch_mode()
    assert type(context) is BatchModeContext
    assert not npk._cache_enabled
    for _ in range(2):
        with context as entered:
            assert entered is context
            npk.save({"a": numbers(2)})
        assert not npk._cache_enabled
    context.__enter__()
    assert context.__exit__(None, None, None) is False


def test_B2_attributes(npk):
    for limit in (None, 5, 0.5, np.float32(2)):
        context = npk.batch_mode(limit)
        assert context.npk is npk
        assert context.memory_limit is limit


def test_B3_dirty_arrays(npk):
    npk.save({"a": numbers(2), "b": numbers(2)})
    with npk.batch_mode() as batch:
        npk.load("a")
        assert len(batch._dirty_arrays) == 0
        npk.save({"b": numbers(3), "new": numbers(1)})
        assert set(batch._dirty_arrays) == {"b", "new"}
        assert "b" in batch._dirty_arrays
        assert "a" not in batch._dirty_arrays
    assert not batch._dirty_arrays


def test_B4_counters(npk):
    npk.save({"a": numbers(100), "b": numbers(100)})
    with npk.batch_mode() as batch:
        assert (batch._cache_hits, batch._cache_misses, batch._memory_used) == (0, 0, 0)
        for _ in range(3):
            npk.load("a")
        assert (batch._cache_hits, batch._cache_misses, batch._memory_used) == (2, 1, 800)
        npk.load("b")
        assert (batch._cache_hits, batch._cache_misses, batch._memory_used) == (2, 2, 1600)
    assert all(type(n) is int for n in (batch._cache_hits, batch._memory_used))


def test_B5_cache_enabled(npk):
    assert npk._cache_enabled is False
    with pytest.raises(KeyError), npk.batch_mode():
        assert npk._cache_enabled is True
        raise KeyError
    assert npk._cache_enabled is False


def test_B6_memory_cache(npk):
    npk.save({"a": numbers(3), "b": numbers(3)})
    assert len(npk._memory_cache) == 0
    with npk.batch_mode():
        a = npk.load("a")
        saved = numbers(5)
        npk.save({"new": saved})
        cache = npk._memory_cache
        assert set(cache) == {"a", "new"}
        assert len(cache) == 2
        assert "a" in cache
        assert "b" not in cache
        assert 3 not in cache
        assert cache["a"] is a
        assert cache["new"] is saved
        with pytest.raises(KeyError):
            cache["b"]
        with pytest.raises(KeyError):
            del cache["b"]
        saved *= 2
        del cache["new"]
        del cache["a"]
        assert len(cache) == 0
        again = npk.load("new")
        assert again is not saved
        assert same(again, numbers(5) * 2)
        assert npk.load("a") is not a
    assert len(npk._memory_cache) == 0
    assert same(npk.load("new"), numbers(5) * 2)


def test_B7_batch_context(npk):
    assert getattr(npk, "_batch_context", None) is None
    with npk.batch_mode() as batch:
        assert npk._batch_context is batch
        with npk.batch_mode():
            assert npk._batch_context is batch
    assert getattr(npk, "_batch_context", None) is None


def test_B8_flush_cache(npk):
    npk._flush_cache()
    with npk.batch_mode() as batch:
        array = numbers(3)
        npk.save({"a": array})
        npk._flush_cache()
        assert same(stored(npk)["a"], numbers(3))
        assert len(npk._memory_cache) == 0
        assert not batch._dirty_arrays
        array[:] = -1  # no longer linked
        assert same(npk.load("a"), numbers(3))
        npk.save({"b": numbers(2)})
        assert npk._cache_enabled
    assert set(stored(npk)) == {"a", "b"}
    assert same(stored(npk)["a"], numbers(3))


def test_B10_identity(npk):
    npk.save({"a": numbers(3)})
    with npk.batch_mode():
        first = npk.load("a")
        assert first.flags.writeable
        assert npk.load("a") is first
        assert npk["a"] is first
        other = numbers(5)
        npk.save({"a": other})
        assert npk.load("a") is other
        assert npk["a"] is other
        npk.save({"b": other})
        assert npk.load("b") is other


def test_B11_lazy(npk):
    npk.save({"a": numbers(3), "b": numbers(3)})
    with npk.batch_mode():
        lazy = npk.load("a", lazy=True)
        assert type(lazy) is LazyArray
        assert len(npk._memory_cache) == 0
        array = npk.load("a")
        assert npk.load("a", lazy=True) is array
        pending = numbers(4)
        npk.save({"b": pending})
        assert npk.load("b", lazy=True) is pending
        with pytest.raises(ArrayNotFoundError):
            npk.load("missing", lazy=True)


def test_B12_reference(npk):
    with npk.batch_mode():
        array = numbers(3)
        npk.save({"a": array})
        assert stored(npk) == {}
        array += 10
        assert npk.load("a") is array
    assert same(npk.load("a"), numbers(3) + 10)
    with npk.batch_mode():
        npk.save({"a": numbers(2, 2, dtype="int8")})
    assert same(npk.load("a"), numbers(2, 2, dtype="int8"))


def test_B13_invalid_values(npk):
    with npk.batch_mode() as batch:
        for arrays, error in (
            ([], ValueError),
            ({"good": numbers(1), "bad": np.array(["x"])}, ValueError),
            ({"good": numbers(1), "bad": [1]}, TypeError),
            ({"good": numbers(1), 3: numbers(1)}, TypeError),
        ):
            with pytest.raises(error):
                npk.save(arrays)
        assert not batch._dirty_arrays
    assert npk.get_member_list() == []


@pytest.mark.parametrize("another_saved", [False, True])
def test_B14_never_saved_is_never_published(npk, another_saved):
    npk.save({"a": numbers(3), "b": numbers(3)})
    with npk.batch_mode():
        a = npk.load("a")
        a += 1
        if another_saved:
            npk.save({"b": numbers(1)})
        assert npk.load("a") is a
    assert same(npk.load("a"), numbers(3))


def test_B15_not_rewritten(npk):
    npk.save({"a": numbers(3), "b": numbers(3)})
    before = npk.get_modify_time("a")
    time.sleep(0.002)
    with npk.batch_mode():
        npk.load("a")
        npk.save({"b": npk.load("b")})
    assert npk.get_modify_time("a") == before
    assert npk.get_modify_time("b") > before


def test_B16_missing(npk):
    with npk.batch_mode():
        with pytest.raises(ArrayNotFoundError):
            npk.load("missing")
        with pytest.raises(ArrayNotFoundError):
            npk["missing"]


def test_B17_strided_objects(npk):
    objects = {
        "f": np.asfortranarray(numbers(3, 4)),
        "t": numbers(3, 4).T,
        "n": numbers(6)[::-2],
        "r": np.broadcast_to(numbers(3), (2, 3)),
    }
    with npk.batch_mode():
        npk.save(objects)
        for name, value in objects.items():
            assert npk.load(name) is value
    for name, value in objects.items():
        assert same(npk.load(name), np.ascontiguousarray(value))


def test_B20_append(npk):
    npk.save({"a": numbers(3)})
    with npk.batch_mode():
        array = npk.load("a")
        array *= 2
        npk.save({"a": array, "only here": numbers(2)})
        npk.append({"a": numbers(2), "only here": numbers(1)})
        assert npk.load("a") is not array
        assert same(npk.load("a"), np.concatenate([numbers(3) * 2, numbers(2)]))
        assert same(npk.load("only here"), np.array([0.0, 1.0, 0.0]))
        assert same(stored(npk)["a"], numbers(3))
        array[:] = -1  # no longer linked
    assert same(npk.load("a"), np.concatenate([numbers(3) * 2, numbers(2)]))


def test_B20_append_then_change(npk):
    npk.save({"a": numbers(3)})
    with npk.batch_mode():
        for i in range(5):
            npk.append({"a": np.array([float(i)])})
            array = npk.load("a")
            array += 1
            npk.save({"a": array})
    expected = numbers(3)
    for i in range(5):
        expected = np.append(expected, float(i)) + 1
    assert same(npk.load("a"), expected)


def test_B21_drop(npk):
    npk.save({"a": numbers(5), "b": numbers(5)})
    with npk.batch_mode():
        array = npk.load("a")
        array *= 2
        npk.save({"a": array})
        npk.drop("a", [0, -1])
        assert npk.load("a").tolist() == [2, 4, 6]
        npk.drop("b")
        assert npk.get_shape("b") == (0,)
        assert same(stored(npk)["b"], numbers(5))
    assert npk.load("a").tolist() == [2, 4, 6]
    assert same(npk.load("b"), numbers(0))


def test_B22_replace(npk):
    npk.save({"a": numbers(5)})
    with npk.batch_mode():
        array = npk.load("a")
        array *= 2
        npk.save({"a": array})
        npk.replace({"a": np.array([-1.0, -2.0])}, [3, 0])
        assert npk.load("a").tolist() == [-2, 2, 4, -1, 8]
    assert npk.load("a").tolist() == [-2, 2, 4, -1, 8]


@pytest.mark.parametrize("change", ["append", "drop", "replace"])
def test_B26_the_object_held_before_is_no_longer_linked(npk, change):
    npk.save({"a": numbers(4)})
    with npk.batch_mode():
        held = npk.load("a")
        npk.save({"a": held})
        if change == "append":
            npk.append({"a": numbers(1)})
        elif change == "drop":
            npk.drop("a", [0])
        else:
            npk.replace({"a": numbers(1) - 5}, [2])
        fresh = npk.load("a")
        assert fresh is not held
        held[:] = -99
        assert -99 not in npk.load("a")
    assert -99 not in npk.load("a")


def test_B23_update_and_clone(npk):
    npk.save({"a": numbers(5)})
    with npk.batch_mode():
        npk.save({"a": numbers(2)})
        npk.drop("a", 0)
        npk.update("a")
        npk.clone("a", "b")
        with pytest.raises(ValueError):
            npk.clone("a", "b")
        assert same(npk.load("b"), np.array([1.0]))
        with pytest.raises(ArrayNotFoundError):
            npk.update("missing")
    assert {k: v.tolist() for k, v in stored(npk).items()} == {"a": [1], "b": [1]}


def test_B24_reset(npk):
    npk.save({"a": numbers(5)})
    with npk.batch_mode():
        npk.load("a")
        npk.save({"b": numbers(2)})
        npk.reset()
        assert npk.get_member_list() == []
        assert len(npk._memory_cache) == 0
        npk.save({"c": numbers(1)})
    assert set(stored(npk)) == {"c"}


def test_B25_information_is_pending(npk):
    npk.save({"a": numbers(5), "gone": numbers(1)})
    with npk.batch_mode():
        npk.save({"a": numbers(2, 3, dtype="int8"), "new": numbers(4)})
        npk.remove("gone")
        assert npk.get_shape("a") == (2, 3)
        assert npk.get_member_list() == ["a", "new"]
        assert npk.has_array("new")
        assert not npk.has_array("gone")
        assert "new" in npk
        assert list(npk) == ["a", "new"]
        assert npk.getitem("a", 1).tolist() == [[3, 4, 5]]
        assert [len(b) for b in npk.stream_load("new", 3)] == [3, 1]
        metadata = npk.get_metadata()
        assert metadata["total_arrays"] == 2
        assert metadata["arrays"]["a"]["shape"] == [2, 3]
        assert metadata["arrays"]["a"]["dtype"] == "Int8"
        assert "arrays=2" in repr(npk)


def test_B30_normal_end(npk):
    npk.save({"a": numbers(3)})
    with npk.batch_mode():
        array = npk.load("a")
        npk.save({"a": array})
    assert len(npk._memory_cache) == 0
    array[:] = -1
    again = npk.load("a")
    assert again is not array
    assert same(again, numbers(3))


def test_B31_exception(npk):
    with pytest.raises(ZeroDivisionError), npk.batch_mode():
        npk.save({"a": numbers(3)})
        1 / 0  # noqa: B018
    assert same(npk.load("a"), numbers(3))
    with pytest.raises(SystemExit), npk.batch_mode():
        npk.save({"b": numbers(3)})
        raise SystemExit
    assert npk.has_array("b")


def test_B32_one_commit(npk):
    with npk.batch_mode():
        npk.save({"a": numbers(3)})
        npk.save({"b": numbers(3)})
        npk.append({"a": numbers(1)})
        assert stored(npk) == {}
    assert set(stored(npk)) == {"a", "b"}


def test_B34_nested(npk):
    npk.save({"a": numbers(3)})
    with npk.batch_mode(memory_limit=10) as outer:
        array = npk.load("a")
        array += 1
        npk.save({"a": array})
        with npk.batch_mode(memory_limit=0) as inner:
            assert npk.load("a") is array
            assert set(inner._dirty_arrays) == {"a"}
            npk.save({"b": numbers(2)})
        assert npk._cache_enabled
        assert npk.load("a") is array
        assert set(outer._dirty_arrays) == {"a", "b"}
        assert same(stored(npk)["a"], numbers(3))
        with outer:
            npk.save({"c": numbers(1)})
        assert set(stored(npk)) == {"a"}
    assert same(npk.load("a"), numbers(3) + 1)
    assert set(stored(npk)) == {"a", "b", "c"}


def test_B35_mixing(npk):
    npk.save({"a": numbers(3)})
    with npk.batch_mode():
        npk.save({"a": numbers(4)})
        with pytest.raises(BatchModeError) as raised:
            npk.writable_batch_mode().__enter__()
        assert "batch" in str(raised.value)
        npk.save({"b": numbers(1)})
    assert set(stored(npk)) == {"a", "b"}
    with npk.writable_batch_mode() as wb:
        wb.load("a")[0] = 9
        with pytest.raises(BatchModeError):
            npk.batch_mode().__enter__()
        assert not npk._cache_enabled
        wb.load("a")[1] = 9
    assert npk.load("a").tolist() == [9, 9, 2, 3]


def test_B36_one_after_the_other(npk):
    npk.save({"a": numbers(3)})
    for _ in range(3):
        with npk.batch_mode():
            array = npk.load("a")
            array += 1
            npk.save({"a": array})
        with npk.writable_batch_mode() as wb:
            wb.load("a")[...] *= 2
    expected = numbers(3)
    for _ in range(3):
        expected = (expected + 1) * 2
    assert same(npk.load("a"), expected)


def test_B37_different_handles(path):
    with NumPack(path) as one, NumPack(path) as two:
        one.save({"a": numbers(3)})
        done = []

        def wait_for_the_writer():
            with two.batch_mode():
                two.save({"b": numbers(1)})
                done.append(time.monotonic())

        with one.batch_mode():
            one.save({"a": numbers(4)})
            other = threading.Thread(target=wait_for_the_writer)
            other.start()
            assert same(stored(one)["a"], numbers(3))  # readers go on
            time.sleep(0.1)
            assert not done
            left = time.monotonic()
        other.join(30)
        assert done
        assert done[0] > left
        assert set(one.get_member_list()) == {"a", "b"}


@pytest.mark.parametrize(
    "limit", [0, 0.1, 0.0001, 1, 5.5, np.int32(1), np.float64(0.2), float("inf")]
)
def test_B38_limits_change_no_result(npk, limit):
    arrays = {f"a{i}": numbers(5000) + i for i in range(20)}
    npk.save(arrays)
    with npk.batch_mode(memory_limit=limit) as batch:
        for _ in range(2):
            for name in arrays:
                array = npk.load(name)
                array += 1
                npk.save({name: array})
                del array
                if np.isfinite(limit):
                    assert batch._memory_used <= max(limit * 1e6, 0)
        npk.append({"a3": numbers(1)})
        npk.drop("a4", slice(10, None))
    for name, before in arrays.items():
        expected = before + 2
        if name == "a3":
            expected = np.concatenate([expected, numbers(1)])
        if name == "a4":
            expected = expected[:10]
        assert same(npk.load(name), expected)


@pytest.mark.parametrize("limit", [-1, -0.5, float("nan"), np.float32("nan")])
def test_B38_bad_values(npk, limit):
    with pytest.raises(ValueError):
        npk.batch_mode(limit)
    with pytest.raises(ValueError):
        BatchModeContext(npk, limit)


@pytest.mark.parametrize("limit", ["1", True, False, np.bool_(True), [1], 1j, object()])
def test_B38_bad_types(npk, limit):
    with pytest.raises(TypeError):
        npk.batch_mode(limit)


def test_B39_evicted_arrays_load_again(npk):
    arrays = {f"a{i}": numbers(50_000) for i in range(5)}
    npk.save(arrays)
    with npk.batch_mode(memory_limit=1):
        for name in arrays:
            array = npk.load(name)
            array *= 2
            npk.save({name: array})
            del array
        assert len(npk._memory_cache) < 5
        assert npk._memory_cache.get("a0") is None
        assert same(npk.load("a0"), numbers(50_000) * 2)
    for name in arrays:
        assert same(npk.load(name), numbers(50_000) * 2)


def test_B40_closed_and_strict(path):
    npk = NumPack(path, strict_context_mode=True)
    context = npk.batch_mode()
    with pytest.raises(RuntimeError, match="not opened or has been closed"):
        context.__enter__()
    npk.open()
    with pytest.raises(RuntimeError, match="strict context mode"):
        context.__enter__()
    with npk, context:
        npk.save({"a": numbers(1)})


def test_B41_close_inside(path):
    npk = NumPack(path)
    npk.open()
    with npk.batch_mode() as outer, npk.batch_mode():
        npk.save({"a": numbers(3)})
        npk.close()
        assert not npk._cache_enabled
        assert not outer._dirty_arrays
        with pytest.raises(RuntimeError, match="not opened or has been closed"):
            npk.load("a")
        npk.open()
        assert same(npk.load("a"), numbers(3))
        npk.save({"b": numbers(2)})
        assert "b" in stored(npk)
        npk.close()


def test_B41_end_of_with_inside(path):
    with NumPack(path) as npk:
        context = npk.batch_mode()
        context.__enter__()
        npk.save({"a": numbers(3)})
    context.__exit__(None, None, None)
    with NumPack(path) as npk:
        assert same(npk.load("a"), numbers(3))


def test_B42_threads(npk):
    npk.save({f"a{i}": numbers(1000) for i in range(10)})
    with npk.batch_mode():
        seen = [[] for _ in range(8)]

        def work(mine):
            for i in range(200):
                mine.append(npk.load(f"a{i % 10}"))
            npk.save({f"new {id(mine)}": numbers(3)})

        threads = [threading.Thread(target=work, args=(mine,)) for mine in seen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i in range(10):
            assert len({id(mine[i]) for mine in seen}) == 1
    assert len(npk.get_member_list()) == 18


def test_B42_threads_enter_their_own_blocks(npk):
    npk.save({"a": numbers(4)})

    def work(i):
        for k in range(20):
            with npk.batch_mode():
                npk.load("a")
                npk.save({f"{i} {k}": numbers(2)})

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not npk._cache_enabled
    assert len(stored(npk)) == 121


def test_a_handle_in_a_batch_is_collected(path):
    npk = NumPack(path)
    npk.open()
    context = npk.batch_mode()
    context.__enter__()
    npk.save({"a": numbers(3)})
    del npk, context
    import gc

    gc.collect()
    with NumPack(path) as npk:
        assert same(npk.load("a"), numbers(3))


# --- What goes beyond the rows


def test_on_error_discard(npk):
    npk.save({"a": numbers(3)})
    before = npk.get_metadata()
    with pytest.raises(ZeroDivisionError), npk.batch_mode(memory_limit=0, on_error="discard"):
        npk.save({"a": numbers(9), "new": numbers(2)})
        npk.append({"a": numbers(1)})
        npk.remove("a")
        1 / 0  # noqa: B018
    assert npk.get_metadata() == before
    assert not npk._cache_enabled
    with npk.batch_mode(on_error="discard"):  # no error: published
        npk.save({"a": numbers(4)})
    assert same(npk.load("a"), numbers(4))
    for other in ("ignore", None, 3):
        with pytest.raises(ValueError, match="on_error"):
            npk.batch_mode(on_error=other)


@pytest.mark.parametrize("limit", [None, 0.05])
@pytest.mark.parametrize("way", ["rollback", "discard"])
def test_what_is_not_published_leaves_no_trace(path, way, limit):
    def arrays(npk):  # in their order
        return [(name, npk.load(name).tobytes()) for name in npk]

    def segments():
        return {p.name: p.stat().st_size for p in path.glob("segment.*")}

    with NumPack(path) as npk:
        npk.save({"z": numbers(1000, 10), "a": numbers(3), "m": numbers(50_000)})
        npk.drop("z", [5, 7])
    files_before = segments()
    with NumPack(path) as npk:
        before = arrays(npk), npk.get_metadata(), npk.stats()
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                with npk.batch_mode(memory_limit=limit, on_error="discard") as batch:
                    npk.save({"new": numbers(9000), "a": numbers(90_000), "b": numbers(1)})
                    npk.append({"m": numbers(60_000), "z": numbers(3, 10)})
                    npk.replace({"z": numbers(1, 10)}, [0])
                    npk.drop("m", slice(0, 100))
                    npk.clone("z", "copy")
                    npk.remove("z")
                    npk.save({"z": numbers(2)})
                    assert npk.get_member_list() == ["a", "m", "new", "b", "copy", "z"]
                    if way == "rollback":
                        batch.rollback()
                    else:
                        1 / 0  # noqa: B018
                raise ZeroDivisionError
            now = npk.stats()
            # What the files were grown by is free, for who comes next, until the store is closed.
            grown = {"free_bytes", "file_bytes", "segments"}
            assert {k: v for k, v in now.items() if k not in grown} == {
                k: v for k, v in before[2].items() if k not in grown
            }
            assert (arrays(npk), npk.get_metadata()) == before[:2]
    assert segments() == files_before


def test_a_nested_discard_takes_the_outermost_with_it(npk):
    npk.save({"a": numbers(3)})
    with pytest.raises(BatchModeError, match="nothing of the batch was published"):
        with npk.batch_mode():
            npk.save({"a": numbers(9)})
            with pytest.raises(KeyError), npk.batch_mode(on_error="discard"):
                raise KeyError
            assert npk._cache_enabled
    with pytest.raises(KeyError), npk.batch_mode(on_error="discard"):
        npk.save({"a": numbers(9)})
        with npk.batch_mode(on_error="discard"):
            raise KeyError
    assert same(npk.load("a"), numbers(3))
    with npk.batch_mode():
        npk.save({"a": numbers(9)})
    assert same(npk.load("a"), numbers(9))


def test_rollback(npk):
    npk.save({"a": numbers(3)})
    before = npk.get_metadata()
    with npk.batch_mode(memory_limit=0) as batch:
        array = npk.load("a")
        npk.save({"a": numbers(9), "new": numbers(2)})
        npk.drop("a", 0)
        with npk.batch_mode() as inner:
            inner.rollback()
        assert npk.get_metadata() == before
        assert len(npk._memory_cache) == 0
        assert not batch._dirty_arrays
        assert npk.load("a") is not array
        with NumPack(npk._filename) as other:  # the writer lock is free
            other.save({"b": numbers(1)})
        npk.save({"c": numbers(1)})
    assert npk.get_member_list() == ["a", "b", "c"]
    assert same(npk.load("a"), numbers(3))


def test_flush(npk):
    npk.save({"a": numbers(3)})
    with npk.batch_mode() as batch:
        array = npk.load("a")
        array += 1
        npk.save({"a": array})
        batch.flush()
        assert same(stored(npk)["a"], numbers(3) + 1)
        array[:] = -1  # no longer linked
        npk.save({"b": numbers(1)})
        batch.rollback()
    assert same(stored(npk)["a"], numbers(3) + 1)
    assert "b" not in npk


def test_flush_and_rollback_outside_the_block(npk):
    batch = npk.batch_mode()
    for use in (batch.flush, batch.rollback):
        with pytest.raises(BatchModeError, match="not active"):
            use()
    with batch:
        pass
    with pytest.raises(BatchModeError):
        batch.flush()


def test_stats_and_repr(npk):
    npk.save({f"a{i}": numbers(1000) for i in range(4)})
    batch = npk.batch_mode(memory_limit=0.016)  # two of them
    assert batch.stats == (0,) * 9
    assert "not active" in repr(batch)
    with batch:
        for name in ("a0", "a1", "a2", "a2"):
            npk.load(name)
        stats = batch.stats
        assert (stats.hits, stats.misses, stats.evictions, stats.spills) == (1, 3, 1, 0)
        assert (stats.cached_bytes, stats.peak_bytes) == (16_000, 16_000)
        held = [npk.load("a1"), npk.load("a2"), npk.load("a3"), npk.load("a0")]
        assert batch.stats.pinned_bytes >= 16_000
        assert batch.stats.peak_bytes == 32_000
        npk.save({"a0": held[-1]})
        held.clear()
        npk.save({"new": numbers(2000)})
        assert batch.stats.spills == 1
        assert batch.stats.spilled_bytes == 8000
        assert batch.stats.cached_bytes == 16_000
        text = repr(batch)
        assert " active" in text
        for name, value in batch.stats._asdict().items():
            assert f"{name}={value}" in text or name == "flush_seconds"
    after = batch.stats
    assert after.spills == 1
    assert after.cached_bytes == 0
    assert after.flush_seconds > 0
    with batch:
        assert batch.stats.spills == 0, "counted anew"


def test_warn_unsaved(npk):
    npk.save({"a": numbers(3), "b": numbers(3), "c": numbers(3)})
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with npk.batch_mode(warn_unsaved=True):
            npk.load("a")[0] = 9
            npk.load("b")
            npk.load("c")[0] = 9
            npk.save({"c": npk.load("c")})
    assert [w.category for w in seen] == [UnsavedChangeWarning]
    assert "'a'" in str(seen[0].message)
    assert seen[0].filename == __file__
    assert same(npk.load("a"), numbers(3))

    with pytest.warns(UnsavedChangeWarning), npk.batch_mode(warn_unsaved=True) as batch:
        npk.load("b")[0] = 9
        batch.flush()
        npk.load("b")[0] = 8
        batch.rollback()  # wanted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with npk.batch_mode():  # off by default
            npk.load("a")[0] = 9


def test_getitem_of_a_saved_array_writes_nothing(npk):
    with npk.batch_mode() as batch:
        array = numbers(5, 2)
        npk.save({"a": array, "t": array.T})
        for i in range(5):
            array[i] += 10
            assert same(npk.getitem("a", [i]), array[[i]])
            assert same(npk.getitem("a", slice(1, i)), array[1:i])
        assert same(npk.getitem("t", [-1, 0]), np.ascontiguousarray(array.T[[-1, 0]]))
        assert batch.stats.spilled_bytes == 0


def test_a_view_is_held_by_who_holds_its_base(npk):
    base = numbers(1000)
    with npk.batch_mode(memory_limit=0.008) as batch:
        npk.save({"view": base[:500]})
        npk.save({"other": numbers(900)})
        assert batch.stats.pinned_bytes == 4000
        base += 1
    assert same(npk.load("view"), numbers(500) + 1)


def test_reads_go_on_while_another_thread_waits_for_the_writer(path):
    with NumPack(path) as npk, NumPack(path) as other:
        npk.save({"a": numbers(3)})
        with npk.batch_mode():
            with other.batch_mode():
                other.save({"b": numbers(1)})
                saver = threading.Thread(target=lambda: npk.save({"c": numbers(1)}))
                saver.start()
                time.sleep(0.05)
                assert same(npk.load("a"), numbers(3))
                assert npk.get_member_list() == ["a"]
                assert saver.is_alive()
            saver.join(30)
        assert sorted(npk) == ["a", "b", "c"]


def test_a_dropped_store_is_no_misuse_of_batch_mode(path):
    with NumPack(path) as old, old.batch_mode():
        with NumPack(path, drop_if_exists=True):
            pass
        with pytest.raises(RuntimeError, match="open it again") as raised:
            old.load("a")
        assert not isinstance(raised.value, BatchModeError)


def test_recommend_mode(npk):
    npk.save({"a": numbers(1000)})
    for array in ("a", npk.load("a", lazy=True), 8000, np.int64(8000), 0):
        mode, reason = npk.recommend_mode(array)
        assert mode == "batch_mode"
        assert "at most 100 MB" in reason
    large = npk.recommend_mode(10**15)
    assert large.mode == "writable_batch_mode"
    assert "half of the available memory" in large.reason
    assert npk.recommend_mode(2**80).mode == "writable_batch_mode"
    changing = npk.recommend_mode(10**15, shape_change=True)
    assert changing.mode == "batch_mode"
    assert "memory limit" in changing.reason
    with npk.batch_mode():
        npk.save({"new": numbers(3)})
        assert npk.recommend_mode("new").mode == "batch_mode"
    with pytest.raises(ArrayNotFoundError):
        npk.recommend_mode("missing")
    with pytest.raises(ValueError):
        npk.recommend_mode(-1)
    for wrong in (1.5, True, None):
        with pytest.raises(TypeError):
            npk.recommend_mode(wrong)


# --- Loads and saves that come again and again are answered from what is remembered of them


def test_repeated_calls_count_and_are_the_same(npk):
    npk.save({"a": numbers(4), "b": numbers(3)})
    with npk.batch_mode() as batch:
        first = npk.load("a")
        for _ in range(10):
            assert npk.load("a") is first
            assert npk.load(array_name="a") is first
            assert npk["a"] is first
        assert (batch.stats.misses, batch.stats.hits) == (1, 30)
        npk.load("b")
        assert batch.stats.misses == 2
    assert (batch.stats.misses, batch.stats.hits) == (2, 30)
    with npk.batch_mode() as batch:
        assert npk.load("a") is not first
        assert (batch.stats.misses, batch.stats.hits) == (1, 0)


AFTERWARDS = {
    "append": (lambda npk, a: npk.append({"a": numbers(1)}), lambda a: np.append(a, 0)),
    "drop": (lambda npk, a: npk.drop("a", [0]), lambda a: a[1:]),
    "drop all": (lambda npk, a: npk.drop("a"), lambda a: a[:0]),
    "replace": (lambda npk, a: npk.replace({"a": numbers(1)}, [2]), lambda a: a * [1, 1, 0, 1]),
    "save another": (lambda npk, a: npk.save({"a": a + 5}), lambda a: a + 5),
    "save a view": (lambda npk, a: npk.save({"a": a[::-1]}), lambda a: a[::-1]),
    "save under an equal name": (
        lambda npk, a: npk.save({"".join(["", "a"]): a + 5}),
        lambda a: a + 5,
    ),
    "remove and save": (
        lambda npk, a: (npk.remove("a"), npk.save({"a": a * 3})),
        lambda a: a * 3,
    ),
    "reset and save": (lambda npk, a: (npk.reset(), npk.save({"a": a * 3})), lambda a: a * 3),
    "flush": (lambda npk, a: npk._batch_context.flush(), lambda a: a),
    "forget": (lambda npk, a: npk._memory_cache.pop("a"), lambda a: a),
    "lazy": (lambda npk, a: npk.load("a", lazy=True), lambda a: a),
    "nothing": (lambda npk, a: None, lambda a: a),
}


@pytest.mark.parametrize("change", AFTERWARDS)
@pytest.mark.parametrize("saved", [False, True])
def test_repeated_calls_after_a_change(npk, change, saved):
    """Whatever happens in between, the next load and save mean what they say."""
    do, expect = AFTERWARDS[change]
    npk.save({"a": numbers(4) + 1})
    with npk.batch_mode():
        for _ in range(3):
            array = npk.load("a")
            array *= 2
            if saved:
                npk.save({"a": array})
        known = array.copy()
        do(npk, array)
        linked = not (not saved and change in ("append", "drop", "replace", "flush", "forget"))
        stored = known if linked or saved else numbers(4) + 1
        after = npk.load("a")
        assert same(np.ascontiguousarray(after), np.ascontiguousarray(expect(stored)))
        for _ in range(3):
            again = npk.load("a")
            assert again is after
            again += 1
            npk.save({"a": again})
        final = np.array(after)
    assert same(npk.load("a"), final)


def test_repeated_saves_see_new_shapes_and_types(npk):
    npk.save({"a": numbers(6)})
    with npk.batch_mode():
        array = npk.load("a")
        for _ in range(3):
            npk.save({"a": array})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            array.shape = (3, 2)
            npk.save({"a": array})
            assert npk.get_shape("a") == (3, 2)
            array.dtype = np.int64
            npk.save({"a": array})
        assert npk.get_metadata()["arrays"]["a"]["dtype"] == "Int64"
        expected = array.copy()
    assert same(npk.load("a"), expected)


def test_repeated_saves_have_their_time(npk):
    npk.save({"a": numbers(6), "b": numbers(6)})
    with npk.batch_mode():
        arrays = {"a": npk.load("a"), "b": npk.load("b")}
        times = []
        for _ in range(5):
            npk.save(arrays)
            times.append(npk.get_modify_time("a"))
            time.sleep(0.002)
        assert times == sorted(set(times))
        npk.save(arrays)
        assert npk.get_metadata()["arrays"]["b"]["last_modified"] > times[-1]


def test_repeated_calls_end_with_the_batch(npk):
    npk.save({"a": numbers(4)})
    context = npk.batch_mode()
    with context:
        array = npk.load("a")
        for _ in range(3):
            npk.save({"a": array})
            npk.load("a")
    assert npk.load("a") is not array
    array += 1
    assert same(npk.load("a"), numbers(4))
    with context:
        context.rollback()
        array = npk.load("a")
        npk.save({"a": array})
        npk.save({"a": array})
        array += 1
        context.rollback()
        assert same(npk.load("a"), numbers(4))
        npk.close()
        with pytest.raises(RuntimeError, match="not opened or has been closed"):
            npk.load("a")
        with pytest.raises(RuntimeError, match="not opened or has been closed"):
            npk.save({"a": array})


def test_repeated_calls_in_a_limited_batch(npk):
    """Each use counts for what is evicted."""
    npk.save({name: numbers(1000) for name in "abc"})
    with npk.batch_mode(memory_limit=0.017) as batch:
        for _ in range(5):
            npk.load("a")
            npk.load("b")
        npk.load("a")
        npk.load("c")  # b goes
        assert sorted(npk._memory_cache) == ["a", "c"]
        assert batch.stats.evictions == 1


def test_wrong_calls_of_load_and_save(npk):
    npk.save({"a": numbers(4)})
    with npk.batch_mode():
        npk.load("a")
        for call in (
            lambda: npk.load(),
            lambda: npk.load("a", False, None),
            lambda: npk.load("a", array_name="a"),
            lambda: npk.load("a", lasy=True),
            lambda: npk.load(["a"]),
            lambda: npk.save(),
            lambda: npk.save({}, {}),
            lambda: npk.save(array={}),
            lambda: npk.save({}, arrays={}),
            lambda: NumPack.load(),
            lambda: NumPack.save(object(), {}),
        ):
            with pytest.raises(TypeError):
                call()


def test_signatures_can_be_read():
    assert str(inspect.signature(NumPack.load)) == "(self, /, array_name, lazy=False, *, out=None)"
    assert str(inspect.signature(NumPack.save)) == "(self, /, arrays)"


def test_repeated_calls_from_many_threads(npk):
    """While others change the same batch."""
    npk.save({"a": numbers(100), "b": numbers(100), "rows": numbers(5, 2)})
    with npk.batch_mode():
        arrays = {"a": npk.load("a"), "b": npk.load("b")}

        def read(_):
            for _ in range(300):
                assert npk.load("a") is arrays["a"]
                npk.save({"b": arrays["b"]})
                assert npk.load("b") is arrays["b"]

        def change(_):
            for _ in range(60):
                npk.append({"rows": numbers(1, 2)})
                npk.load("rows")
                npk.load("a", lazy=True)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda work: work(0), [read, change, read, change]))
    assert npk.get_shape("rows") == (125, 2)
    assert same(npk.load("a"), numbers(100))
