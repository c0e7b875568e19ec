"""Held-out error: how far a policy is from a driver on pictures that it never saw, beside drivers without eyes."""

from collections.abc import Sequence

import numpy as np

from agents.frame_driver import FrameDriver
from agents.models.policy_config import PolicyConfig
from datasets.formats.drive import StoredDrive
from datasets.frame_fit import FrameFit
from datasets.schema import ACTIONS
from datasets.stored_frames import fit_views, front_view, usable_steps
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats

Errors = dict[str, float]


class HeldOut:
    """Drives that a policy did not learn from, ready to judge it.

    Attributes:
        steps: How many judge.

    Args:
        drives: Held out.
        config: Of the policy: its camera, what it takes and gives, and how pictures become its frames.
        threads: Threads that read.
    """

    def __init__(self, drives: Sequence[StoredDrive], config: PolicyConfig, threads: int = 1) -> None:
        has_pedal, self._takes_speed = len(config.outputs) > 1, config.takes_speed
        usable = [usable_steps(drive, has_pedal, self._takes_speed) for drive in drives]
        views = [front_view(drive, steps) for drive, steps in zip(drives, usable, strict=True)]
        sizes = [len(view.indices) for view in views]
        # The first step of a stretch has no last action to predict.
        self._judged = np.ones(sum(sizes), bool)
        self._judged[np.cumsum([0, *sizes[:-1]])[np.array(sizes) > 0]] = False
        self.steps = int(self._judged.sum())
        if not self.steps:
            raise DrivesimError("data: what is held out has no step that can judge. Record more, or raise --held-out.")
        camera = config.camera
        self._fitted = fit_views(views, camera.height, camera.width, config.fit or FrameFit(), threads, has_pedal)

    def judge(self, policy: FrameDriver) -> Errors:
        """Return a policy's mean absolute errors: `steering_mae`, and `pedal_mae` where it is learned."""
        actions = policy.predict(self._fitted.frames, self._fitted.speeds if self._takes_speed else None)
        return self._errors(actions)

    def baselines(self, learned: Sequence[StoredDrive]) -> dict[str, Errors]:
        """Return the errors of drivers without eyes, in words.

        The first always does the mean of the drives that are learned from. The second does again what the driver did a
        step before: it knows what no camera shows.
        """
        parts = [np.stack([drive.steering, drive.pedal][: self._fitted.actions.shape[1]]) for drive in learned]
        mean = np.nanmean(np.concatenate(parts, axis=1), axis=1)
        return {
            "always the mean": self._errors(np.broadcast_to(mean, self._fitted.actions.shape)),
            "the driver's last action again": self._errors(np.roll(self._fitted.actions, 1, axis=0)),
        }

    def _errors(self, actions: Floats) -> Errors:
        errors = np.abs(actions - self._fitted.actions)[self._judged].mean(axis=0)
        return {f"{name}_mae": float(error) for name, error in zip(ACTIONS, errors, strict=False)}
