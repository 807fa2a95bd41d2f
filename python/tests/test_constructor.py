"""Package surface, exceptions, constructor, open and close: rows P, E and C."""

import gc
import os
import pathlib
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

import numpack
from helpers import (
    AS_ANOTHER_USER,
    CANNOT_BE_ANOTHER_USER,
    files,
    let_others_in,
    numbers,
    run_python,
    same,
)
from numpack import (
    ArrayNotFoundError,
    BatchModeContext,
    BatchModeError,
    CorruptStoreError,
    IndexOutOfRangeError,
    NumPack,
    StoreIOError,
    StoreLockedError,
)


def test_P1_surface():
    names = {"NumPack", "LazyArray", "BatchModeContext", "force_cleanup_windows_handles"}
    assert names <= set(numpack.__all__)
    assert all(hasattr(numpack, name) for name in numpack.__all__)
    assert isinstance(numpack.__version__, str)


def test_P2_lazy_array_type(npk):
    npk.save({"a": numbers(2)})
    lazy = npk.load("a", lazy=True)
    assert type(lazy) is numpack.LazyArray
    assert numpack.LazyArray.__module__ == "numpack"
    assert numpack.LazyArray.__name__ == "LazyArray"
    with pytest.raises(TypeError):
        numpack.LazyArray()


def test_P3_batch_mode_context(npk):
    context = BatchModeContext(npk, memory_limit=3)
    assert context.npk is npk
    assert context.memory_limit == 3
    with BatchModeContext(npk):
        assert npk._cache_enabled


def test_P4_writable_array_module():
    from numpack import writable_array

    assert writable_array.WritableBatchMode
    assert writable_array.WritableArray


def test_P6_force_cleanup():
    assert numpack.force_cleanup_windows_handles() is True


def test_P7_issubdtype_takes_tuples():
    assert np.issubdtype(np.int32, (np.integer, np.bool_))
    assert np.issubdtype(np.bool_, (np.integer, np.bool_))
    assert not np.issubdtype(np.float32, (np.integer, np.bool_))
    assert np.issubdtype(np.int32, np.integer)
    with pytest.raises(TypeError):
        np.issubdtype("no such type", np.integer)


def test_E1_E2_E3_E4_E5_E6_bases():
    for base in (KeyError, ValueError, RuntimeError):
        assert issubclass(ArrayNotFoundError, base)
    for base in (IndexError, ValueError, RuntimeError):
        assert issubclass(IndexOutOfRangeError, base)
    assert issubclass(BatchModeError, RuntimeError)
    for error in (CorruptStoreError, StoreLockedError, StoreIOError):
        assert issubclass(error, OSError)
        assert issubclass(error, RuntimeError)


def test_E1_message_names_the_array(npk):
    with pytest.raises(ArrayNotFoundError) as raised:
        npk.load("missing one")
    assert "missing one" in str(raised.value)
    assert not str(raised.value).startswith("'")


def test_E2_message_names_index_array_and_rows(npk):
    npk.save({"the array": numbers(5)})
    with pytest.raises(IndexOutOfRangeError) as raised:
        npk.getitem("the array", [0, 17])
    for part in ("17", "the array", "5"):
        assert part in str(raised.value)


@pytest.mark.parametrize("held", ["store"])
def test_E5_locked_store_tells_the_process(path, held):
    code = """
import sys, time
from numpack import NumPack
npk = NumPack(sys.argv[1])
npk.open()
with npk.batch_mode():
    import numpy
    npk.save({"a": numpy.zeros(3)})
    npk.append({"a": numpy.zeros(3)})
    print("open", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        npk = NumPack(path)
        npk._lock_wait = 0.2
        with pytest.raises(StoreLockedError) as raised:
            npk.open()
            npk.save({"b": numbers(3)})
        assert raised.value.pid == other.pid
        other.stdin.close()
        assert other.wait(30) == 0


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_E6_permission_denied(path):
    code = (
        AS_ANOTHER_USER
        + """
import errno
from numpack import NumPack
try:
    NumPack(sys.argv[1]).open()
except PermissionError as error:
    assert isinstance(error, RuntimeError), type(error).__mro__
    assert error.errno in (errno.EACCES, errno.EPERM)
