"""Traps of NumPack 0.7: each of these lost or invented data there, or ended the process."""

import os
import sys

import numpy as np
import pytest

from helpers import files, numbers, run_python, same
from numpack import BatchModeError, CorruptStoreError, NumPack


def test_pending_change_survives_an_append_in_a_batch(npk):
    npk.save({"a": numbers(3, 2)})
    with npk.batch_mode():
        array = npk.load("a")
        array *= 2
        npk.save({"a": array})
        npk.append({"a": numbers(1, 2)})
        assert npk.load("a").shape == (4, 2)
    assert same(npk.load("a"), np.concatenate([numbers(3, 2) * 2, numbers(1, 2)]))


STRIDED = {
    "fortran": np.asfortranarray(numbers(4, 5)),
    "transposed": numbers(4, 5).T,
    "axes permuted": numbers(2, 3, 4).transpose(2, 0, 1),
    "every second": numbers(10, 4)[::2],
    "columns": numbers(10, 4)[:, 1:3],
    "negative": numbers(10)[::-1],
    "negative 2-D": numbers(6, 4)[::-1, ::-2],
    "broadcast": np.broadcast_to(numbers(3), (4, 3)),
    "unaligned": np.frombuffer(b"x" + numbers(6).tobytes(), dtype=np.float64, offset=1),
    "field": np.zeros(5, dtype=[("a", "i1"), ("b", "f8")])["b"],
}


@pytest.mark.parametrize("kind", STRIDED)
@pytest.mark.parametrize("in_batch", [False, True])
def test_arrays_of_any_strides_keep_their_elements(path, kind, in_batch):
    array = STRIDED[kind]
    with NumPack(path) as npk:
        if in_batch:
            with npk.batch_mode():
                npk.save({"a": array})
        else:
            npk.save({"a": array})
    with NumPack(path) as npk:
        loaded = npk.load("a")
        assert loaded.flags.c_contiguous
        np.testing.assert_array_equal(loaded, array)


@pytest.mark.parametrize("kind", ["fortran", "transposed", "negative 2-D", "columns"])
def test_strided_rows_append_and_replace(npk, kind):
    rows = STRIDED[kind]
    npk.save({"a": np.zeros_like(rows, order="C")})
    npk.append({"a": rows})
    n = len(rows)
    np.testing.assert_array_equal(npk.load("a")[n:], rows)
    npk.replace({"a": rows[::-1]}, list(range(n)))
    np.testing.assert_array_equal(npk.load("a")[:n], rows[::-1])


def test_scattered_replace_is_exact(npk):
    expected = numbers(10, 3)
    npk.save({"a": expected})
    rows = [7, 0, -2, 3]
    values = -1 - numbers(4, 3)
    npk.replace({"a": values}, rows)
    expected[rows] = values
    assert same(npk.load("a"), expected)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_arrays_in_writable_mode(npk, shape):
    npk.save({"empty": np.zeros(shape, np.float32)})
    with npk.writable_batch_mode() as wb:
        array = wb.load("empty")
        assert array.shape == shape
        assert array.dtype == np.float32
        assert array.flags.writeable
        assert not array.flags.owndata
        array += 1
    assert npk.load("empty").shape == shape


