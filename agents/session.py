"""Session: a person at the wheel of one car, or a policy that a person may take the wheel from.

One call of `step` is one control step; a window calls it as often as the control rate says, and shows what lies
between two steps. Whoever takes the wheel from the policy corrects it: those steps are marked so, and hold what the
policy asked for beside what the person did (human-gated DAgger, Kelly et al. 2019). What the policy drives is marked
too, as no demonstration.
"""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from agents.driver import frames_of
from agents.policy import Policy
from agents.provenance import lap_info
from agents.recorder import Recorder
from datasets.schema import MARK_BAD, MARK_CORRECTION, MARK_POLICY
from drivesim.controls import Demand
from drivesim.env import DriveEnv, Snapshot
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats, between_poses
from drivesim.namespaces import FLOATS
from drivesim.readings import Driven, Readings
from drivesim.simulation import CarState, cruise_pedal
from drivesim.vehicle import VehicleParams
from drivesim.world import World

REWIND_SECONDS, AUTO_REWIND_SECONDS = 5.0, 3.0
_REMEMBERED_SECONDS = 120.0

# What an automatic rewind goes back to: wheels this far on the road, metres, along it, radians; or as far as that, s.
_CLEAR, _ALIGNED, _FARTHEST = 0.2, 0.3, 15.0

# A rewind is shown in this time; then the car waits for a hand at the wheel, from the first to the second.
_SWEEP_SECONDS, _LEAST_WAIT, _LONGEST_WAIT = 0.6, 0.3, 1.0

# The policy has the wheel back when a person has let go of it for this long, seconds.
_LET_GO_SECONDS = 0.3

# A policy is put back on the line when it has left the road so often within so many metres.
_MOST_DEPARTURES, _SAME_PLACE = 3, 15.0

_LINE_SPACING, _LINE_POINTS = 3.0, 4000


class Moment(NamedTuple):
    """What is gone back to: the environment, where the recording was, and whether the car was well on the road."""

    snapshot: Snapshot
    place: tuple[int, int]
    on_course: bool
    points: int