else:
    raise SystemExit("opened")
"""
    )
    path.mkdir()
    let_others_in(path)
    path.chmod(0o555)
    result = run_python(code, path)
    if result.returncode == CANNOT_BE_ANOTHER_USER:
        pytest.skip("root that cannot be anybody else")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("filename", [b"x.npk", None, 3, 1.5])
def test_C1_wrong_filenames(filename):
    with pytest.raises(TypeError):
        NumPack(filename)


def test_C1_wrong_calls_leave_no_stray_message():
    code = """
from numpack import NumPack
for arguments, keywords in (((), {}), (("x",), {"unknown": 1}), ((b"x",), {})):
    try:
        NumPack(*arguments, **keywords)
    except TypeError:
        pass
    else:
        raise SystemExit(1)
"""
    result = run_python(code)
    assert (result.returncode, result.stderr) == (0, "")


def test_C1_str_and_pathlike(tmp_path):
    class Located:
        def __fspath__(self):
            return str(tmp_path / "located")

    for filename in (str(tmp_path / "text"), tmp_path / "path", Located()):
        with NumPack(filename) as npk:
            npk.save({"a": numbers(1)})
        assert pathlib.Path(filename).is_dir()


def test_C2_construction_touches_no_file(path):
    npk = NumPack(path)
    assert not path.exists()
    assert npk.is_opened is False
    assert npk.is_closed is True


def test_C3_open(tmp_path):
    npk = NumPack(tmp_path / "some" / "parents" / "x.npk")
    assert npk.open() is None
    assert npk.open() is None
    npk.save({"a": numbers(3)})
    npk.close()
    with pytest.raises(RuntimeError):
        npk.load("a")
    npk.open()
    assert same(npk.load("a"), numbers(3))
    npk.close()


def test_C4_path_is_a_file(path):
    path.write_text("text")
    with pytest.raises(FileExistsError):
        NumPack(path).open()
    assert path.read_text() == "text"
    with NumPack(path, drop_if_exists=True) as npk:
        npk.save({"a": numbers(2)})
    assert path.is_dir()


def test_C5_drop_if_exists_at_the_first_open(path):
    with NumPack(path) as npk:
        npk.save({"old": numbers(2)})
    (path / "foreign").mkdir()
    (path / "foreign" / "file").write_text("x")
    npk = NumPack(path, drop_if_exists=True)
    assert (path / "foreign").exists()
    npk.open()
    assert not (path / "foreign").exists()
    assert npk.get_member_list() == []
    npk.save({"new": numbers(2)})
    npk.close()
    npk.open()
    assert npk.get_member_list() == ["new"]
    npk.close()


def test_C6_an_old_handle_resurrects_nothing(path):
    old = NumPack(path)
    old.open()
    old.save({"old": numbers(2)})
    lazy = old.load("old", lazy=True)
    with NumPack(path, drop_if_exists=True) as new:
        with pytest.raises((OSError, RuntimeError)):
            old.load("old")
        with pytest.raises((OSError, RuntimeError)):
            old.save({"b": numbers(2)})
        new.save({"new": numbers(3)})
        old.close()
        assert new.get_member_list() == ["new"]
    with NumPack(path) as npk:
        assert npk.get_member_list() == ["new"]
        assert same(npk.load("new"), numbers(3))
    assert same(lazy.copy(), numbers(2))


def test_C7_close(path):
    npk = NumPack(path)
    assert npk.close() is None
    npk.open()
    npk.save({"a": numbers(2)})
    assert npk.close() is None
    assert npk.close() is None
    assert npk.close(force_gc=True) is None


def test_C7_close_collects_garbage(path, monkeypatch):
    calls = []
    monkeypatch.setattr(gc, "collect", lambda: calls.append(1))
    for by_constructor, argument, expected in (
        (False, None, 0),
        (False, True, 1),
        (True, None, 1),
        (True, False, 0),
    ):
        calls.clear()
        npk = NumPack(path, force_gc_on_close=by_constructor)
        npk.open()
        npk.close(argument)
        assert len(calls) == expected


def test_C8_properties(path):
    npk = NumPack(path)
    for opened in (True, False):
        npk.open() if opened else npk.close()
        assert npk.is_opened is opened
        assert npk.is_closed is (not opened)
    with pytest.raises(AttributeError):
        npk.is_opened = True
    with pytest.raises(AttributeError):
        npk.is_closed = True


def test_C9_context_manager(path):
    npk = NumPack(path)
    with npk as entered:
        assert entered is npk
        npk.save({"a": numbers(2)})
        with npk:
            assert npk.has_array("a")
        assert npk.is_closed
    assert npk.is_closed
    npk.open()
    with npk:
        assert npk.has_array("a")
    assert npk.__exit__(None, None, None) is False
    with npk:
        assert npk.has_array("a")


def test_C10_garbage_collection_closes(path):
    npk = NumPack(path)
    npk.open()
    npk.save({"a": numbers(4)})
    del npk
    gc.collect()
    shutil.move(path, path.with_name("moved"))
    with NumPack(path.with_name("moved")) as npk:
        assert same(npk.load("a"), numbers(4))


OPERATIONS = {
    "load": lambda npk: npk.load("a"),
    "lazy load": lambda npk: npk.load("a", lazy=True),
    "[]": lambda npk: npk["a"],
    "save": lambda npk: npk.save({"a": numbers(2)}),
    "save nothing": lambda npk: npk.save({}),
    "append": lambda npk: npk.append({"a": numbers(2)}),
    "replace": lambda npk: npk.replace({"a": numbers(1)}, 0),
    "drop": lambda npk: npk.drop("a"),
    "remove": lambda npk: npk.remove("a"),
    "update": lambda npk: npk.update("a"),
    "getitem": lambda npk: npk.getitem("a", 0),
    "stream_load": lambda npk: npk.stream_load("a"),
    "get_shape": lambda npk: npk.get_shape("a"),
    "get_member_list": lambda npk: npk.get_member_list(),
    "has_array": lambda npk: npk.has_array("a"),
    "get_modify_time": lambda npk: npk.get_modify_time("a"),
    "get_metadata": lambda npk: npk.get_metadata(),
    "clone": lambda npk: npk.clone("a", "b"),
    "reset": lambda npk: npk.reset(),
    "iter": lambda npk: iter(npk),
    "in": lambda npk: "a" in npk,
    "batch": lambda npk: npk.batch_mode().__enter__(),
    "writable": lambda npk: npk.writable_batch_mode().__enter__(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_C11_closed_handle(path, operation):
    npk = NumPack(path)
    for _ in range(2):  # never opened, then closed
        with pytest.raises(RuntimeError, match="not opened or has been closed"):
            OPERATIONS[operation](npk)
        npk.open()
        npk.close()


def test_C11_exempt(path):
    npk = NumPack(path)
    npk.close()
    repr(npk)
    assert "stats_available" in npk.get_io_stats()
    npk.batch_mode()
    npk.writable_batch_mode()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_C12_strict_context_mode(path, operation):
    npk = NumPack(path, strict_context_mode=True)
    with pytest.raises(RuntimeError, match="not opened or has been closed"):
        OPERATIONS[operation](npk)
    npk.open()
    with pytest.raises(RuntimeError, match="strict context mode"):
        OPERATIONS[operation](npk)
    with npk:
        npk.save({"a": numbers(2)})
        assert same(npk.load("a"), numbers(2))
    npk.open()
    with pytest.raises(RuntimeError, match="strict context mode"):
        OPERATIONS[operation](npk)
    repr(npk)
    npk.close()


def test_C13_warning(path):
    with pytest.warns(UserWarning, match="strict context mode") as caught:
        NumPack(path, warn_no_context=True)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NumPack(path, warn_no_context=False)
        NumPack(path, strict_context_mode=True, warn_no_context=True)
        if sys.platform != "win32":
            NumPack(path)


def test_C14_repr(path):
    npk = NumPack(path)
    assert repr(npk) == str(npk) == f"NumPack({path}, status=closed)"
    with npk:
        npk.save({"a": numbers(1), "b": numbers(1)})
        assert repr(npk) == str(npk) == f"NumPack({path}, arrays=2)"


def test_what_notebooks_show(path):
    npk = NumPack(path, strict_context_mode=True)
    assert "status=closed" in npk._repr_html_()
    with npk:
        npk.save({"<b>": np.zeros((1500, 100), np.float32), "plain": np.zeros(3, np.int8)})
        shown = npk._repr_html_()
        for text in ("arrays=2", "&lt;b&gt;", "(1500, 100)", "float32", "600.0 kB", "3 bytes"):
            assert text in shown
        assert "<b>" not in shown
        npk.save({f"n{i}": np.zeros(1) for i in range(60)})
        assert "and 12 more" in npk._repr_html_()
        wb = npk.writable_batch_mode()
        assert repr(wb) == "<WritableBatchMode not active, atomic=False, arrays=[]>"
        with wb:
            wb.load("plain")
            assert repr(wb) == "<WritableBatchMode active, atomic=False, arrays=['plain']>"
    npk.open()
    assert "<table>" not in npk._repr_html_()
    npk.close()


def test_C15_filename(path):
    assert NumPack(str(path))._filename == path
    assert isinstance(NumPack(str(path))._filename, pathlib.Path)


def test_C16_directory_removed_under_an_open_handle(path):
    npk = NumPack(path)
    npk.open()
    npk.save({"a": numbers(3)})
    shutil.rmtree(path)
    with pytest.raises((OSError, RuntimeError)):
        npk.save({"b": numbers(3)})
    npk.close()
    assert not path.exists()
    path.mkdir()
    with NumPack(path) as npk:
        assert npk.get_member_list() == []


def test_C16_new_directory_under_an_open_handle(path):
    old = NumPack(path)
    old.open()
    old.save({"a": numbers(3)})
    shutil.rmtree(path)
    path.mkdir()
    with NumPack(path) as new:
        assert new.get_member_list() == []
        new.save({"b": numbers(2)})
        old.close()
        assert new.get_member_list() == ["b"]


def test_C16_garbage_collection_is_silent(path):
    code = """
