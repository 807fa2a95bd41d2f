"""One .npy file per array, read and rewritten each time: what people do without a store."""

import shutil

import numpy as np

WAITS_FOR_DISK = {}


def version():
    return f"NumPy {np.__version__}"


class System:
    def __init__(self, folder, mode):
        self._folder = folder / "arrays"
        self._folder.mkdir()

    def _path(self, name):
        return self._folder / f"{name}.npy"

    def open(self):
        pass

    def close(self):
        pass

    def clear(self):
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    def save(self, name, array):
        np.save(self._path(name), array)

    def save_all(self, arrays):
        for name, array in arrays.items():
            self.save(name, array)

    def load(self, name):
        return np.load(self._path(name))

    def names(self):
        return [path.name.removesuffix(".npy") for path in self._folder.iterdir()]

    def update_all(self, names, factor):
        for name in names:
            array = self.load(name)
            array *= factor
            self.save(name, array)

    def loop(self, name, factor, count):
        self.update_all([name] * count, factor)
