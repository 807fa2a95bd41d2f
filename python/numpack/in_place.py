"""Several updates of an array in one pass over its memory, by the kernels of numpack.

    numpack.InPlace(array).multiply(1.1).add(2).clip(0, 1).run()

gives what ``array *= 1.1; array += 2; np.clip(array, 0, 1, out=array)`` gives, bit for bit, and
reads and writes memory once instead of three times. docs/kernels.md says what exists for which
dtype, and where NumPy has other results.
"""

from __future__ import annotations

import operator
import warnings
from numbers import Number as AnyNumber
from typing import Any, Final, SupportsComplex, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from numpack import _arithmetic
from numpack.typing import Array

__all__ = ["InPlace", "accelerate_numpy", "get_threads", "set_threads"]

#: A number beside an array.
Number: TypeAlias = SupportsIndex | SupportsFloat | SupportsComplex

_NUMBERS: Final = {name: i for i, name in enumerate(_arithmetic.operation_names())}
_MEANINGS: Final = {
    "divide": ("divide by zero", 1),
    "over": ("overflow", 2),
    "under": ("underflow", 4),
    "invalid": ("invalid value", 8),
}


class InPlace:
    """Updates of the elements of one array, recorded first and then run together.

    Args:
        array: A writable ndarray, of any shape, of a dtype that stores know. Arrays without gaps
            between elements along their last axis are updated where they lie; others take a copy
            for the time of the run.
        threads: How many threads may take part in a run; 0, the default, for all.

    Each method records one operation and returns the object. Numbers are rounded to the array's
    dtype first, as NumPy rounds Python's; an integer that does not fit is an OverflowError, and a
    number of another kind (1.5 for integers) a TypeError. Arrays must have the array's dtype and a
    shape that is broadcast to its own; they are read when the chain runs. An operation that does
    not exist for the dtype is a ValueError of `run`.

    Not thread-safe.
    """

    def __init__(self, array: Array, *, threads: int = 0) -> None:
        if not isinstance(array, np.ndarray):
            raise TypeError(f"InPlace needs a numpy.ndarray, not {type(array).__name__}")
        if not array.flags.writeable:
            raise ValueError("assignment destination is read-only")
        if not array.dtype.isnative or not array.flags.aligned:
            raise ValueError("InPlace needs aligned elements in the byte order of this machine")
        self._array = array
        self._dtype = array.dtype  # after what is recorded
        self._threads = operator.index(threads)
        self._steps: list[tuple[int | None, Any]] = []

    def run(self) -> Array:
        """Applies what was recorded, in order; called again, applies it again.

        Returns:
            The array itself or, after a `cast`, the same memory with the new dtype.

        Raises:
            ValueError: An operation does not exist for the dtype, or an array cannot be broadcast.
                Nothing was changed.
            FloatingPointError: As `numpy.errstate` has it, which decides about warnings too. The
                array is updated.
        """
        target = self._array
        steps = [(number, self._apart(operand)) for number, operand in self._steps]
        raised = _arithmetic.run_chain(target, steps, self._threads)
        if raised is None:
            copy = target.copy(order="C")
            steps = [(number, self._whole(operand)) for number, operand in steps]
            raised = _arithmetic.run_chain(copy, steps, self._threads)
            target[...] = copy if self._dtype == target.dtype else copy.view(target.dtype)
        for name in raised or ():
            _report(name)
        return target if self._dtype == target.dtype else target.view(self._dtype)

    def add(self, b: Number | Array) -> InPlace:
        """x + b; of bools: or."""
        return self._record("add", b)

    def subtract(self, b: Number | Array) -> InPlace:
        """x - b."""
        return self._record("subtract", b)

    def reverse_subtract(self, b: Number | Array) -> InPlace:
        """b - x."""
        return self._record("reverse_subtract", b)

    def multiply(self, b: Number | Array) -> InPlace:
        """x * b; of bools: and."""
        return self._record("multiply", b)

    def divide(self, b: Number | Array) -> InPlace:
        """x / b, of floats and complex numbers."""
        return self._record("divide", b)

    def multiply_add(self, a: Number, b: Number) -> InPlace:
        """a * x + b, rounded twice, as NumPy does."""
        return self._record("multiply_add", a, b)

    def fused_multiply_add(self, a: Number, b: Number) -> InPlace:
        """a * x + b, rounded once, of float32 and float64."""
        return self._record("fused_multiply_add", a, b)

    def power(self, b: Number) -> InPlace:
        """x to the power b, a whole number from 0; of floats, to 64."""
        return self._record("power", b)

    def negative(self) -> InPlace:
        """-x."""
        return self._record("negative")

    def absolute(self) -> InPlace:
        """The magnitude of x; not of complex numbers."""
        return self._record("absolute")

    def square(self) -> InPlace:
        """x * x."""
        return self._record("square")

    def sqrt(self) -> InPlace:
        """The square root of floats."""
        return self._record("sqrt")

    def reciprocal(self) -> InPlace:
        """1 / x, of floats."""
        return self._record("reciprocal")

    def fill(self, b: Number) -> InPlace:
        """b."""
        return self._record("fill", b)

    def floor_divide(self, b: Number | Array) -> InPlace:
        """x // b, rounded down."""
        return self._record("floor_divide", b)

    def remainder(self, b: Number | Array) -> InPlace:
        """x % b, of the sign of b."""
        return self._record("remainder", b)

    def bitwise_and(self, b: Number | Array) -> InPlace:
        """x & b, of integers and bools."""
        return self._record("bitwise_and", b)

    def bitwise_or(self, b: Number | Array) -> InPlace:
        """x | b, of integers and bools."""
        return self._record("bitwise_or", b)

    def bitwise_xor(self, b: Number | Array) -> InPlace:
        """x ^ b, of integers and bools."""
        return self._record("bitwise_xor", b)

    def invert(self) -> InPlace:
        """~x, of integers and bools."""
        return self._record("invert")

    def left_shift(self, b: Number | Array) -> InPlace:
        """x << b, of integers."""
        return self._record("left_shift", b)

    def right_shift(self, b: Number | Array) -> InPlace:
        """x >> b, of integers."""
        return self._record("right_shift", b)

    def logical_and(self, b: Number | Array) -> InPlace:
        """Whether x and b are both not 0, as 0 or 1."""
        return self._record("logical_and", b)

    def logical_or(self, b: Number | Array) -> InPlace:
        """Whether x or b is not 0, as 0 or 1."""
        return self._record("logical_or", b)

    def logical_xor(self, b: Number | Array) -> InPlace:
        """Whether one of x and b is 0 and the other is not, as 0 or 1."""
        return self._record("logical_xor", b)

    def logical_not(self) -> InPlace:
        """Whether x is 0, as 0 or 1."""
        return self._record("logical_not")

    def minimum(self, b: Number | Array) -> InPlace:
        """The lesser one of x and b; NaN where either is."""
        return self._record("minimum", b)

    def maximum(self, b: Number | Array) -> InPlace:
        """The greater one of x and b; NaN where either is."""
        return self._record("maximum", b)

    def clip(self, a: Number, b: Number) -> InPlace:
        """x, but not below a, then not above b."""
        return self._record("clip", a, b)

    def replace_less(self, a: Number, b: Number) -> InPlace:
        """b where x < a, else x."""
        return self._record("replace_less", a, b)

    def replace_less_equal(self, a: Number, b: Number) -> InPlace:
        """b where x <= a, else x."""
        return self._record("replace_less_equal", a, b)

    def replace_greater(self, a: Number, b: Number) -> InPlace:
        """b where x > a, else x."""
        return self._record("replace_greater", a, b)

    def replace_greater_equal(self, a: Number, b: Number) -> InPlace:
        """b where x >= a, else x."""
        return self._record("replace_greater_equal", a, b)

    def replace_equal(self, a: Number, b: Number) -> InPlace:
        """b where x == a, else x."""
        return self._record("replace_equal", a, b)

    def replace_not_equal(self, a: Number, b: Number) -> InPlace:
        """b where x != a, NaNs among them, else x."""
        return self._record("replace_not_equal", a, b)

    def exp(self) -> InPlace:
        """e to the power x, of floats, off by at most 1 unit in the last place."""
        return self._record("exp")

    def log(self) -> InPlace:
        """The natural logarithm of floats, off by at most 1 unit in the last place."""
        return self._record("log")

    def tanh(self) -> InPlace:
        """The hyperbolic tangent of floats, off by at most 4 units in the last place."""
        return self._record("tanh")

    def sigmoid(self) -> InPlace:
        """1 / (1 + exp(-x)), of floats, off by at most 3 units in the last place."""
        return self._record("sigmoid")

    def cast(self, dtype: npt.DTypeLike) -> InPlace:
        """The elements converted to another dtype of the same size; not of complex numbers.

        What is recorded later, and its operands, are of that dtype. What an integer type does not
        hold becomes the nearest number that it does, NaN 0; both are floating-point errors.
        """
        to = np.dtype(dtype)
        if to.itemsize != self._dtype.itemsize:
            raise ValueError(f"{self._dtype} and {to} elements are not of the same size")
        self._steps.append((None, to))
        self._dtype = to
        return self

    def _record(self, name: str, *operands: Number | Array) -> InPlace:
        operand: bytes | Array | None = None
        if operands and isinstance(operands[0], np.ndarray) and operands[0].ndim > 0:
            operand = self._checked(name, operands[0])
        elif operands:
            operand = b"".join(_element(name, number, self._dtype) for number in operands)
        self._steps.append((_NUMBERS[name], operand))
        return self

    def _checked(self, name: str, array: Array) -> Array:
        if array.dtype != self._dtype:
            raise TypeError(
                f"{name} of {self._dtype} elements needs an operand of the same dtype, not "
                f"{array.dtype}: convert it with astype()"
            )
        if np.broadcast_shapes(array.shape, self._array.shape) != self._array.shape:
            raise ValueError(
                f"an operand of shape {array.shape} cannot be broadcast to {self._array.shape}"
            )
        return np.require(array, requirements="A")

    def _apart(self, operand: Any) -> Any:
        """The operand, or a copy if the updates would reach it while it is read."""
        if not isinstance(operand, np.ndarray):
            return operand
        ours = self._array.__array_interface__
        theirs = operand.__array_interface__
        if all(ours[key] == theirs[key] for key in ("data", "shape", "strides")):
            return operand
        return operand.copy() if np.may_share_memory(operand, self._array) else operand

    def _whole(self, operand: Any) -> Any:
        """The operand as it lies beside a copy of the array."""
        if not isinstance(operand, np.ndarray):
            return operand
        return np.ascontiguousarray(np.broadcast_to(operand, self._array.shape))