class TestViewKeptAfterWritableMode:
    @pytest.fixture(params=["small", "large"])
    def kept(self, npk, request):
        rows = 100 if request.param == "small" else 200_000
        npk.save({"a": numbers(rows, 4)})
        with npk.writable_batch_mode() as wb:
            self.view = wb.load("a")
            self.slice = self.view[10:20]
            self.memory = memoryview(self.view)
            self.view += 1
        self.expected = numbers(rows, 4) + 1
        return npk

    def test_reading_is_safe(self, kept):
        assert same(np.array(self.view), self.expected)

    def test_storing_raises(self, kept):
        with pytest.raises(ValueError, match="read-only"):
            self.view[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            self.view *= 2
        with pytest.raises(ValueError, match="WRITEABLE"):
            self.view.flags.writeable = True

    def test_derived_views_are_harmless(self, kept):
        self.slice[...] = -1
        self.memory[0, 0] = -2.0
        assert same(kept.load("a"), self.expected)
        kept.save({"a": self.expected * 2})
        self.slice[...] = -3
        assert same(kept.load("a"), self.expected * 2)
        kept.close()
        self.slice[...] = -4
        kept.open()
        assert same(kept.load("a"), self.expected * 2)


NAMES = [
    "../x",
    "a/b",
    "/",
    "..",
    ".",
    "CON",
    "nul",
    "x" * 300,
    "🐍🎉",
    "a\\b",
    "a\0b",
    " ",
    "a\nb",
]
NAMES += ["Ä", "A\u0308", "x:y", "*?", "é" * 300, "log.0", "segment.0"]


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_any_name_works_and_stays_out_of_the_file_system(path, name):
    with NumPack(path) as npk:
        npk.save({name: numbers(3), "other": numbers(2)})
        npk.append({name: numbers(2)})
        with npk.batch_mode():
            array = npk.load(name)
            array += 1
            npk.save({name: array})
    expected = np.concatenate([numbers(3), numbers(2)]) + 1
    with NumPack(path) as npk:
        assert npk.get_member_list() == [name, "other"]
        assert same(npk.load(name), expected)
        npk.remove(name)
        assert npk.get_member_list() == ["other"]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def _log(path):
    return max(path.glob("log.*"), key=lambda p: p.stat().st_size)


def _cut_log(path):
    log = _log(path)
    log.write_bytes(log.read_bytes()[:10])


def _empty_log(path):
    _log(path).write_bytes(b"")


def _garble_log(path):
    log = _log(path)
    content = bytearray(log.read_bytes())
    content[20] ^= 0x55
    log.write_bytes(content)


def _remove_log(path):
    _log(path).unlink()


def _remove_segments(path):
    for segment in path.glob("segment.*"):
        segment.unlink()


def _cut_segments(path):
    for segment in path.glob("segment.*"):
        os.truncate(segment, segment.stat().st_size // 4)


DAMAGE = [_cut_log, _empty_log, _garble_log, _remove_log, _remove_segments, _cut_segments]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__[1:])
def test_damaged_store_is_an_error_and_stays_untouched(path, damage):
    with NumPack(path) as npk:
        npk.save({"small": numbers(10), "large": numbers(200_000)})
    damage(path)
    before = files(path)

    def use():
        with NumPack(path) as npk:
            for name in ("small", "large"):
                npk.load(name, lazy=True)
                npk.load(name)

    with pytest.raises(OSError):
        use()
    assert files(path) == before
    with pytest.raises(OSError):  # still an error
        use()


def test_corrupt_store_error_type(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(10)})
    _garble_log(path)
    with pytest.raises(CorruptStoreError) as raised:
        NumPack(path).open()
    assert isinstance(raised.value, RuntimeError)


