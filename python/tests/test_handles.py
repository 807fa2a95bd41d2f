"""Threads, processes, handles: rows Q."""

import contextlib
import copy
import pickle
import shutil
import threading
import time
import warnings
from random import Random

import numpy as np
import pytest

from helpers import numbers, run_python, same
from numpack import BatchModeError, LazyArray, NumPack


def in_threads(count, work):
    """Runs work(0), work(1), ... at once and raises what one of them raised."""
    errors = []

    def guarded(i):
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_Q1_one_handle_many_threads(npk):
    npk.save({"shared": numbers(1000)})

    def work(i):
        for k in range(20):
            npk.save({f"{i} {k}": numbers(10) + i})
            assert same(npk.load("shared"), numbers(1000))
            npk.append({f"{i} {k}": numbers(2)})
            assert npk.get_shape(f"{i} {k}") == (12,)

    in_threads(8, work)
    assert len(npk.get_member_list()) == 161


def test_Q2_many_handles_reading(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(1000, 3)})

    def work(i):
        for _ in range(5):
            with NumPack(path) as npk:
                assert same(npk.load("a"), numbers(1000, 3))
                assert npk.load("a", lazy=True)[5].tolist() == [15, 16, 17]
                assert len(list(npk.stream_load("a", 300))) == 4
                with npk.batch_mode():
                    npk.load("a")

    in_threads(50, work)


def test_Q3_writers_serialised_by_the_caller(path):
    lock = threading.Lock()
    with NumPack(path) as npk:
        npk.save({"log": numbers(0), "rows": numbers(100)})

    def work(i):
        for k in range(5):
            with lock, NumPack(path) as npk:
                npk.save({f"{i} {k}": numbers(4)})
                npk.append({"log": np.array([float(i)])})
                npk.drop("rows", [0])
                npk.replace({"log": np.array([-1.0])}, [-1])

    in_threads(8, work)
    with NumPack(path) as npk:
        assert len(npk.get_member_list()) == 42
        assert npk.load("log").tolist() == [-1] * 40
        assert npk.get_shape("rows") == (60,)


def test_Q4_changes_are_visible_to_all_handles_at_once(path):
    with NumPack(path) as old, NumPack(path) as new:
        new.save({"a": numbers(3)})
        assert same(old.load("a"), numbers(3))
        old.save({"b": numbers(2)})
        new.drop("a", 0)
        assert old.get_shape("a") == (2,)
    with NumPack(path) as npk:
        assert npk.get_member_list() == ["a", "b"]
        assert npk.get_shape("a") == (2,)


def test_Q5_two_writers_at_once(path):
    with NumPack(path) as npk:
        npk.save({"log": numbers(0)})

    def work(i):
        with NumPack(path) as npk:
            for k in range(20):
                npk.append({"log": np.array([float(i)])})
                with npk.batch_mode():
                    npk.save({f"{i} {k}": numbers(2)})

    in_threads(6, work)
    with NumPack(path) as npk:
        assert npk.get_shape("log") == (120,)
        assert len(npk.get_member_list()) == 121


def test_Q6_the_directory_can_go(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(3)})
        npk.load("a")
    shutil.rmtree(path)
    assert not path.exists()


def test_Q7_different_stores(tmp_path):
    with NumPack(tmp_path / "one") as one, NumPack(tmp_path / "two") as two:
        one.save({"a": numbers(1)})
        two.save({"a": numbers(2)})
        with one.batch_mode(), two.writable_batch_mode() as wb:
            one.save({"a": numbers(3)})
            wb.load("a")[0] = 5
        assert same(one.load("a"), numbers(3))
        assert two.load("a").tolist() == [5, 1]


def test_Q8_exception_inside_with(path):
    with pytest.raises(KeyError), NumPack(path) as npk:
        npk.save({"a": numbers(3)})
        raise KeyError
    assert npk.is_closed
    with NumPack(path) as npk:
        assert same(npk.load("a"), numbers(3))


def test_another_process_sees_what_was_saved(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(3)})
    code = """
import sys
from numpack import NumPack
with NumPack(sys.argv[1]) as npk:
    assert npk.load("a").tolist() == [0, 1, 2]
    npk.append({"a": npk.load("a")})
"""
    result = run_python(code, path)
    assert result.returncode == 0, result.stderr
    with NumPack(path) as npk:
        assert npk.get_shape("a") == (6,)


