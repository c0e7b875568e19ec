"""Published: what others report of CarRacing, mean and deviation of the return over their episodes.

Their episodes are of v0, from pixels; v3 has the same road, car and reward, and asks for all tiles as v0 does.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A result.

    Attributes:
        name: Of the method.
        mean: Of the return.
        deviation: Of the return from episode to episode; None where it is not told.
        source: Who reports it.
    """

    name: str
    mean: float
    deviation: float | None
    source: str


PUBLISHED = (
    Published("AttentionAgent", 914, 15, "Tang, Nguyen and Ha 2020, Neuroevolution of Self-Interpretable Agents"),
    Published("World Models", 906, 21, "Ha and Schmidhuber 2018, World Models"),
)
