"""What type checkers are told of numpack is complete, and true."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import numpack
import stub
import typed_program
from numpack import batch, errors, io, store, writable_array

HERE = Path(__file__).parent
PUBLIC_CLASSES = [
    numpack.InPlace,
    numpack.LazyArray,
    numpack.NumPack,
    batch.BatchModeContext,
    batch.BatchStats,
    store.Finding,
    store.Recommendation,
    store.VacuumReport,
    writable_array.WritableArray,
    writable_array.WritableBatchMode,
    errors.StoreLockedError,
]


def run(folder: Path, *command: str) -> None:
    """Runs a module of mypy's, which must find nothing, on the package that the tests import."""
    pytest.importorskip("mypy")
    environment = {**os.environ, "MYPYPATH": os.environ.get("PYTHONPATH", "")}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,  # for mypy's cache, and far from any configuration
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_program_is_typed(tmp_path):
    run(tmp_path, "mypy", "--strict", str(HERE / "typed_program.py"))


def test_types_are_those_at_run_time(tmp_path):
    allowlist = str(HERE / "stubtest_allowlist.txt")
    run(tmp_path, "mypy.stubtest", "numpack", "--concise", "--allowlist", allowlist)


def test_program_runs(tmp_path):
    typed_program.main(tmp_path)


def test_program_uses_all_that_is_public():
    tree = ast.parse(inspect.getsource(typed_program))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names = {*numpack.__all__, *errors.__all__, *io.__all__}
    for public in PUBLIC_CLASSES:
        builtin = next(base for base in public.__mro__ if base.__module__ == "builtins")
        names |= {name for name in set(dir(public)) - set(dir(builtin)) if name[0] != "_"}
    assert len(names) > 80
    assert sorted(names - used) == []


def test_stub_is_what_the_generator_says(tmp_path):
    pytest.importorskip("nanobind")
    stub.write(tmp_path / "_native.pyi")
    committed = Path(numpack.__file__).with_name("_native.pyi")
    assert committed.read_text() == (tmp_path / "_native.pyi").read_text(), stub.__doc__
