"""However a program ends, in a mode or with a store open: what was promised is there afterwards."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from helpers import numbers, run_python, same
from numpack import NumPack

BEGIN = """
import os, signal, sys
import numpy as np
from numpack import NumPack

npk = NumPack(sys.argv[1])
npk.open()
"""
IN_BATCH = (
    BEGIN
    + """
with npk.batch_mode():
    a = npk.load("a")
    a += 1
    npk.save({"a": a, "new": np.ones(3)})
    ENDING
"""
)
IN_WRITABLE = (
    BEGIN
    + """
with npk.writable_batch_mode() as wb:
    a = wb.load("a")
    a[:100] += 1
    ENDING
"""
)
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
EXIT = "sys.exit(3)"
RAISE = "raise OverflowError('mine')"
INTERRUPT = "raise KeyboardInterrupt"
QUIT = "os._exit(3)"


@pytest.fixture
def filled(path):
    with NumPack(path) as npk:
        npk.save({"a": numbers(1000), "b": numbers(5)})
    return path


def run(code, ending, path):
    return run_python(code.replace("ENDING", ending), path)


@pytest.mark.parametrize("ending", [KILL, QUIT])
def test_a_killed_batch_leaves_the_old_state(filled, ending):
    done = run(IN_BATCH, ending, filled)
    assert done.returncode in (-signal.SIGKILL, 3)
    with NumPack(filled) as npk:
        assert npk.get_member_list() == ["a", "b"]
        assert same(npk.load("a"), numbers(1000))
        assert npk.interrupted() == []
        assert npk.verify() == [] or all(f.severity == "note" for f in npk.verify())


@pytest.mark.parametrize("ending", [EXIT, RAISE, INTERRUPT])
def test_a_batch_left_by_an_exception_is_published(filled, ending):
    done = run(IN_BATCH, ending, filled)
    assert done.returncode != 0
    assert ("Traceback" in done.stderr) == (ending != EXIT)
    with NumPack(filled) as npk:
        assert npk.get_member_list() == ["a", "b", "new"]
        assert same(npk.load("a"), numbers(1000) + 1)


@pytest.mark.parametrize("ending", [KILL, QUIT])
def test_a_killed_writable_block_is_named(filled, ending):
    run(IN_WRITABLE, ending, filled)
    with NumPack(filled) as npk:
        assert npk.interrupted() == ["a"]
        a = npk.load("a")
        # A process that dies takes nothing along that it stored into a mapping.
        assert same(a[:100], numbers(100) + 1)
        assert same(a[100:], numbers(1000)[100:])
        assert same(npk.load("b"), numbers(5))
        npk.save({"a": a})
        assert npk.interrupted() == []


@pytest.mark.parametrize("ending", [EXIT, RAISE, INTERRUPT])
def test_a_writable_block_left_by_an_exception_is_finished(filled, ending):
    assert run(IN_WRITABLE, ending, filled).returncode != 0
    with NumPack(filled) as npk:
        assert npk.interrupted() == []
        assert same(npk.load("a")[:100], numbers(100) + 1)


@pytest.mark.parametrize(
    "held",
    [
        "held = npk",
        "held = npk.load('a', lazy=True)",
        "held = npk.batch_mode(); held.__enter__(); npk.save({'c': np.ones(2)})",
        "held = npk.writable_batch_mode(); held.__enter__().load('a')",
        "held = npk.stream_load('a', 10); next(held)",
        "import threading; t = threading.Thread(target=npk.load, args=('a',)); t.start()",
        "import builtins; builtins.held = npk",
        "npk.me = npk",
    ],
)
def test_the_interpreter_ends_quietly_with_a_store_open(filled, held):
    done = run_python(BEGIN + "npk.save({'saved': np.ones(4)})\n" + held, filled)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with NumPack(filled) as npk:
        assert same(npk.load("saved"), np.ones(4))
        assert same(npk.load("b"), numbers(5))


def test_a_program_that_is_terminated_while_it_saves(filled):
    code = (
        BEGIN
        + """
print("ready", flush=True)
i = 0
while True:
    i += 1
    npk.save({"a": np.full(1000, float(i)), "i": np.array([i])})
"""
    )
    for _ in range(5):
        command = [sys.executable, "-c", code, str(filled)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            with NumPack(filled) as npk:  # a reader meanwhile
                for _ in range(100):
                    a = npk.load("a")
                    assert same(a, np.full(1000, a[1])) or same(a, numbers(1000))
            process.kill()
        with NumPack(filled) as npk:
            if "i" in npk:
                assert same(npk.load("a"), np.full(1000, float(npk.load("i")[0])))
