"""LMDB: the bytes of each array under its name, in one transaction per call.

Mode "relaxed" leaves the disk to the system, as NumPack does by default.
"""

import lmdb
import numpy as np

WAITS_FOR_DISK = {"durable": ["save", "save_all", "update_all", "loop"]}


def version():
    return f"lmdb {lmdb.__version__}"


def _bytes(array):
    head = f"{array.dtype.str} {' '.join(map(str, array.shape))}".encode()
    return len(head).to_bytes(4, "little") + head + np.ascontiguousarray(array).tobytes()


def _array(value):
    end = 4 + int.from_bytes(value[:4], "little")
    dtype, *shape = bytes(value[4:end]).decode().split()
    flat = np.frombuffer(value, dtype, offset=end)
    return flat.reshape([int(n) for n in shape]).copy()


class System:
    def __init__(self, folder, mode):
        self._path = folder / "arrays.lmdb"
        self._mode = mode
        self.open()

    def open(self):
        self._env = lmdb.open(
            str(self._path), map_size=8 << 30, sync=self._mode == "durable", metasync=False
        )

    def close(self):
        self._env.close()

    def clear(self):
        self.close()
        for file in self._path.iterdir():
            file.unlink()
        self.open()

    def save(self, name, array):
        self.save_all({name: array})

    def save_all(self, arrays):
        with self._env.begin(write=True) as transaction:
            for name, array in arrays.items():
                transaction.put(name.encode(), _bytes(array))

    def load(self, name):
        with self._env.begin(buffers=True) as transaction:
            return _array(transaction.get(name.encode()))

    def names(self):
        with self._env.begin() as transaction:
            keys = transaction.cursor().iternext(keys=True, values=False)
            return [key.decode() for key in keys]

    def update_all(self, names, factor):
        with self._env.begin(write=True, buffers=True) as transaction:
            for name in names:
                array = _array(transaction.get(name.encode()))
                array *= factor
                transaction.put(name.encode(), _bytes(array))

    def loop(self, name, factor, count):
        for _ in range(count):
            self.update_all([name], factor)
