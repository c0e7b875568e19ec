"""Published: what others report of CarRacing, mean and deviation of the return over their episodes.

Their episodes are of earlier versions, v0 and v2, from pixels, with seeds that are not told; the road, the car and the
reward are those of v3.
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
    Published("PPO, v2", 902.33, 24.16, "igpaub/ppo-CarRacing-v2 on the Hugging Face Hub"),
    Published("PPO, v0", 840.32, 21.17, "meln1k/ppo-CarRacing-v0 on the Hugging Face Hub"),
)