UNKNOWN = {
    "object": np.array([None, {}]),
    "bytes": np.array([b"ab"]),
    "str": np.array(["ab"]),
    "datetime": np.array(["2024-01-01"], dtype="M8[D]"),
    "timedelta": np.array([1], dtype="m8[s]"),
    "longdouble": np.zeros(2, np.longdouble),
    "clongdouble": np.zeros(2, np.clongdouble),
    "structured": np.zeros(2, dtype=[("a", "i4")]),
    "void": np.zeros(2, dtype="V3"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("in_batch", [False, True])
def test_unknown_dtype_is_an_error_and_stores_nothing(npk, kind, in_batch):
    def save():
        with pytest.raises(ValueError, match="Unsupported dtype"):
            npk.save({"good": numbers(3), "bad": UNKNOWN[kind]})

    if in_batch:
        with npk.batch_mode() as batch:
            save()
            assert not batch._dirty_arrays
    else:
        save()
    assert npk.get_member_list() == []


FAILING_FLUSH = """
import resource, signal, sys
import numpy as np
from numpack import NumPack

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with NumPack(sys.argv[1]) as npk:
    npk.save({"a": np.arange(1000.0), "b": np.arange(10)})
    before = {name: npk.load(name) for name in npk}
    used = 4 << 20
    resource.setrlimit(resource.RLIMIT_FSIZE, (used, resource.RLIM_INFINITY))
    try:
        with npk.batch_mode():
            npk.save({"b": np.zeros(10)})
            npk.save({"a": np.ones(4_000_000), "new": np.ones(3)})
            raise KeyError("the block's own")
    except OSError as error:
        assert isinstance(error, RuntimeError), type(error).__mro__
        assert error.errno is not None, error
        assert isinstance(error.__context__, KeyError), error.__context__
    else:
        raise SystemExit("the flush did not fail")
    assert not npk._cache_enabled and not npk._memory_cache
    assert npk.get_member_list() == ["a", "b"], npk.get_member_list()
    for name, array in before.items():
        assert np.array_equal(npk.load(name), array), name
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with npk.batch_mode():
        npk.save({"b": np.ones(10)})
    assert npk.load("b").sum() == 10
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits there")
def test_failing_flush_raises_and_keeps_the_old_state(path):
    result = run_python(FAILING_FLUSH, path)
    assert result.returncode == 0, result.stderr
    with NumPack(path) as npk:
        assert npk.get_member_list() == ["a", "b"]
        assert same(npk.load("a"), np.arange(1000.0))


@pytest.mark.parametrize("mode", ["batch", "writable"])
def test_misuse_leaves_the_outer_block_unharmed(npk, mode):
    npk.save({"a": numbers(4)})
    outer = npk.batch_mode() if mode == "batch" else npk.writable_batch_mode()
    inner = npk.writable_batch_mode() if mode == "batch" else npk.batch_mode()
    with outer as block:
        array = npk.load("a") if mode == "batch" else block.load("a")
        array += 1
        with pytest.raises(BatchModeError):
            inner.__enter__()
        array += 1
        (npk if mode == "batch" else block).save({"a": array})
    assert same(npk.load("a"), numbers(4) + 2)


def test_rows_dropped_before_writable_mode_stay_away(npk):
    npk.save({"a": numbers(6, 2)})
    npk.drop("a", [0, 3])
    with npk.writable_batch_mode() as wb:
        view = wb.load("a")
        np.testing.assert_array_equal(view, np.delete(numbers(6, 2), [0, 3], axis=0))
        view *= 2
    np.testing.assert_array_equal(npk.load("a"), np.delete(numbers(6, 2), [0, 3], axis=0) * 2)


KILLED = """
import os, sys
import numpy as np
from numpack import NumPack
npk = NumPack(sys.argv[1])
npk.open()
npk.save({"a": np.arange(5)})
npk.append({"a": np.arange(5, 8)})
with npk.batch_mode():
    npk.save({"a": np.zeros(1)})
    os._exit(0)
"""


def test_saved_data_survives_a_process_that_never_closes(path):
    assert run_python(KILLED, path).returncode == 0
    with NumPack(path) as npk:
        assert same(npk.load("a"), np.arange(8))


def test_corrupt_error_does_not_create_files(path):
    path.mkdir()
    (path / "foreign.txt").write_text("mine")
    with NumPack(path) as npk:
        assert npk.get_member_list() == []
        npk.save({"a": numbers(2)})
        npk.reset()
    assert (path / "foreign.txt").read_text() == "mine"


def test_resizing_a_saved_array_is_refused_while_the_batch_holds_it(npk):
    with npk.batch_mode():
        array = numbers(10)
        npk.save({"a": array})
        with pytest.raises(ValueError):
            array.resize(1000, refcheck=False)
    assert same(npk.load("a"), numbers(10))
