"""NumPack(path, mappings=False): nothing is shared with the files, everything else works."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from helpers import run_python
from numpack import NumPack
from numpack.errors import StoreLockedError


@pytest.fixture
def npk(tmp_path):
    with NumPack(tmp_path / "s.npk", mappings=False) as store:
        yield store


def test_it_is_told(npk, tmp_path):
    assert npk.mapped is False
    with NumPack(tmp_path / "other.npk") as other:
        assert other.mapped is True
    with pytest.raises(RuntimeError):
        other.mapped  # noqa: B018


def test_arrays_and_batches(npk):
    rows = np.arange(200_000, dtype=np.float32).reshape(1000, 200)
    npk.save({"a": rows})
    npk.append({"a": rows[:3]})
    npk.drop("a", [0])
    npk.replace({"a": rows[7:8]}, [2])
    expected = np.concatenate([rows[1:], rows[:3]])
    expected[2] = rows[7]
    assert np.array_equal(npk.load("a"), expected)
    assert np.array_equal(npk.getitem("a", [5, -1, 5]), expected[[5, -1, 5]])
    with npk.batch_mode():
        array = npk.load("a")
        array *= 2
        npk.save({"a": array})
    assert np.array_equal(npk.load("a"), expected * 2)


def test_lazy_arrays_stay_what_they_were(npk):
    values = np.arange(100_000.0)
    npk.save({"a": values})
    lazy = npk.load("a", lazy=True)
    seen = lazy[:]
    npk.save({"a": np.zeros(5)})
    assert np.array_equal(lazy[10:20], values[10:20])
    assert np.array_equal(np.asarray(lazy), values)
    assert np.array_equal(seen, values)


def anonymous_bytes():
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_lazy_array_reads_what_is_asked_for(npk):
    rows = np.arange(5_000_000, dtype=np.float64).reshape(50_000, 100)  # 40 MB
    npk.save({"a": rows})
    before = anonymous_bytes()
    lazy = npk.load("a", lazy=True)
    assert (lazy.shape, lazy.dtype, len(lazy), lazy.nbytes) == (
        rows.shape,
        rows.dtype,
        50_000,
        40e6,
    )
    for key in (5, -1, np.int16(3), [1, 49_999, -7], slice(100, 200), slice(None, None, 9_999)):
        assert np.array_equal(lazy[key], rows[key])
    assert np.array_equal(lazy.vectorized_gather([3, 3]), rows[[3, 3]])
    assert np.array_equal(lazy.reshape(25_000, 200)[7], rows[14:16].ravel())
    assert sum(float(block[0, 0]) for block in npk.stream_load("a", 1000)) == rows[::1000, 0].sum()
    assert anonymous_bytes() - before < 10_000_000
    vector = npk.load("a", lazy=True).reshape(-1)
    assert vector[4].shape == (1,)  # row Z20
    with pytest.raises(IndexError):
        lazy[50_000]
    npk.replace({"a": np.zeros((1, 100))}, 5)
    npk.drop("a")
    npk.close()
    assert np.array_equal(lazy[4:7], rows[4:7])
    assert np.array_equal(lazy + 0, rows)


def test_a_lazy_array_with_dropped_rows(npk):
    rows = np.arange(400_000.0).reshape(4000, 100)
    npk.save({"a": rows})
    npk.drop("a", [0, 5, 3000])
    expected = np.delete(rows, [0, 5, 3000], axis=0)
    lazy = npk.load("a", lazy=True)
    for key in (0, -1, [4, 2999, 2998], slice(3, 8), slice(None)):
        assert np.array_equal(lazy[key], expected[key])
    assert np.array_equal(lazy.reshape(-1)[500], expected[5, :1])


@pytest.mark.parametrize("size", [3, 100_000])
def test_writable_mode_writes_back(npk, size):
    npk.save({"a": np.zeros(size)})
    with npk.writable_batch_mode() as batch:
        array = batch.load("a")
        array += 1
        assert batch.load("a") is array
        assert not npk.load("a", lazy=True)[:].any(), "a copy until it is written back"
        npk.flush()
        assert (npk.load("a", lazy=True)[:] == 1).all()
        array += 1
    assert (npk.load("a") == 2).all()
    assert (array == 2).all()
    assert npk.interrupted() == []


def test_atomic_writable_mode(npk):
    npk.save({"a": np.zeros(100_000), "b": np.zeros(3)})
    with pytest.raises(ZeroDivisionError), npk.writable_batch_mode(atomic=True) as batch:
        batch.load("a")[:] = 1
        raise ZeroDivisionError
    assert not npk.load("a").any()
    with npk.writable_batch_mode(atomic=True) as batch:
        batch.load("a")[:] = 1
        batch.load("b")[:] = 2
        assert not npk.load("a", lazy=True)[:].any()
    assert npk.load("a").all()
    assert (npk.load("b") == 2).all()


def test_the_files_are_the_same(npk, tmp_path):
    npk.save({"a": np.arange(50_000)})
    npk.close()
    with NumPack(tmp_path / "s.npk") as mapped:
        assert np.array_equal(mapped.load("a"), np.arange(50_000))
        with pytest.raises(RuntimeError, match="with mappings"):
            npk.open()
    npk.open()


def test_no_other_process_meanwhile(npk, tmp_path):
    npk.save({"a": np.arange(5)})
    program = (
        "import sys; from numpack import NumPack; NumPack._lock_wait = 0.0\n"
        "NumPack(sys.argv[1], read_only=sys.argv[2] == 'True').open()"
    )
    for read_only in (False, True):
        result = run_python(program, tmp_path / "s.npk", read_only)
        assert StoreLockedError.__name__ in result.stderr


def test_a_file_system_that_refuses_is_a_warning(tmp_path, monkeypatch):
    opened = NumPack._open

    def open_with_warning(self, *arguments):
        return opened(self, *arguments) or "maps no files"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NumPack(tmp_path / "s.npk").open()
    monkeypatch.setattr(NumPack, "_open", open_with_warning, raising=False)
    with pytest.warns(RuntimeWarning, match="maps no files") as caught:
        NumPack(tmp_path / "t.npk").open()
        with NumPack(tmp_path / "t.npk"), NumPack(tmp_path / "t.npk", read_only=True):
            pass
    assert [warning.filename for warning in caught] == [__file__] * 3
