"""NumPack. This one and 0.7 run the same program; the interpreter decides which is imported."""

import numpack

MODES = ("normal", "batch", "writable")


def version():
    return f"NumPack {numpack.__version__}"


class System:
    def __init__(self, folder, mode):
        self._path = folder / "store.npk"
        self._store = numpack.NumPack(self._path)
        self._store.open()
        self.loop = getattr(self, f"_{mode}")

    def save(self, name, array):
        self._store.save({name: array})

    def _normal(self, name, factor, count):
        for _ in range(count):
            array = self._store.load(name)
            array *= factor
            self._store.save({name: array})

    def _batch(self, name, factor, count):
        with self._store.batch_mode():
            self._normal(name, factor, count)

    def _writable(self, name, factor, count):
        with self._store.writable_batch_mode() as batch:
            for _ in range(count):
                array = batch.load(name)
                array *= factor
                batch.save({name: array})

    def close(self):
        self._store.close()

    def load(self, name):
        with numpack.NumPack(self._path) as store:
            return store.load(name)
