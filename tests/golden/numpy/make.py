#!/usr/bin/env python3
"""Makes results.txt, what NumPy computes, for kernels_test.cc to compare the kernels with.

usage: make.py            writes results.txt
       make.py --check    compares it with what the NumPy of this Python computes

Both sides make the same elements from the same numbers (elements() here, ElementBits() there), so
that a line is no more than a checksum: OPERATION KIND DTYPE CRC-32, or cast FROM TO CRC-32. All
NaNs count as one. NumPy runs without the instructions that fuse a multiplication and an addition,
which it otherwise uses for complex numbers where it finds them.
"""

import os
import pathlib
import subprocess
import sys
import warnings
import zlib

if "NPY_DISABLE_CPU_FEATURES" not in os.environ:
    core = "from numpy.{}._multiarray_umath import __cpu_dispatch__ as d, __cpu_features__ as f"
    code = "; print(*(x for x in d if f[x]))"
    for name in ("_core", "core"):
        run = subprocess.run(
            [sys.executable, "-c", core.format(name) + code], capture_output=True, text=True
        )
        if run.returncode == 0:
            os.environ["NPY_DISABLE_CPU_FEATURES"] = run.stdout.strip()
            os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np

COUNT = 1000
SCALARS = 4

FLOATS = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
INTEGERS = [f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)]
REAL = INTEGERS + FLOATS

SPECIAL = {
    "float16": [0x0000, 0x8000, 0x3C00, 0x7C00, 0xFC00, 0x7E00, 0x0001, 0x83FF, 0x0400, 0x7BFF],
    "float32": [
        0x00000000,
        0x80000000,
        0x3F800000,
        0x7F800000,
        0xFF800000,
        0x7FC00000,
        0x00000001,
        0x807FFFFF,
        0x00800000,
        0x7F7FFFFF,
    ],
    "float64": [
        0x0000000000000000,
        0x8000000000000000,
        0x3FF0000000000000,
        0x7FF0000000000000,
        0xFFF0000000000000,
        0x7FF8000000000000,
        0x0000000000000001,
        0x800FFFFFFFFFFFFF,
        0x0010000000000000,
        0x7FEFFFFFFFFFFFFF,
    ],
}
PART = {"complex64": "float32", "complex128": "float64"}


def mix(z):
    z = z * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def parts(dtype, stream, count):
    """A quarter special values, half small numbers, a quarter any bits."""
    random = mix(np.arange(1, count + 1, dtype=np.uint64) + np.uint64(stream << 32))
    choice = random & np.uint64(3)
    high = random >> np.uint64(8)
    if dtype == "bool":
        return (high & np.uint64(1)).astype("uint8").view("bool")
    bits = np.dtype(dtype).itemsize * 8
    unsigned = f"uint{bits}"
    special = SPECIAL.get(dtype)
    if special is None:
        half = 1 << (bits - 1)
        special = [0, 1, 2, half - 1, half, half + 1, 2 * half - 1, bits - 1, bits]
    special = np.array(special, dtype=unsigned)
    small = (high % np.uint64(81)).astype("int64") - 40
    number = small / 4 if dtype in FLOATS else small
    small = number.astype(dtype).view(unsigned)
    anything = mix(random).astype(unsigned)
    chosen = np.where(
        choice == 0,
        special[(high % np.uint64(len(special))).astype(int)],
        np.where(choice == 3, anything, small),
    )
    return chosen.astype(unsigned).view(dtype)


def elements(dtype, stream):
    if dtype in COMPLEX:
        return parts(PART[dtype], stream, 2 * COUNT).view(dtype)
    return parts(dtype, stream, COUNT)


def canonical(array):
    """Its bytes, with one NaN for all."""
    array = np.ascontiguousarray(array)
    if array.dtype.kind == "c":
        array = array.view(PART[array.dtype.name])
    if array.dtype.kind == "f":
        bits = array.view(f"uint{array.dtype.itemsize * 8}").copy()
        bits[np.isnan(array)] = SPECIAL[array.dtype.name][5]
        array = bits
    return array.tobytes()