def test_closing_while_others_work(path):
    npk = NumPack(path)
    npk.open()
    npk.save({"a": numbers(1000)})

    def work(i):
        for _ in range(50):
            try:
                assert len(npk.load("a")) == 1000
                npk.save({f"{i}": numbers(10)})
                npk.has_array("a")
            except RuntimeError as error:
                assert "not opened or has been closed" in str(error)

    def reopen():
        for _ in range(50):
            npk.close()
            npk.open()

    opener = threading.Thread(target=reopen)
    opener.start()
    in_threads(4, work)
    opener.join()
    npk.close()


def test_many_loads_leak_nothing(npk):
    resource = pytest.importorskip("resource")
    npk.save({"a": np.zeros(250_000), "b": numbers(10)})

    def work(repeats):
        for _ in range(repeats):
            npk.load("a")
            npk.load("a", lazy=True)[5]
            with npk.batch_mode():
                npk.save({"b": npk.load("b")})
            with npk.writable_batch_mode() as wb:
                wb.load("b")[0] += 1

    work(50)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work(300)
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    )  # KiB; one array is 2,000


def test_everything_at_once(npk, path):
    """Threads in both modes on one handle, others on their own handles: only misuse errors."""
    for i in range(6):
        npk.save({f"a{i}": numbers(20_000)})
    end = time.monotonic() + 3

    def shared(random):
        name = f"a{random.randrange(6)}"
        kind = random.randrange(8)
        if kind == 0:
            npk.save({name: numbers(random.randrange(40_000))})
        elif kind == 1:
            npk.append({name: numbers(3)})
            npk.drop(name, [0, -1])
        elif kind == 2:
            with npk.batch_mode(memory_limit=random.choice([None, 0.3, 0])):
                npk.save({name: npk.load(name)})
                npk.append({name: numbers(1)})
        elif kind == 3:
            np.asarray(npk.load(name, lazy=True)).sum()
        elif kind == 4:
            list(npk.stream_load(name, 5000))
        elif kind == 5:
            npk._memory_cache.get(name)
            npk._flush_cache()
            npk.get_metadata()
        else:
            with npk.writable_batch_mode() as wb:
                view = wb.load(name)
                view += 1

    def own(random):
        with NumPack(path) as other:
            for name in other:
                other.load(name, lazy=True)
            other.save({f"own {random.randrange(3)}": numbers(100)})

    def work(i):
        random = Random(i)
        while time.monotonic() < end:
            with contextlib.suppress(BatchModeError):
                (shared if i % 2 else own)(random)

    in_threads(6, work)
    assert not npk._cache_enabled


DAEMONS = """
import sys, threading, time
import numpy as np
from numpack import NumPack
npk = NumPack(sys.argv[1])
npk.open()
npk.save({"a": np.zeros(100_000)})
batch = npk.batch_mode() if sys.argv[2] == "batch" else None
if batch:
    batch.__enter__()

def work(i):
    while True:
        if i % 2:
            npk.load("a")
        else:
            npk.save({f"b{i}": np.zeros(1000 * i)})

for i in range(4):
    threading.Thread(target=work, args=(i,), daemon=True).start()
time.sleep(0.1)
"""


@pytest.mark.parametrize("mode", ["normal", "batch"])
def test_daemon_threads_at_interpreter_exit(path, mode):
    for _ in range(5):
        result = run_python(DAEMONS, path, mode)
        assert (result.returncode, result.stderr) == (0, "")


def test_objects_that_were_never_made():
    for use in (
        lambda: NumPack.__new__(NumPack).load("a"),
        lambda: NumPack.__new__(NumPack).is_opened,
        lambda: NumPack.load(3, "a"),
        lambda: LazyArray.__new__(LazyArray).shape,
        lambda: repr(LazyArray.__new__(LazyArray)),
    ):
        with warnings.catch_warnings(), pytest.raises(TypeError):
            warnings.simplefilter("ignore")
            use()
    with pytest.raises((TypeError, BufferError)):
        memoryview(LazyArray.__new__(LazyArray))


def test_handles_are_not_copied(npk):
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            make(npk)
