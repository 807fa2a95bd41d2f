"""NumPack. This one and 0.7 run the same program; the interpreter decides which is imported.

Mode "durable" is the normal one with a flush after each change.
"""

import shutil

import numpack

WAITS_FOR_DISK = {
    "writable": ["loop"],
    "durable": ["save", "save_all", "update_all", "append", "replace"],
}
_OLD = numpack.__version__.startswith("0.7.")


def version():
    return f"NumPack {numpack.__version__}"


class System:
    def __init__(self, folder, mode):
        self._path = folder / "store.npk"
        self._mode = mode
        self.open()

    def open(self):
        self._store = numpack.NumPack(self._path)
        self._store.open()

    def close(self):
        self._store.close()

    def clear(self):
        self.close()
        shutil.rmtree(self._path)
        self.open()

    def _changed(self):
        if self._mode == "durable":
            self._store.flush()

    def save(self, name, array):
        self._store.save({name: array})
        self._changed()

    def save_all(self, arrays):
        self._store.save(arrays)
        self._changed()

    def load(self, name):
        return self._store.load(name)

    def lazy(self, name):
        return self._store.load(name, lazy=True)

    def stream(self, name, rows):
        return self._store.stream_load(name, buffer_size=rows)

    def gather(self, name, rows):
        if _OLD:  # the quicker one of its two ways
            return self._store.getitem(name, rows)
        return self._store.load(name, lazy=True)[rows]

    def append(self, name, rows):
        self._store.append({name: rows})
        self._changed()

    def replace(self, name, numbers, rows):
        self._store.replace({name: rows}, numbers)
        self._changed()

    def names(self):
        return self._store.get_member_list()

    def update_all(self, names, factor):
        with self._store.batch_mode():
            for name in names:
                array = self._store.load(name)
                array *= factor
                self._store.save({name: array})
        self._changed()

    def loop(self, name, factor, count):
        getattr(self, f"_{self._mode}")(name, factor, count)

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
