"""The kinds of work that are measured.

Each has a name and

    prepare(system)         fills the store; not timed
    rest(system)            puts the store to rest before each sample; not timed
    sample(system)          the timed work; returns how many times it was done
    verified(system)        whether the store, closed and opened again, holds what the samples
                            should have left there, and whether they returned what they should

`timed` names the method of the system that is measured, `needs` others that it must have; `modes`
the modes of NumPack that take part ("durable", for kinds that commit, brings in LMDB's durable mode
too); `watched` says whether memory is measured as well.

What takes long is run in fewer `rounds` than asked for, and by systems only that have one of the
words of `only` in their name.
"""

import importlib.util
import pathlib

import numpy as np

# float32 overflows after about 930 of these multiplications: at most eight timed loops of 100.
FACTOR = 1.1
_SEED = 20240229


def _random(shape, seed=_SEED):
    return np.random.default_rng(seed).random(shape, dtype=np.float32) + np.float32(0.5)


def _same(found, expected):
    return (
        found.dtype == expected.dtype
        and found.shape == expected.shape
        and bool(np.array_equal(found, expected))
    )


class _Kind:
    modes = ("normal",)
    timed = ""
    needs = ()
    watched = False
    rounds = 1_000
    only = ("",)
    # How many numbers of samples make sense: an array that is multiplied again and again overflows.
    most_samples = 1_000

    count_of_arrays = 1

    def __init__(self, name):
        self.name = name

    def rest(self, system):
        pass


class _OneArray(_Kind):
    def __init__(self, name, shape):
        super().__init__(name)
        self.shape = shape

    @property
    def nbytes(self):
        """Of the array."""
        return int(np.prod(self.shape)) * 4

    def data(self):
        """What the array holds before the first sample; the same in every process."""
        return _random(self.shape)

    def prepare(self, system):
        self._expected = self.data()
        system.save("array", self._expected)

    def verified(self, system):
        return _same(system.load("array"), self._expected)


class Update(_OneArray):
    """`count` times: load the array, multiply it in place, save it."""

    modes = ("normal", "batch", "writable")
    timed = "loop"
    watched = True
    most_samples = 9

    def __init__(self, name, shape, count, only=("",), rounds=1_000):
        super().__init__(name, shape)
        self.count = count
        self.only = only
        self.rounds = rounds
        self.factor = FACTOR
        self._samples = 0

    def prepare(self, system):
        system.save("array", self.data())

    def sample(self, system):
        system.loop("array", self.factor, self.count)
        self._samples += 1
        return 1

    def expected(self, samples):
        """What the array must hold, bit for bit, after that many samples."""
        array = self.data()
        if self.factor != 1:
            for _ in range(self.count * samples):
                array *= self.factor
        return array

    def verified(self, system):
        return _same(system.load("array"), self.expected(self._samples))


class Save(_OneArray):
    """A new array each time; the one before goes untimed."""

    timed = "save"
    most_samples = 30

    def prepare(self, system):
        self._expected = self.data()
        self._number = 0

    def sample(self, system):
        self._number += 1
        self._expected[0] = self._number
        system.save(f"array{self._number}", self._expected)
        return 1

    def verified(self, system):
        return _same(system.load(f"array{self._number}"), self._expected)


