"""No store at all: NumPy arrays in memory, the limit of what a loop of this kind can reach."""

import numpy as np

WAITS_FOR_DISK = {}


def version():
    return f"NumPy {np.__version__}"


class System:
    def __init__(self, folder, mode):
        self._arrays = {}

    def save(self, name, array):
        self._arrays[name] = array.copy()

    def loop(self, name, factor, count):
        for _ in range(count):
            array = self._arrays[name]
            array *= factor
            self._arrays[name] = array

    def close(self):
        pass

    def open(self):
        pass

    def load(self, name):
        return self._arrays[name].copy()
