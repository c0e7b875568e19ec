"""Reward: named terms on CarRacing's scale."""

from typing import Any

from drivesim.namespaces import Namespace
from drivesim.simulation import EndReason

LAP_REWARD = 1000.0
STEP_COST = 0.1
OFF_ROAD_COST = 100.0
COLLISION_COST = 100.0

# torch.compile takes a tensor and a member of an enumeration for different things.
_OFF_ROAD, _COLLISION = int(EndReason.OFF_ROAD), int(EndReason.COLLISION)


def reward_terms(gained: Any, length: Any, end_reason: Any, xp: Namespace) -> dict[str, Any]:
    """Return the terms of one step's reward; their sum is the reward.

    Args:
        gained: New progress in this step, metres.
        length: Of the track, metres.
        end_reason: An `EndReason` by number.
        xp: The namespace of the arguments.
    """
    return {
        "progress": LAP_REWARD * gained / length,
        "step": xp.zeros_like(gained) - STEP_COST,
        "off_road": xp.where(end_reason == _OFF_ROAD, -OFF_ROAD_COST, 0.0),
        "collision": xp.where(end_reason == _COLLISION, -COLLISION_COST, 0.0),
    }