class SaveAgain(_OneArray):
    """Over the stored array, with other contents."""

    timed = "save"
    modes = ("normal", "durable")

    def sample(self, system):
        times = max(1, 1_000_000 // self.nbytes)
        for _ in range(times):
            self._expected[0] += 1
            system.save("array", self._expected)
        return times


class Load(_OneArray):
    """Into memory of its own; the last result is kept until the next is there, as programs do."""

    timed = "load"

    def sample(self, system):
        times = max(1, 1_000_000 // self.nbytes)
        for _ in range(times):
            self._found = system.load("array")
        return times

    def verified(self, system):
        return super().verified(system) and _same(self._found, self._expected)


class Lazy(_OneArray):
    """Opening without reading; the store is open already."""

    timed = "lazy"

    def sample(self, system):
        for _ in range(200):
            found = system.lazy("array")
        self._shape = tuple(found.shape)
        return 200

    def verified(self, system):
        return super().verified(system) and self._shape == self.shape


class Stream(_OneArray):
    """One pass over all rows, in blocks; each block is summed."""

    timed = "stream"

    def __init__(self, name, shape, block):
        super().__init__(name, shape)
        self.block = block

    def sample(self, system):
        total = 0.0
        for block in system.stream("array", self.block):
            total += float(block.sum())
        self._total = total
        return 1

    def verified(self, system):
        expected = sum(
            float(self._expected[i : i + self.block].sum())
            for i in range(0, len(self._expected), self.block)
        )
        return super().verified(system) and self._total == expected


class _RowsOfOneArray(_OneArray):
    def __init__(self, name, shape, count):
        super().__init__(name, shape)
        self.count = count

    def rows(self):
        """Row numbers, unlike each other; the same in every process."""
        return np.random.default_rng(_SEED + 1).permutation(self.shape[0])[: self.count]


class Gather(_RowsOfOneArray):
    """Scattered rows, into memory of their own."""

    timed = "gather"

    def prepare(self, system):
        super().prepare(system)
        self._rows = self.rows()

    def sample(self, system):
        for _ in range(20):
            self._found = system.gather("array", self._rows)
        return 20

    def verified(self, system):
        return super().verified(system) and _same(self._found, self._expected[self._rows])


class Append(_RowsOfOneArray):
    modes = ("normal", "durable")
    timed = "append"

    def prepare(self, system):
        super().prepare(system)
        self._new = _random((self.count, *self.shape[1:]), _SEED + 2)
        self._appended = 0

    def sample(self, system):
        for _ in range(10):
            system.append("array", self._new)
        self._appended += 10
        return 10

    def verified(self, system):
        self._expected = np.concatenate([self._expected, *[self._new] * self._appended])
        return super().verified(system)


class Replace(_RowsOfOneArray):
    timed = "replace"

    def __init__(self, name, shape, count, scattered):
        super().__init__(name, shape, count)
        self.scattered = scattered

    def prepare(self, system):
        super().prepare(system)
        middle = self.shape[0] // 2
        self._rows = self.rows() if self.scattered else np.arange(middle, middle + self.count)
        self._new = _random((self.count, *self.shape[1:]), _SEED + 3)

    def sample(self, system):
        for _ in range(10):
            self._new[0] += 1
            system.replace("array", self._rows, self._new)
        return 10

    def verified(self, system):
        self._expected[self._rows] = self._new
        return super().verified(system)


class _NamedArrays(_Kind):
    """What arrays() says, saved in one call."""

    needs = ("save_all", "names")

    def prepare(self, system):
        self._expected = self.arrays()
        system.save_all(self._expected)

    def verified_names(self):
        """Of the arrays that are compared."""
        return self._expected.keys()

    def verified(self, system):
        return set(system.names()) == set(self._expected) and all(
            _same(system.load(name), self._expected[name]) for name in self.verified_names()
        )


class _ManyArrays(_NamedArrays):
    """Arrays of 1 KB: 256 float32."""

    def __init__(self, name, count):
        super().__init__(name)
        self.count = self.count_of_arrays = count
        self.rounds = 1_000 if count < 10_000 else 2

    def arrays(self):
        values = _random((self.count, 256))
        return {f"array{i}": values[i] for i in range(self.count)}

    def verified_names(self):
        return {"array0", f"array{self.count // 2}", f"array{self.count - 1}"}


class SaveAll(_ManyArrays):
    """All of them new, in one call; each sample into an empty store."""

    modes = ("normal", "durable")
    timed = "save_all"
    needs = ("names", "clear")
    most_samples = 10

    def prepare(self, system):
        self._expected = self.arrays()

    def rest(self, system):
        system.clear()

    def sample(self, system):
        system.save_all(self._expected)
        return 1


class _UpdateNamed:
    """`passes` times: load the named arrays, multiply them in place, save them; one commit each."""

    modes = ("batch", "durable")
    timed = "update_all"
    factor = FACTOR
    passes = 1

    def prepare(self, system):
        super().prepare(system)
        self._names = self.updated_names()
        self._passed = 0

    def sample(self, system):
        for _ in range(self.passes):
            system.update_all(self._names, self.factor)
        self._passed += self.passes
        return 1

    def verified(self, system):
        for name in self._names:
            for _ in range(self._passed):
                self._expected[name] *= self.factor
        return super().verified(system)


class UpdateAll(_UpdateNamed, _ManyArrays):
    """The first `changed` of `count` arrays."""

    most_samples = 30

    def __init__(self, name, count, changed):
        super().__init__(name, count)
        self.changed = changed

    def updated_names(self):
        return list(self._expected)[: self.changed]


class Open(_ManyArrays):
    """Opening a store that is in the page cache, and loading one array of it."""

    timed = "open"

    def rest(self, system):
        system.close()

    def sample(self, system):
        system.open()
        self._found = system.load("array0")
        return 1

    def verified(self, system):
        return _same(self._found, self._expected["array0"]) and super().verified(system)


class Names(_ManyArrays):
    timed = "names"
    needs = ("save_all",)

    def sample(self, system):
        self._found = system.names()
        return 1

    def verified(self, system):
        return set(self._found) == set(self._expected) and super().verified(system)


class SaveOne(_ManyArrays):
    """One array over the stored one, of many that stay."""

    modes = ("normal", "durable")
    timed = "save"

    def sample(self, system):
        for _ in range(20):
            self._expected["array0"][0] += 1
            system.save("array0", self._expected["array0"])
        return 20


def _digits():
    """1,797 images of handwritten digits, 8 x 8, which scikit-learn carries."""
    from sklearn.datasets import load_digits

    return {"digits": load_digits().data.astype(np.float32)}


def _model():
    """The tensors of a voice activity detector, which the package silero-vad carries."""
    from safetensors.numpy import load_file

    found = importlib.util.find_spec("silero_vad")
    folder = pathlib.Path(found.submodule_search_locations[0]) / "data"
    return load_file(folder / "silero_vad_16k.safetensors")


class UpdateReal(_UpdateNamed, _NamedArrays):
    """All float32 arrays of a real data set."""

    most_samples = 9
    factor = 1.0078125

    def __init__(self, name, source, passes):
        super().__init__(name)
        self._read = {"digits": _digits, "model": _model}[source]
        self.passes = passes

    def arrays(self):
        return {name: np.array(array) for name, array in self._read().items()}

    def updated_names(self):
        return [name for name, array in self._expected.items() if array.dtype == np.float32]
