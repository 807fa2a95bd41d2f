"""One .npy file per array, read and rewritten each time: what people do without a store."""

import numpy as np

MODES = ("files",)


def version():
    return f"NumPy {np.__version__}"


class System:
    def __init__(self, folder, mode):
        self._folder = folder

    def _path(self, name):
        return self._folder / f"{name}.npy"

    def save(self, name, array):
        np.save(self._path(name), array)

    def loop(self, name, factor, count):
        path = self._path(name)
        for _ in range(count):
            array = np.load(path)
            array *= factor
            np.save(path, array)

    def close(self):
        pass

    def load(self, name):
        return np.load(self._path(name))
