"""Copilot: a policy at the wheel, which a person takes from it by touching a control.

Letting go gives the wheel back. What the person drives are corrections, and hold what the policy asked for beside what
the person did (human-gated DAgger, Kelly et al. 2019). What the policy drives is marked too, as no demonstration.
"""

from importlib import import_module
from typing import Any

import numpy as np

from agents.policy import Policy
from datasets.schema import MARK_CORRECTION, MARK_POLICY
from drivesim.controls import Demand

# The policy has the wheel back when nothing was touched for this long, seconds: a key may be tapped.
LET_GO_SECONDS = 0.3


class Copilot:
    """Shares the wheel between a policy and a person.

    Attributes:
        policy: That drives.
        steering: What it asked for in the last step; NaN before the first.
        pedal: What it asked for in the last step; NaN where it steers alone.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.steering = self.pedal = float("nan")
        self._untouched = np.inf
        self._saliency: Any = None
        self._seen: np.ndarray | None = None
        self._explained: np.ndarray | None = None

    @property
    def person_drives(self) -> bool:
        """Whether a person has the wheel."""
        return self._untouched < LET_GO_SECONDS - 1e-9

    @property
    def mark(self) -> int:
        """Bits of `mark` for the step."""
        return MARK_CORRECTION if self.person_drives else MARK_POLICY

    def take_back(self) -> None:
        """Have the wheel again."""
        self._untouched = np.inf

    def act(self, frame: np.ndarray, demand: Demand, is_touched: bool, dt: float) -> tuple[float, float]:
        """Return steering and pedal to apply in a step.

        Args:
            frame: (H, W, 3) uint8 RGB, what the policy sees.
            demand: What the person asks for.
            is_touched: Whether they touch a control that counts.
            dt: Length of the step, seconds.
        """
        action = self.policy.predict(frame[None])[0]
        self.steering, self.pedal = float(action[0]), float(action[1]) if len(action) > 1 else float("nan")
        self._untouched = 0.0 if is_touched else self._untouched + dt
        if self.person_drives:
            return demand.steering, demand.pedal
        return self.steering, demand.pedal if np.isnan(self.pedal) else self.pedal

    def toggle_saliency(self) -> str | None:
        """Show what the policy looks at, or no longer; return what keeps it from that."""
        if self._saliency is not None:
            self._saliency = None
            return None
        try:
            self._saliency = import_module("agents.saliency")
        except ImportError as error:
            return f"What the policy looks at cannot be shown: {error}"
        self._seen = None
        return None

    def explain(self, frame: np.ndarray) -> np.ndarray:
        """Return a frame (H, W, 3), where wanted with what the policy looks at laid over it."""
        if self._saliency is None:
            return frame
        if self._explained is None or self._seen is not frame:
            self._seen = frame
            self._explained = self._saliency.overlay(frame, self._saliency.saliency_maps(self.policy, frame[None])[0])
        return self._explained
