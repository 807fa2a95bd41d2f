"""The loops that are measured: the array, and how often it is loaded, changed and saved."""

import dataclasses

import numpy as np

# float32 overflows after about 930 of these multiplications: at most eight timed loops.
FACTOR = 1.1
_SEED = 20240229


@dataclasses.dataclass(frozen=True)
class Scenario:
    """`count` times: load the array, multiply it in place, save it."""

    name: str
    shape: tuple
    count: int

    def data(self):
        """What the array holds before the first loop; the same in every process."""
        return np.random.default_rng(_SEED).random(self.shape, dtype=np.float32) + np.float32(0.5)

    def expected(self, factor, loops):
        """What it must hold, bit for bit, after that many loops."""
        array = self.data()
        if factor != 1:
            for _ in range(self.count * loops):
                array *= factor
        return array

    @property
    def nbytes(self):
        return int(np.prod(self.shape)) * 4


# The sizes that the batch modes' specification names.
SCENARIOS = (
    Scenario("80 KB x 100", (200, 100), 100),
    Scenario("8 MB x 50", (20_000, 100), 50),
)
TINY = Scenario("4 KB x 3", (10, 100), 3)


def by_name(name):
    return next(s for s in (*SCENARIOS, TINY) if s.name == name)
