#!/usr/bin/env python3
"""Lets NumPack 0.7 make directories, reexport read and write them, and NumPack 0.7 load the result.

usage: check_export.py REEXPORT     with a Python that has NumPack 0.7
"""

import pathlib
import subprocess
import sys
import tempfile

import make
import numpy as np

import numpack


def load_all(directory):
    store = numpack.NumPack(str(directory))
    store.open()
    names = [name for name in store.get_member_list() if name != "scalar"]
    arrays = {name: store.load(name) for name in names}
    shapes = {name: store.get_shape(name) for name in names}
    store.close()
    return arrays, shapes


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def check_changes(directory):
    """NumPack 0.7 goes on working with what was exported."""
    store = numpack.NumPack(str(directory))
    store.open()
    rows = store.load("none")
    for name in ("none", "none/again"):
        store.append({name: rows[:3]})
        store.replace({name: rows[:1] + 7}, [1])
        loaded = store.load(name)
        assert loaded.shape == (13, 3) and np.array_equal(loaded[1], rows[0] + 7), name
    store.drop("none", [0])
    with store.writable_batch_mode() as batch:
        batch.load("appended")[:] = 5
    store.close()
    arrays, shapes = load_all(directory)
    assert shapes["none"] == (12, 3) and shapes["none/again"] == (13, 3)
    assert (arrays["appended"] == 5).all()


def main():
    arrays_seen = 0
    for function in (make.case_dtypes, make.case_rows, make.case_names, make.case_parts):
        with tempfile.TemporaryDirectory() as temp:
            source, target = pathlib.Path(temp) / "source", pathlib.Path(temp) / "target"
            store = numpack.NumPack(str(source), drop_if_exists=True)
            store.open()
            function(store)
            store.close()
            subprocess.run([sys.argv[1], source, target], check=True)
            before, _ = load_all(source)
            after, shapes = load_all(target)
            wanted = {(name or "unnamed"): array for name, array in before.items()}
            wanted |= {name + "/again": array for name, array in list(wanted.items())}
            assert after.keys() == wanted.keys(), after.keys() ^ wanted.keys()
            for name, array in wanted.items():
                assert same(after[name], array) and shapes[name] == array.shape, name
            arrays_seen += len(wanted)
            if function is make.case_rows:
                check_changes(target)
    print(f"NumPack {numpack.__version__} loads {arrays_seen} exported arrays as they were")


if __name__ == "__main__":
    main()
