"""One physics for one car, many cars and a GPU: the array namespaces that the simulation is written against.

`FLOATS` works on plain Python floats (one car, no array overhead), `NUMPY` on arrays of cars. Both offer the same
functions under the array API's names, and `rows`, which looks up rows of a table.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np


class Namespace(Protocol):
    """The functions that physics may call; `Any` stands for a float or an array of them."""

    sin: Callable[[Any], Any]
    cos: Callable[[Any], Any]
    tan: Callable[[Any], Any]
    atan: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    floor: Callable[[Any], Any]
    abs: Callable[[Any], Any]
    minimum: Callable[[Any, Any], Any]
    maximum: Callable[[Any, Any], Any]
    logical_and: Callable[[Any, Any], Any]
    logical_not: Callable[[Any], Any]
    where: Callable[[Any, Any, Any], Any]
    clip: Callable[[Any, Any, Any], Any]
    rows: Callable[[Any, Any], Sequence[Any]]
    zeros_like: Callable[[Any], Any]


class _Floats:
    """Plain Python floats."""

    sin = staticmethod(math.sin)
    cos = staticmethod(math.cos)
    tan = staticmethod(math.tan)
    atan = staticmethod(math.atan)
    tanh = staticmethod(math.tanh)
    sqrt = staticmethod(math.sqrt)
    floor = staticmethod(math.floor)
    abs = staticmethod(abs)

    @staticmethod
    def minimum(a: float, b: float) -> float:
        return a if a < b else b

    @staticmethod
    def maximum(a: float, b: float) -> float:
        return a if a > b else b

    @staticmethod
    def logical_and(a: bool, b: bool) -> bool:
        return a and b

    @staticmethod
    def logical_not(a: bool) -> bool:
        return not a

    @staticmethod
    def where(condition: bool, a: float, b: float) -> float:
        return a if condition else b

    @staticmethod
    def clip(x: float, low: float, high: float) -> float:
        return low if x < low else high if x > high else x

    @staticmethod
    def rows(table: Sequence[Sequence[float]], index: int) -> Sequence[float]:
        return table[index]

    @staticmethod
    def zeros_like(_: float) -> float:
        return 0.0


class _NumPy:
    """NumPy arrays, one element a car."""

    sin, cos, tan, atan, tanh, sqrt = np.sin, np.cos, np.tan, np.arctan, np.tanh, np.sqrt
    minimum, maximum, abs = np.minimum, np.maximum, np.abs
    logical_and, logical_not = np.logical_and, np.logical_not
    where, zeros_like = staticmethod(np.where), staticmethod(np.zeros_like)

    @staticmethod
    def floor(x: np.ndarray) -> np.ndarray:
        return np.floor(x).astype(np.int64)

    @staticmethod
    def clip(x: np.ndarray, low: Any, high: Any) -> np.ndarray:
        # np.clip costs four times as much on a few hundred elements.
        return np.minimum(np.maximum(x, low), high)

    @staticmethod
    def rows(table: np.ndarray, index: np.ndarray) -> np.ndarray:
        return table[index].T


FLOATS: Namespace = _Floats()
NUMPY: Namespace = _NumPy()
