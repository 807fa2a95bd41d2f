"""h5py: all arrays in one HDF5 file, in contiguous layout; in chunks where rows are appended."""

import h5py
import numpy as np

WAITS_FOR_DISK = {}


def version():
    return f"h5py {h5py.__version__}"


class System:
    def __init__(self, folder, mode):
        self._path = folder / "arrays.h5"
        self._file = h5py.File(self._path, "w", libver="latest")

    def open(self):
        self._file = h5py.File(self._path, "r+", libver="latest")

    def close(self):
        self._file.close()

    def clear(self):
        self.close()
        self._file = h5py.File(self._path, "w", libver="latest")

    def _put(self, name, array):
        if name in self._file:
            self._file[name].write_direct(np.ascontiguousarray(array))
        else:
            self._file.create_dataset(name, data=array)

    def save(self, name, array):
        self._put(name, array)
        self._file.flush()

    def save_all(self, arrays):
        for name, array in arrays.items():
            self._put(name, array)
        self._file.flush()

    def load(self, name):
        return self._file[name][...]

    def names(self):
        return list(self._file)

    def lazy(self, name):
        return self._file[name]

    def stream(self, name, rows):
        array = self._file[name]
        for start in range(0, len(array), rows):
            yield array[start : start + rows]

    def gather(self, name, rows):
        order = np.argsort(rows)  # h5py takes rising numbers only
        found = np.empty((len(rows), *self._file[name].shape[1:]), self._file[name].dtype)
        found[order] = self._file[name][rows[order]]
        return found

    def append(self, name, rows):
        array = self._file[name]
        if array.chunks is None:
            values = array[...]
            del self._file[name]
            most = (None, *values.shape[1:])
            array = self._file.create_dataset(
                name, data=values, maxshape=most, chunks=(10_000, *values.shape[1:])
            )
        count = len(array)
        array.resize(count + len(rows), axis=0)
        array[count:] = rows
        self._file.flush()

    def replace(self, name, numbers, rows):
        order = np.argsort(numbers)
        first, last = numbers[order[0]], numbers[order[-1]]
        if last - first == len(numbers) - 1:
            self._file[name][first : last + 1] = rows[order]
        else:
            self._file[name][numbers[order]] = rows[order]
        self._file.flush()

    def update_all(self, names, factor):
        for name in names:
            array = self._file[name][...]
            array *= factor
            self._file[name][...] = array
        self._file.flush()

    def loop(self, name, factor, count):
        for _ in range(count):
            self.update_all([name], factor)
