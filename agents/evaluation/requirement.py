"""Requirement: what a metric must be at least or at most, as in `autonomy>=0.99`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from drivesim.errors import DrivesimError

_OPERATORS = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}


@dataclass(frozen=True)
class Requirement:
    """A bound on a metric.

    Attributes:
        text: As it was given.
        metric: Its name.
        operator: `>=`, `<=`, `>` or `<`.
        number: The bound.
    """

    text: str
    metric: str
    operator: str
    number: float

    def is_met(self, values: Mapping[str, float]) -> bool:
        """Whether the metrics meet it; a value that is no number does not."""
        return bool(_OPERATORS[self.operator](values[self.metric], self.number))


def read_requirement(text: str, known: Iterable[str]) -> Requirement:
    """Read a requirement such as `autonomy>=0.99`: metric, operator, number.

    Args:
        text: The requirement.
        known: The metrics that there are.

    Raises:
        DrivesimError: If the operator is missing, the metric unknown (known ones are listed) or the number none.
    """
    operator = next((operator for operator in _OPERATORS if operator in text), None)
    if operator is None:
        raise DrivesimError(f"--require {text!r}: expected METRIC>=NUMBER, or one of {', '.join(_OPERATORS)}.")
    name, number = (part.strip() for part in text.split(operator, 1))
    known = list(known)
    if name not in known:
        raise DrivesimError(f"--require {text!r}: unknown metric {name!r}. Known: {', '.join(known)}.")
    try:
        value = float(number)
    except ValueError as error:
        raise DrivesimError(f"--require {text!r}: expected a number after {operator}, got {number!r}.") from error
    if np.isnan(value):
        raise DrivesimError(f"--require {text!r}: expected a number after {operator}, got {number!r}.")
    return Requirement(text, name, operator, value)


@dataclass(frozen=True)
class Outcome:
    """What became of a requirement.

    Attributes:
        requirement: What was asked for.
        policy: Of whom.
        value: Of the metric.
        is_met: Whether that is enough.
    """

    requirement: Requirement
    policy: str
    value: float
    is_met: bool

    def __str__(self) -> str:
        """Say it in a sentence."""
        metric = self.requirement.metric
        return f"{self.policy}: {metric} is {self.value:.6g}, {self.requirement.text} is required"


def check(requirements: Iterable[Requirement], policy: str, values: Mapping[str, float]) -> list[Outcome]:
    """Hold a policy's metrics against requirements."""
    return [
        Outcome(requirement, policy, values[requirement.metric], requirement.is_met(values))
        for requirement in requirements
    ]