class Session:
    """Drives a car, records it, and goes back.

    Attributes:
        env: The car's environment.
        recorder: Of its laps.
        paused: Whether it stands.
        steering: Applied in the last step.
        pedal: Applied in the last step.
        messages: To be shown, newest last; whoever shows them takes them out.

    Args:
        env: The car's environment; it ends where the car has left the road, and for nothing else.
        recorder: Of its laps.
        policy: At the wheel, until a person takes it.
        seed: Of the tracks that are drawn.
    """

    def __init__(
        self,
        env: DriveEnv,
        recorder: Recorder,
        policy: Policy | None = None,
        seed: int | None = None,
    ) -> None:
        self.env, self.recorder, self.policy = env, recorder, policy
        self.messages: list[str] = []
        self.paused = False
        self._saliency: Any = None
        self._history: deque[Moment] = deque(maxlen=round(_REMEMBERED_SECONDS / self.dt))
        self._start(seed)

    @property
    def dt(self) -> float:
        """Length of a control step, seconds."""
        return self.env.rules.dt

    @property
    def speed(self) -> float:
        """Of the car, m/s."""
        return float(self.env.state.vehicle.speed)

    @property
    def person_drives(self) -> bool:
        """Whether a person has the wheel."""
        return self.policy is None or self._let_go < _LET_GO_SECONDS

    @property
    def frame(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: what the car's camera sees."""
        return frames_of(self._observation, self.env)

    @property
    def vehicle(self) -> VehicleParams:
        """That it drives."""
        return self.env.rules.vehicle

    @property
    def world(self) -> World:
        """Where it drives."""
        return self.env.world

    @property
    def inset(self) -> np.ndarray:
        """What is shown in the corner: the frame, and where wanted what the policy looks at in it."""
        if self._saliency is None or self.policy is None:
            return self.frame
        if self._explained[0] is not self._observation:
            saliency_map = self._saliency.saliency_maps(self.policy, self.frame[None])[0]
            self._explained = (self._observation, self._saliency.overlay(self.frame, saliency_map))
        return self._explained[1]

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        actions: dict[str, Callable[[], None]] = {
            "r": self.toggle_recording,
            "backspace": self.rewind,
            "n": self.next_track,
            "l": self.toggle_saliency,
        }
        if key in actions:
            actions[key]()

    def pose(self, share: float) -> Floats:
        """Return x y heading, metres and radians, world, at a share of the way between the last two steps."""
        return between_poses(_pose(self._before), _pose(self._now), share)

    def step(self, demand: Demand) -> None:
        """Drive for one control step, or show a part of a rewind, or wait for a hand at the wheel."""
        if self._sweep:
            self._before, self._now = self._now, self._sweep.popleft()
            return
        touched = demand.steers or (self.env.has_pedal and demand.presses)
        if self._wait > 0:
            self._before = self._now
            self._wait -= self.dt
            if not (touched and self._wait <= _LONGEST_WAIT - _LEAST_WAIT):
                return
            self._wait = 0.0
        action = self._act(demand, touched)
        row = self._row(action)
        self._history.append(Moment(self.env.get_state(), self.recorder.place, self._on_course, len(self._line)))
        self._observation, _, terminated, truncated, info = self.env.step(action)
        self._before, self._now = self._now, self.env.state
        self.steering, self.pedal = float(info["steering"]), float(info["pedal"])
        if self.env.rules.cruise_speed is not None:
            self.pedal = cruise_pedal(self.speed, self.env.rules.cruise_speed, self.vehicle, FLOATS)
        self._on_course = info["clearance"] > _CLEAR and abs(info["heading_error"]) < _ALIGNED
        self._off_road = info["clearance"] < -self.env.rules.vehicle.width / 2
        self._record(row)
        self._note_lap()
        if terminated or truncated:
            self._leave_road()

    def rewind(self, seconds: float = REWIND_SECONDS, said: str = "Back", to_course: bool = False) -> None:
        """Go back; what was recorded since is marked bad.

        Args:
            seconds: How far.
            said: What the message begins with.
            to_course: Whether to go on farther back to where the car was well on the road.
        """
        if not self._history:
            self.messages.append("There is nothing to go back to yet")
            return
        gone = [self._now]
        steps, farthest = round(seconds / self.dt), round(_FARTHEST / self.dt)
        while self._history:
            moment = self._history.pop()
            gone.append(moment.snapshot.state)
            if len(gone) > steps and (not to_course or moment.on_course or len(gone) > farthest):
                break
        try:
            marked = self.recorder.mark_bad_since(moment.place)
        except DrivesimError as error:
            self._fail(error)
            marked = 0
        self._observation = self.env.set_state(moment.snapshot)
        self.steering, self.pedal, self._on_course, self._off_road = 0.0, 0.0, moment.on_course, False
        self._line[moment.points :] = [point._replace(kind="bad") for point in self._line[moment.points :]]
        self._lap_times = {lap: time for lap, time in self._lap_times.items() if lap <= moment.snapshot.state.lap}
        stride = max(round(len(gone) / (_SWEEP_SECONDS / self.dt)), 1)
        self._sweep = deque([*gone[stride:-1:stride], gone[-1]])
        self._wait, self._let_go = _LONGEST_WAIT, np.inf
        back = f"{said} {(len(gone) - 1) * self.dt:.1f} s"
        self.messages.append(f"{back}; {marked * self.dt:.1f} s marked bad" if marked else back)

    def toggle_recording(self) -> None:
        """Start or stop recording."""
        try:
            if self.recorder.is_recording:
                self.recorder.stop()
                self.messages.append("Recording saved")
            else:
                driver = "human" if self.policy is None else self.policy.name
                self.recorder.start(lap_info(self.env.world, self.env.rules, driver))
                self.messages.append("Recording")
        except DrivesimError as error:
            self._fail(error)

    def toggle_saliency(self) -> None:
        """Show what the policy looks at, or no longer."""
        if self.policy is None:
            self.messages.append("Only a policy's looks can be shown: start with --policy DIR")
        elif self._saliency is not None:
            self._saliency = None
        else:
            try:
                self._saliency = import_module("agents.saliency")
            except ImportError as error:
                self.messages.append(f"What the policy looks at cannot be shown: {error}")
            self._explained: tuple[Any, Any] = (None, None)

    def next_track(self) -> None:
        """End the lap and go on in another world."""
        self.close()
        self._start(None)
        self.messages.append(f"Track {self.env.world.track.name}")

    def close(self) -> None:
        """End the lap that is being recorded."""
        try:
            self.recorder.stop()
        except DrivesimError as error:
            self._fail(error)

    def readings(self, share: float) -> Readings:
        """Return what the instruments show, at a share of the way between the last two steps."""
        state, now = self.env.state, self.pose(share)
        driver = "You drive" if self.policy is None else ("You correct" if self.person_drives else "Policy drives")
        left, right = self.env.world.track.width_at(state.s)
        notice = "" if self._sweep or self._wait <= 0 else "Ready"
        return Readings(
            driver=driver,
            steering=self.steering,
            policy_steering=self._policy_action[0] if self.policy is not None else None,
            pedal=self.pedal,
            speed=state.vehicle.speed,
            lap=int(state.lap) + 1,
            lap_time=state.time - state.lap_start,
            last=self._lap_times.get(int(state.lap)),
            best=min(self._lap_times.values(), default=None),
            lateral=state.lateral,
            half_width=float(left + right) / 2,
            recording=self.recorder.is_recording,
            recorded=self.recorder.steps * self.dt,
            track=self.env.world.track,
            line=self._line,
            car=(float(now[0]), float(now[1]), float(now[2])),
            notice=notice,
        )

    def _start(self, seed: int | None) -> None:
        self._observation, info = self.env.reset(seed=seed)
        self._before = self._now = self.env.state
        self._history.clear()
        self._sweep: deque[CarState] = deque()
        self._line: list[Driven] = []
        self._lap_times: dict[int, float] = {}
        self.steering = self.pedal = self._wait = 0.0
        self._let_go = np.inf
        self._policy_action = (float("nan"), float("nan"))
        self._on_course, self._off_road = info["clearance"] > _CLEAR, False
        self._departures, self._left_at = 0, -np.inf

    def _leave_road(self) -> None:
        """Go back; a policy that keeps leaving the road here is put on the line behind it, or it would for ever."""
        left_at, self._left_at = self._left_at, float(self.env.state.s)
        self._departures = self._departures + 1 if abs(self._left_at - left_at) < _SAME_PLACE else 1
        self.rewind(AUTO_REWIND_SECONDS, "Off the road: back", to_course=True)
        if self.policy is None or self._departures < _MOST_DEPARTURES:
            return
        state = self.env.state
        s = (self._left_at + _SAME_PLACE) % self.env.world.track.length
        x, y, heading = map(float, self.env.world.track.pose(s))
        vehicle = state.vehicle._replace(x=x, y=y, heading=heading, lateral_velocity=0.0, yaw_rate=0.0)
        state = state._replace(vehicle=vehicle, s=s, lateral=0.0, heading_error=0.0)
        self._observation = self.env.set_state(replace(self.env.get_state(), state=state))
        self._before = self._now = state
        self._sweep.clear()
        self._departures = 0
        self.messages.append("The policy leaves the road here every time: put back on the line behind it")

    def _act(self, demand: Demand, touched: bool) -> np.ndarray:
        wanted = np.array([demand.steering, demand.pedal])
        if self.policy is not None:
            action = self.policy.predict(self.frame[None])[0]
            self._policy_action = (float(action[0]), float(action[1]) if len(action) > 1 else float("nan"))
            self._let_go = 0.0 if touched else self._let_go + self.dt
            if not self.person_drives:
                wanted = np.array([action[0], action[1] if len(action) > 1 else demand.pedal])
        return wanted[: 1 + self.env.has_pedal]

    def _row(self, action: np.ndarray) -> dict[str, float]:
        state = self.env.state
        pedal = float(action[1]) if self.env.has_pedal else 0.0
        mark = 0
        if self.policy is not None:
            mark = MARK_CORRECTION if self.person_drives else MARK_POLICY
        if self._off_road:
            mark |= MARK_BAD
        return {
            **state.vehicle._asdict(),
            "s": state.s,
            "lateral_error": state.lateral,
            "steering": float(action[0]),
            "pedal": pedal,
            "steering_label": float(action[0]),
            "pedal_label": pedal if self.env.has_pedal else float("nan"),
            "policy_steering": self._policy_action[0],
            "policy_pedal": self._policy_action[1],
            "mark": mark,
        }

    def _record(self, row: dict[str, float]) -> None:
        if not self._line or np.hypot(row["x"] - self._line[-1].x, row["y"] - self._line[-1].y) > _LINE_SPACING:
            kind = "recorded" if self.recorder.is_recording else "driven"
            kind = "bad" if row["mark"] & MARK_BAD else "policy" if row["mark"] & MARK_POLICY else kind
            if len(self._line) < _LINE_POINTS:
                self._line.append(Driven(row["x"], row["y"], kind))
        try:
            self.recorder.append(row)
        except DrivesimError as error:
            self._fail(error)

    def _note_lap(self) -> None:
        lap = int(self._now.lap)
        if lap > int(self._before.lap):
            self._lap_times[lap] = float(self._now.lap_time)
            best = self._lap_times[lap] <= min(self._lap_times.values())
            self.messages.append(f"Lap {lap}: {self._lap_times[lap]:.2f} s{', the best' if best and lap > 1 else ''}")

    def _fail(self, error: DrivesimError) -> None:
        """Say that recording has ended; driving goes on."""
        self.messages.append(f"Recording stopped: {error}")
        print(f"error: {error}", file=sys.stderr, flush=True)


def _pose(state: CarState) -> tuple[Any, Any, Any]:
    return state.vehicle.x, state.vehicle.y, state.vehicle.heading