import shutil, sys
import numpy as np
from numpack import NumPack
npk = NumPack(sys.argv[1])
npk.open()
npk.save({"a": np.arange(3)})
shutil.rmtree(sys.argv[1])
del npk
"""
    result = run_python(code, path)
    assert (result.returncode, result.stderr) == (0, "")
    assert not path.exists()


def test_C17_foreign_files(path):
    path.mkdir()
    (path / "notes.txt").write_text("keep me")
    with NumPack(path) as npk:
        assert npk.get_member_list() == []
        npk.save({"a": numbers(1)})
        npk.reset()
    assert (path / "notes.txt").read_text() == "keep me"


def test_C18_damaged_catalogue(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(3)})
    for log in path.glob("log.*"):
        log.write_bytes(b"\xff" * 100)
    before = files(path)
    with pytest.raises(CorruptStoreError):
        NumPack(path).open()
    assert files(path) == before


def test_C18_damaged_old_catalogue(path):
    path.mkdir()
    (path / "metadata.npkm").write_bytes(b"NPKB\x01")
    before = files(path)
    with pytest.raises((OSError, RuntimeError)):
        NumPack(path).open()
    assert files(path) == before


def test_C19_no_close(path):
    code = """
import os, sys
import numpy as np
from numpack import NumPack
npk = NumPack(sys.argv[1])
npk.open()
npk.save({"a": np.arange(5)})
npk.replace({"a": np.array([9])}, 0)
os._exit(0)
"""
    assert run_python(code, path).returncode == 0
    with NumPack(path) as npk:
        assert npk.load("a").tolist() == [9, 1, 2, 3, 4]


def test_open_handles_at_interpreter_exit(path):
    code = """
import sys
import numpy as np
from numpack import NumPack
npk = NumPack(sys.argv[1])
npk.open()
npk.save({"a": np.arange(5)})
lazy = npk.load("a", lazy=True)
batch = npk.batch_mode()
batch.__enter__()
npk.save({"b": np.arange(3)})
"""
    result = run_python(code, path)
    assert (result.returncode, result.stderr) == (0, "")
