"""One .npy file per array, mapped: what NumPy itself offers for changes in place."""

import numpy as np

from systems import npy

WAITS_FOR_DISK = {"mapped": ["loop"]}

version = npy.version


class System(npy.System):
    """Mappings are opened once and kept, as a program that cares for speed does."""

    def __init__(self, folder, mode):
        super().__init__(folder, mode)
        self._mapped = {}

    def _map(self, name):
        if name not in self._mapped:
            self._mapped[name] = np.load(self._path(name), mmap_mode="r+")
        return self._mapped[name]

    def close(self):
        self._mapped = {}

    def loop(self, name, factor, count):
        for _ in range(count):
            array = self._map(name)
            array *= factor
        array.flush()

    def lazy(self, name):
        return np.load(self._path(name), mmap_mode="r")

    def stream(self, name, rows):
        array = self._map(name)
        for start in range(0, len(array), rows):
            yield array[start : start + rows]

    def gather(self, name, rows):
        return self._map(name)[rows].view(np.ndarray)

    def replace(self, name, numbers, rows):
        self._map(name)[numbers] = rows
