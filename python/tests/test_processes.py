"""How programs with several processes and threads use a store: data loaders, pools, joblib."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from helpers import numbers, run_python, same
from numpack import NumPack

ROWS = 20_000


class Dataset:
    """As data loaders have it: made once, used by index in worker processes."""

    def __init__(self, path):
        with NumPack(path) as npk:
            self.features = npk.load("features", lazy=True)

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        return self.features[index]


@pytest.fixture
def filled(path):
    with NumPack(path) as npk:
        npk.save({"features": numbers(ROWS, 4)})
    return path


def sums_of_rows(dataset, rows):
    return float(dataset[rows].sum())


def sum_of_array(path, name):
    with NumPack(path) as npk:
        return float(npk.load(name).sum())


def save_one(path, number):
    with NumPack(path) as npk:
        npk.save({f"part {number}": np.full(1000, float(number))})
    return number


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_dataset_in_worker_processes(filled, method):
    dataset = Dataset(filled)
    batches = np.array_split(np.random.default_rng(0).permutation(ROWS), 8)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        sums = list(pool.map(sums_of_rows, [dataset] * len(batches), batches))
    expected = numbers(ROWS, 4)
    assert sums == [expected[rows].sum() for rows in batches]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_open_the_store_themselves(filled, method):
    context = multiprocessing.get_context(method)
    with NumPack(filled) as npk:  # the parent keeps it open meanwhile
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            sums = list(pool.map(sum_of_array, [filled] * 4, ["features"] * 4))
            assert sums == [numbers(ROWS, 4).sum()] * 4
            assert sorted(pool.map(save_one, [filled] * 10, range(10))) == list(range(10))
        assert npk.get_member_list()[0] == "features"
        for number in range(10):
            assert same(npk.load(f"part {number}"), np.full(1000, float(number)))


def test_a_forked_child_must_open_again(filled):
    code = """
import os, sys
import numpy as np
from numpack import NumPack

npk = NumPack(sys.argv[1])
npk.open()
lazy = npk.load("features", lazy=True)
child = os.fork()
if child == 0:
    status = 1
    try:
        try:
            npk.load("features")
        except RuntimeError as error:
            assert "open it again" in str(error), error
            assert lazy[3, 0] == 12.0  # what it inherited stays readable
            with NumPack(sys.argv[1]) as own:
                own.save({"child": np.ones(3)})
            status = 0
    finally:
        os._exit(status)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert npk.load("child").tolist() == [1, 1, 1]
npk.close()
"""
    done = run_python(code, filled)
    assert done.returncode == 0, done.stderr


def test_a_pool_of_threads_reads_one_store(filled):
    expected = numbers(ROWS, 4)
    with NumPack(filled) as npk, ThreadPoolExecutor(8) as pool:
        lazy = npk.load("features", lazy=True)

        def work(seed):
            rows = np.random.default_rng(seed).integers(0, ROWS, 100)
            assert same(npk.getitem("features", rows), expected[rows])
            assert same(lazy[rows], expected[rows])
            return npk.load("features")[seed, 0]

        assert list(pool.map(work, range(200))) == [4.0 * seed for seed in range(200)]


def load_batches(dataset, orders, results):
    """A worker of a data loader: answers with arrays, in the order of the questions."""
    for rows in iter(orders.get, None):
        results.put((rows[0], dataset[rows]))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_data_loader(filled, method):
    """As PyTorch's: workers that stay, shuffled batches of rows through queues, several epochs."""
    dataset = Dataset(filled)
    context = multiprocessing.get_context(method)
    results = context.Queue()
    orders = [context.Queue() for _ in range(2)]
    workers = [
        context.Process(target=load_batches, args=(dataset, queue, results), daemon=True)
        for queue in orders
    ]
    for worker in workers:
        worker.start()
    expected = numbers(ROWS, 4)
    for epoch in range(2):
        shuffled = np.random.default_rng(epoch).permutation(ROWS)[:5000].tolist()
        batches = {shuffled[i]: shuffled[i : i + 250] for i in range(0, 5000, 250)}
        for number, rows in enumerate(batches.values()):
            orders[number % 2].put(rows)
        for _ in range(20):
            first, array = results.get(timeout=60)
            assert same(array, expected[batches.pop(first)])
    for queue in orders:
        queue.put(None)
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0


def test_lazy_arrays_travel_by_reference(filled):
    with NumPack(filled) as npk:
        pickled = pickle.dumps(npk.load("features", lazy=True))
    code = """
import pickle, sys
print(pickle.loads(bytes.fromhex(sys.argv[1])).shape)
"""
    done = run_python(code, pickled.hex())
    assert done.stdout.strip() == f"({ROWS}, 4)", done.stderr


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib(filled, backend):
    joblib = pytest.importorskip("joblib")
    dataset = Dataset(filled)
    rows = np.array_split(np.arange(ROWS), 4)
    sums = joblib.Parallel(n_jobs=2, backend=backend)(
        joblib.delayed(sums_of_rows)(dataset, r) for r in rows
    )
    assert sums == [numbers(ROWS, 4)[r].sum() for r in rows]
