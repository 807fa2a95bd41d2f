#!/usr/bin/env python3
"""Makes the golden directories, with NumPack 0.7 itself. Run it with a Python that has NumPack 0.7.

usage: make.py [OUT_DIR]

Each case becomes one text file: array names make file names that neither Bazel nor every system
takes. Its blocks are a heading line and lines of hexadecimal digits:

    file NAME             a file of the directory; NAME and the others are percent-encoded
    array NAME DTYPE AXES what NumPack 0.7 loads from it; AXES as 3x4, or - for none
"""

import os
import pathlib
import sys
import tempfile
import urllib.parse

import numpy as np

# Read when an array is saved: makes NumPack 0.7 store small arrays in parts, as it otherwise does
# above 256 MiB.
PART_BYTES = "NUMPACK_SEGMENT_TARGET_BYTES"

INTEGERS = [f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)]
DTYPES = ["bool", *INTEGERS, "float16", "float32", "float64", "complex64", "complex128"]


def sample(dtype, shape):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape) * 37 % 101
    if np.issubdtype(dtype, np.complexfloating):
        return (values - 1j * values[..., ::-1]).astype(dtype)
    return (values % 3 == 0) if dtype == "bool" else values.astype(dtype)


def case_dtypes(store):
    for dtype in DTYPES:
        store.save({dtype: sample(dtype, (3, 4))})
        store.save({f"{dtype}_empty": sample(dtype, (0, 2))})
    for rank in (1, 2, 3, 5, 31, 32):
        store.save({f"rank{rank}": sample("int16", (2,) + (1,) * (rank - 2) + (3,) * (rank > 1))})
    store.save({"no_columns": np.zeros((5, 0), "float32")})
    store.save({"scalar": np.array(2.5)})


def case_rows(store):
    rows = sample("int32", (10, 3))
    for name in ("none", "some", "all", "dropped", "appended", "dropped_appended", "shrunk"):
        store.save({name: rows})
    store.drop("some", [0, 3, 9])
    store.drop("all", list(range(10)))
    store.drop("dropped")
    store.append({"appended": rows[:4]})
    # NumPack 0.7 forgets which rows were dropped, and loads them again.
    store.drop("dropped_appended", [1, 2])
    store.append({"dropped_appended": rows})
    store.drop("shrunk", [5])
    store.save({"shrunk": rows[:4]})
    store.save({"replaced": rows})
    store.replace({"replaced": rows[:2] + 1000}, [4, 5])
    store.save({"words": sample("uint8", (200, 1))})
    store.drop("words", [0, 63, 64, 130, 131, 132, 199])
    store.save({"grown": sample("uint8", (70,))})
    store.drop("grown", [3, 65])
    store.append({"grown": sample("uint8", (100,))})
    store.save({"compacted": rows})
    store.drop("compacted", [7])
    store.update("compacted")
    store.clone("some", "cloned")


def case_names(store):
    plain = ["with space", "A", "a", "%41", 'quote"', "metadata.npkm", "x" * 245, ""]
    for name in [*plain, "ä €😀", "a\\b", "..", ". ", "line\nbreak", "\x01"]:
        store.save({name: np.frombuffer(name.encode() or b"empty", np.uint8)})
    store.drop("ä €😀", [0])


def case_parts(store):
    rows = sample("int32", (40, 6))
    os.environ[PART_BYTES] = "400"
    store.save({"parts": rows, 'ä"\\ parts': rows, "dropped": rows, "appended": rows})
    store.drop("dropped", [0, 15, 16, 17, 39])
    store.append({"appended": rows[:7]})
    store.save({"one_part": rows[:1]})
    del os.environ[PART_BYTES]


def encode(name):
    return urllib.parse.quote(name, safe="")


def block(out, heading, data):
    print(heading, file=out)
    for i in range(0, len(data), 48):
        print(data[i : i + 48].hex(), file=out)


def write(case, directory, out):
    import numpack

    store = numpack.NumPack(str(directory), drop_if_exists=True)
    store.open()
    case(store)
    store.close()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            name = path.relative_to(directory).as_posix()
            block(out, f"file {encode(name)}", path.read_bytes())
    store = numpack.NumPack(str(directory))
    store.open()
    for name in sorted(store.get_member_list()):
        # It ends its process when it loads an array of rank 0.
        array = np.array(2.5) if name == "scalar" else store.load(name)
        axes = "x".join(map(str, array.shape)) or "-"
        block(out, f"array {encode(name)} {array.dtype.name} {axes}", array.tobytes())
    store.close()


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for function in (case_dtypes, case_rows, case_names, case_parts):
        name = function.__name__.removeprefix("case_")
        with tempfile.TemporaryDirectory() as temp, (target / f"{name}.txt").open("w") as out:
            write(function, pathlib.Path(temp) / "store", out)


if __name__ == "__main__":
    main()