UNARY = [
    ("negative", np.negative, REAL + COMPLEX),
    ("absolute", np.absolute, ["bool", *REAL]),
    ("square", np.square, REAL + COMPLEX),
    ("sqrt", np.sqrt, FLOATS),
    ("reciprocal", np.reciprocal, FLOATS),
    ("invert", np.invert, ["bool", *INTEGERS]),
    ("logical_not", np.logical_not, ["bool", *REAL]),
]
BINARY = [
    ("add", np.add, ["bool", *REAL, *COMPLEX]),
    ("subtract", np.subtract, REAL + COMPLEX),
    ("reverse_subtract", lambda x, b: np.subtract(b, x), REAL + COMPLEX),
    ("multiply", np.multiply, ["bool", *REAL, *COMPLEX]),
    ("divide", np.divide, FLOATS + COMPLEX),
    ("floor_divide", np.floor_divide, REAL),
    ("remainder", np.remainder, REAL),
    ("bitwise_and", np.bitwise_and, ["bool", *INTEGERS]),
    ("bitwise_or", np.bitwise_or, ["bool", *INTEGERS]),
    ("bitwise_xor", np.bitwise_xor, ["bool", *INTEGERS]),
    ("left_shift", np.left_shift, INTEGERS),
    ("right_shift", np.right_shift, INTEGERS),
    ("logical_and", np.logical_and, ["bool", *REAL]),
    ("logical_or", np.logical_or, ["bool", *REAL]),
    ("logical_xor", np.logical_xor, ["bool", *REAL]),
    ("minimum", np.minimum, ["bool", *REAL]),
    ("maximum", np.maximum, ["bool", *REAL]),
]
WITH_SCALARS = [
    ("fill", lambda x, a, b: np.full_like(x, a), ["bool", *REAL, *COMPLEX]),
    ("multiply_add", lambda x, a, b: x * a + b, REAL + COMPLEX),
    ("clip", np.clip, REAL),
    ("replace_less", lambda x, a, b: np.where(x < a, b, x), REAL),
    ("replace_less_equal", lambda x, a, b: np.where(x <= a, b, x), REAL),
    ("replace_greater", lambda x, a, b: np.where(x > a, b, x), REAL),
    ("replace_greater_equal", lambda x, a, b: np.where(x >= a, b, x), REAL),
    ("replace_equal", lambda x, a, b: np.where(x == a, b, x), REAL),
    ("replace_not_equal", lambda x, a, b: np.where(x != a, b, x), REAL),
]
# Of floating-point numbers NumPy's are those of the C library.
EXPONENTS = [0, 1, 3, 10]


def results():
    """The arrays whose checksums make the lines of the file, by the start of the line."""
    for name, function, dtypes in UNARY:
        for dtype in dtypes:
            yield f"{name} none {dtype}", dtype, [function(elements(dtype, 0))]
    for name, function, dtypes in BINARY:
        for dtype in dtypes:
            x, b = elements(dtype, 0), elements(dtype, 1)
            yield f"{name} scalar {dtype}", dtype, [function(x, b[i]) for i in range(SCALARS)]
            yield f"{name} array {dtype}", dtype, [function(x, b)]
    for name, function, dtypes in WITH_SCALARS:
        for dtype in dtypes:
            x, a, b = (elements(dtype, stream) for stream in (0, 1, 2))
            yield (
                f"{name} scalar {dtype}",
                dtype,
                [function(x, a[i], b[i]) for i in range(SCALARS)],
            )
    for dtype in INTEGERS:
        powers = [np.power(elements(dtype, 0), np.dtype(dtype).type(n)) for n in EXPONENTS]
        yield f"power scalar {dtype}", dtype, powers
    same_size = [
        (a, b)
        for a in ["bool", *REAL]
        for b in ["bool", *REAL]
        if np.dtype(a).itemsize == np.dtype(b).itemsize
    ]
    for before, after in same_size:
        x = elements(before, 0)
        if before in FLOATS and after in INTEGERS:  # others are undefined
            limit = 2.0 ** (np.dtype(after).itemsize * 8 - 1)
            low = 0 if after[0] == "u" else -limit
            x = np.where((x >= low) & (np.abs(x.astype("float64")) < limit), x, 0).astype(before)
        yield f"cast {before} {after}", after, [x.astype(after)]


def main():
    lines = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for start, dtype, arrays in results():
            data = b"".join(canonical(array.astype(dtype, copy=False)) for array in arrays)
            lines.append(f"{start} {zlib.crc32(data):08x}\n")
    path = pathlib.Path(__file__).parent / "results.txt"
    if "--check" in sys.argv:
        old = path.read_text(encoding="ascii").splitlines(keepends=True)
        pairs = zip(lines, old, strict=False)
        different = [f"{a.strip()} != {b.strip()}" for a, b in pairs if a != b]
        print(*different, sep="\n")
        print(f"NumPy {np.__version__}: {len(different)} of {len(lines)} lines differ")
        sys.exit(1 if different or len(lines) != len(old) else 0)
    path.write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main()
