"""What a batch with a memory limit takes, in processes of its own: 100 arrays of 8 MB, 100 MB."""

import pathlib

import pytest

from helpers import commit_records, numbers, run_python
from numpack import NumPack

ARRAYS = 100
ELEMENTS = 1_000_000
ARRAY = 8  # MB
LIMIT = 100

if "RssAnon:" not in (
    pathlib.Path("/proc/self/status").read_text() if pathlib.Path("/proc").is_dir() else ""
):
    pytest.skip("the system does not tell what a process takes", allow_module_level=True)

# argv: path, memory limit in MB (0: none), ceiling in MB beyond what the process has (0: none)
CHILD = """
import os, re, resource, sys, threading, time
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from numpack import NumPack

def megabytes(key):
    with open("/proc/self/status") as status:
        return int(re.search(key + r":\\s*(\\d+)", status.read())[1]) * 1024 / 1e6

peak, over = 0, False
def look():
    global peak
    peak = max(peak, megabytes("RssAnon"))
def watch():
    while not over:
        look()
        time.sleep(0.001)

path, limit, ceiling = sys.argv[1], float(sys.argv[2]) or None, float(sys.argv[3])
with NumPack(path) as npk:
    names = npk.get_member_list()
    before = megabytes("RssAnon")
    watcher = threading.Thread(target=watch)
    watcher.start()
    if ceiling:
        most = int((megabytes("VmData") + ceiling) * 1e6)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        with npk.batch_mode(memory_limit=limit, on_error="discard") as batch:
            for name in names:
                array = npk.load(name)
                array *= 2
                npk.save({name: array})
                look()
        result = "done"
    except MemoryError:
        result = "no memory"
    over = True
    watcher.join()
    print(result, peak - before, batch.stats.spills)
"""


@pytest.fixture
def full(path):
    with NumPack(path) as npk:
        for i in range(ARRAYS):
            npk.save({f"a{i}": numbers(ELEMENTS) + i})
    return path


def run(path, limit, ceiling):
    child = run_python(CHILD, path, limit, ceiling)
    assert child.returncode == 0, child.stderr
    result, peak, spills = child.stdout.rsplit(" ", 2)
    return result, float(peak), int(spills)


def check_doubled(path):
    with NumPack(path) as npk:
        for i in range(ARRAYS):
            assert (npk.load(f"a{i}") == (numbers(ELEMENTS) + i) * 2).all()


def test_the_limit_bounds_what_the_process_takes(full):
    assert commit_records(full) == ARRAYS
    result, peak, spills = run(full, LIMIT, 0)
    assert result == "done"
    assert commit_records(full) == ARRAYS + 1
    assert spills >= ARRAYS - LIMIT // ARRAY
    assert LIMIT / 2 < peak <= LIMIT + ARRAY
    check_doubled(full)


def test_under_a_ceiling_that_an_unlimited_batch_hits(full):
    ceiling = LIMIT + ARRAY + 40
    assert run(full, 0, ceiling)[0] == "no memory", "or this test shows nothing"
    assert run(full, LIMIT, ceiling)[0] == "done"
    check_doubled(full)


def test_held_arrays_are_reported(full):
    with NumPack(full) as npk, npk.batch_mode(memory_limit=LIMIT) as batch:
        held = [npk.load(f"a{i}") for i in range(20)]
        for i, array in enumerate(held):
            array *= 2
            npk.save({f"a{i}": array})
        assert batch.stats.cached_bytes == 160_000_000
        assert batch.stats.pinned_bytes >= 60_000_000
        assert all(npk.load(f"a{i}") is array for i, array in enumerate(held))
        del held, array
        for i in range(20, ARRAYS):
            array = npk.load(f"a{i}")
            array *= 2
            npk.save({f"a{i}": array})
            del array
            assert batch.stats.cached_bytes <= LIMIT * 1_000_000
    check_doubled(full)
