"""One physics for one car, many cars and a GPU: the array namespaces that the simulation is written against.

`FLOATS` works on plain Python floats (one car, no array overhead), `NUMPY` on arrays of cars. Both offer the same
functions under the array API's names, and `rows`, which looks up rows of a table.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Namespace:
    """The functions that physics may call; `Any` stands for a float or an array of them.

    They do what the array API's functions of these names do, except for `floor`, which gives integers, and
    `rows(table, index)`, which gives the columns of a table's rows.
    """

    sin: Callable[[Any], Any]
    cos: Callable[[Any], Any]
    tan: Callable[[Any], Any]
    atan: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    floor: Callable[[Any], Any]
    minimum: Callable[[Any, Any], Any]
    maximum: Callable[[Any, Any], Any]
    where: Callable[[Any, Any, Any], Any]
    clip: Callable[[Any, Any, Any], Any]
    rows: Callable[[Any, Any], Sequence[Any]]
    zeros_like: Callable[[Any], Any]


def _where_float(condition: bool, a: float, b: float) -> float:
    return a if condition else b


def _clip_float(x: float, low: float, high: float) -> float:
    return low if x < low else high if x > high else x


def _floor_array(x: np.ndarray) -> np.ndarray:
    return np.floor(x).astype(np.int64)


def _clip_array(x: np.ndarray, low: Any, high: Any) -> np.ndarray:
    # np.clip costs four times as much on a few hundred elements.
    return np.minimum(np.maximum(x, low), high)


FLOATS = Namespace(
    sin=math.sin,
    cos=math.cos,
    tan=math.tan,
    atan=math.atan,
    tanh=math.tanh,
    sqrt=math.sqrt,
    floor=math.floor,
    minimum=lambda a, b: a if a < b else b,
    maximum=lambda a, b: a if a > b else b,
    where=_where_float,
    clip=_clip_float,
    rows=lambda table, index: table[index],
    zeros_like=lambda _: 0.0,
)

NUMPY = Namespace(
    sin=np.sin,
    cos=np.cos,
    tan=np.tan,
    atan=np.arctan,
    tanh=np.tanh,
    sqrt=np.sqrt,
    floor=_floor_array,
    minimum=np.minimum,
    maximum=np.maximum,
    where=np.where,
    clip=_clip_array,
    rows=lambda table, index: table[index].T,
    zeros_like=np.zeros_like,
)
