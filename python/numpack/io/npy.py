"""NumPy's own files: ``.npy`` and ``.npz``."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Literal, overload

import numpy as np

from numpack.io.files import DEFAULT_CHUNK_SIZE, require_file, result, source_store, target_store
from numpack.store import NumPack
from numpack.typing import Array

__all__ = ["from_npy", "to_npy"]


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in (".npy", ".npz"):
        raise ValueError(f"{path}: a file of NumPy's ends in .npy or .npz")
    return suffix


@overload
def from_npy(
    input_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    array_name: str | None = None,
    drop_if_exists: bool = False,
    chunk_size: int = DEFAULT_CHUNK_SIZE,
    return_npk_obj: Literal[False] = False,
) -> None: ...
@overload
def from_npy(
    input_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    array_name: str | None = None,
    drop_if_exists: bool = False,
    chunk_size: int = DEFAULT_CHUNK_SIZE,
    *,
    return_npk_obj: Literal[True],
) -> NumPack: ...
@overload
def from_npy(
    input_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    array_name: str | None = None,
    drop_if_exists: bool = False,
    chunk_size: int = DEFAULT_CHUNK_SIZE,
    return_npk_obj: bool = False,
) -> NumPack | None: ...
def from_npy(
    input_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    array_name: str | None = None,
    drop_if_exists: bool = False,
    chunk_size: int = DEFAULT_CHUNK_SIZE,
    return_npk_obj: bool = False,
) -> NumPack | None:
    """Save the array of a ``.npy`` file, or all arrays of a ``.npz`` file, to a store.

    array_name: for ``.npy``; the file's stem by default. Arrays of a ``.npz`` keep their names.
    drop_if_exists: whether to replace the store at output_path, once the import has succeeded;
    otherwise the arrays are added to it, in one commit. chunk_size: bytes; does not change the
    result. Returns None, or with return_npk_obj the open store, which the caller closes.

    Raises FileNotFoundError, ValueError for other suffixes and for arrays of objects.
    """
    source = require_file(input_path)
    if _suffix(source) == ".npy":
        # Mapped, not read: the store copies straight from the file. A file without elements cannot
        # be mapped.
        try:
            array = np.load(source, mmap_mode="r", allow_pickle=False)
        except ValueError:
            array = np.load(source, allow_pickle=False)
        with target_store(output_path, drop_if_exists) as npk:
            npk.save({source.stem if array_name is None else array_name: np.asarray(array)})
    else:
        with (
            np.load(source, allow_pickle=False) as members,
            target_store(output_path, drop_if_exists) as npk,
        ):
            for name in members.files:
                npk.save({name: members[name]})
    return result(output_path, return_npk_obj)


def _write(file: IO[bytes], array: Array, chunk_size: int) -> None:
    """The bytes of a .npy file, C-ordered, a chunk of the array at a time."""
    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, header)
    elements = array.reshape(-1)
    step = max(1, chunk_size // max(1, array.itemsize))
    for start in range(0, elements.size, step):
        file.write(elements[start : start + step].tobytes())


def to_npy(
    input_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    array_names: str | Sequence[str] | None = None,
    compressed: bool = True,
    chunk_size: int = DEFAULT_CHUNK_SIZE,
) -> None:
    """Write one array of a store to a ``.npy`` file, or several to a ``.npz`` file.

    array_names: which; all by default. compressed: for ``.npz``. chunk_size: bytes that are copied
    at a time. The file appears when it is complete.

    Raises FileNotFoundError when there is no store, ArrayNotFoundError, ValueError for other
    suffixes and for a ``.npy`` of anything but one array.
    """
    suffix = _suffix(output_path)
    target = Path(output_path)
    with source_store(input_path) as npk:
        if array_names is None:
            names = npk.get_member_list()
        else:
            names = [array_names] if isinstance(array_names, str) else list(array_names)
        if suffix == ".npy" and len(names) != 1:
            raise ValueError(f"a .npy file can only store one array, not {names}: use .npz")
        arrays = {name: np.asarray(npk.load(name, lazy=True)) for name in names}
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            if suffix == ".npy":
                with unfinished.open("wb") as file:
                    _write(file, arrays[names[0]], chunk_size)
            else:
                method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
                with zipfile.ZipFile(unfinished, "w", method) as archive:
                    for name, array in arrays.items():
                        with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                            _write(file, array, chunk_size)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