def _element(name: str, number: Any, dtype: np.dtype[Any]) -> bytes:
    """The bytes of a number, as an element."""
    if isinstance(number, np.ndarray):
        number = number[()]
    kind = dtype.kind
    if kind in "iu":
        value: Any = operator.index(number)
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise OverflowError(f"{name}: {value} does not fit into {dtype}")
    elif kind == "b":
        if not isinstance(number, (bool, np.bool_)):
            raise TypeError(f"{name} of bool elements needs a bool, not {number!r}")
        value = bool(number)
    else:
        if not isinstance(number, (AnyNumber, np.bool_)):
            raise TypeError(f"{name} needs a number or an array, not {number!r}")
        if kind == "f" and isinstance(number, (complex, np.complexfloating)):
            raise TypeError(f"{name}: {number!r} is no real number")
        value = number
    with np.errstate(over="ignore"):
        return np.asarray(value, dtype=dtype).tobytes()


def _report(name: str) -> None:
    """A floating-point error, as numpy.errstate wants it."""
    meaning, flag = _MEANINGS[name]
    message = f"{meaning} encountered in InPlace.run"
    mode = np.geterr()[name]  # type: ignore[literal-required]
    call: Any = np.geterrcall()
    if mode == "warn":
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    elif mode == "raise":
        raise FloatingPointError(message)
    elif mode == "call":
        call(meaning, flag)
    elif mode == "log":
        call.write(f"Warning: {message}\n")
    elif mode == "print":
        print(f"Warning: {message}")


def accelerate_numpy(on: bool = True) -> None:
    """Makes `np.multiply(a, x, out=a)` and its like run kernels too, in the whole process.

    The inner loops of ``np.add``, ``np.subtract``, ``np.multiply`` and ``np.divide`` for float32
    and float64 are exchanged. Calls whose output is their first input run the kernels, on several
    threads, from 64 KiB of neighbouring elements on: whatever array that is, and ``a *= x`` with
    it. All other calls go on to NumPy's loops. Results, warnings and errors stay NumPy's.

    The price: a look at each inner loop (some nanoseconds), arithmetic of other libraries that runs
    on several threads, and a change that NumPy does not synchronise with ufuncs that run in other
    threads. So call it at the beginning of a program.

    Args:
        on: False puts NumPy's own loops back.
    """
    _arithmetic.accelerate_numpy(bool(on))


def get_threads() -> int:
    """How many threads take part in large work, the calling one included."""
    return _arithmetic.get_threads()


def set_threads(threads: int) -> None:
    """Sets how many threads take part in large work, of this process.

    Args:
        threads: The calling one included; at most 64. 1 starts none, 0 means one per processor,
            as in the beginning.
    """
    _arithmetic.set_threads(threads)
