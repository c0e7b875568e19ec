"""Copilot: a policy at the wheel, which a person takes from it by touching a control.

Letting go gives the wheel back. What the person drives are corrections, and hold what the policy asked for beside what
the person did (human-gated DAgger, Kelly et al. 2019). What the policy drives is marked too, as no demonstration.
"""

from collections.abc import Sequence

import numpy as np

from agents.frame_driver import FrameDriver
from datasets.schema import MARK_CORRECTION, MARK_POLICY
from drivesim.cockpit.controls import Demand
from drivesim.errors import DrivesimError

# The policy has the wheel back when nothing was touched for this long, seconds: a key may be tapped.
LET_GO_SECONDS = 0.3


class Copilot:
    """Shares the wheel between a policy and a person.

    Attributes:
        policy: That drives.
        steering: What it asked for in the last step; NaN before the first.
        pedal: What it asked for in the last step; NaN where it steers alone.
    """

    def __init__(self, policy: FrameDriver) -> None:
        self.policy = policy
        self.steering = self.pedal = float("nan")
        self._untouched = np.inf
        self._history = policy.new_history()
        self._explains = False
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
        """Have the wheel again, somewhere else: what was seen is forgotten."""
        self._untouched = np.inf
        self._history.forget()

    def act(
        self, views: Sequence[np.ndarray], speed: float, demand: Demand, is_touched: bool, dt: float
    ) -> tuple[float, float]:
        """Return steering and pedal to apply in a step.

        Args:
            views: What each of the policy's cameras sees: (H, W, 3) uint8 RGB.
            speed: Of the car, m/s.
            demand: What the person asks for.
            is_touched: Whether they touch a control that counts.
            dt: Length of the step, seconds.
        """
        action = self.policy.predict(self._history.push(_batch_of_one(views)), self._speeds(speed))[0]
        self.steering, self.pedal = float(action[0]), float(action[1]) if len(action) > 1 else float("nan")
        self._untouched = 0.0 if is_touched else self._untouched + dt
        if self.person_drives:
            return demand.steering, demand.pedal
        return self.steering, demand.pedal if np.isnan(self.pedal) else self.pedal

    def toggle_saliency(self) -> None:
        """Show what the policy looks at, or no longer.

        Raises:
            DrivesimError: If the policy is an exported file.
        """
        if not self.policy.shows_layers:
            raise DrivesimError("What it looks at is read from its layers, which a file hides: use its folder")
        self._explains = not self._explains
        self._seen = None

    def explain(self, views: Sequence[np.ndarray], speed: float) -> np.ndarray:
        """Return the first view (H, W, 3); where wanted, with what the policy looks at laid over it.

        Args:
            views: As `act` takes them.
            speed: Of the car, m/s.
        """
        frame = views[0]
        if not self._explains:
            return frame
        if self._explained is None or self._seen is not frame:
            # Here, so that an exported file drives without torch.
            from agents.models.saliency_maps import overlay, saliency_maps
            from agents.policy import Policy

            assert isinstance(self.policy, Policy)

            self._seen = frame
            seen = self._history.stacked(_batch_of_one(views))
            weights = saliency_maps(self.policy, seen, self._speeds(speed))[0]
            self._explained = overlay(frame, weights)
        return self._explained

    def _speeds(self, speed: float) -> np.ndarray | None:
        return np.array([speed]) if self.policy.config.takes_speed else None


def _batch_of_one(views: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [view[None] for view in views]
