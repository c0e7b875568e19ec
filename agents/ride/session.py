"""Session: a person at the wheel of one car, alone or beside a policy.

One call of `step` is one control step; a window calls it as often as the control rate says, and shows what lies
between two steps. The car can go back in time; what was recorded since is marked bad.
"""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from agents.driver import views_of
from agents.frame_driver import FrameDriver
from agents.provenance import lap_info
from agents.ride.copilot import Copilot
from agents.ride.history import History, Moment
from agents.ride.recorder import Recorder
from datasets.schema import MARK_BAD, MARK_POLICY, OTHERS
from drivesim.cockpit.controls import Demand
from drivesim.cockpit.readings import Driven, Readings
from drivesim.env import DriveEnv
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats, between_poses
from drivesim.namespaces import FLOATS
from drivesim.simulation import CarState, cruise_pedal
from drivesim.traffic_table import Others
from drivesim.vehicle import VehicleParams
from drivesim.world import World

REWIND_SECONDS, AUTO_REWIND_SECONDS = 5.0, 3.0

# Well on the road are wheels this far from its edge, metres, and a car this much along it, radians.
_CLEAR, _ALIGNED = 0.2, 0.3

# A rewind is shown in this time; then the car waits for a hand at the wheel, from the first to the second.
_SWEEP_SECONDS, _LEAST_WAIT, LONGEST_WAIT = 0.6, 0.3, 1.0

# A policy is put back on the line when it has left the road so often within so many metres.
_MOST_DEPARTURES, _SAME_PLACE = 3, 15.0

_LINE_SPACING, _LINE_POINTS = 3.0, 4000


class Session:
    """Drives a car, records it, and goes back.

    Attributes:
        env: The car's environment.
        recorder: Of its laps.
        copilot: The policy at the wheel, if there is one.
        paused: Whether it stands.
        steering: Applied in the last step.
        pedal: Applied in the last step.
        messages: To be shown, newest last; whoever shows them takes them out.

    Args:
        env: The car's environment; it ends where the car has left the road or hit something, and for nothing else.
        recorder: Of its laps.
        policy: At the wheel, until a person takes it.
        seed: Of the tracks that are drawn.
    """

    def __init__(
        self, env: DriveEnv, recorder: Recorder, policy: FrameDriver | None = None, seed: int | None = None
    ) -> None:
        self.env, self.recorder = env, recorder
        self.copilot = None if policy is None else Copilot(policy)
        self.messages: list[str] = []
        self.paused = False
        self._history = History(self.dt)
        self._sweep: deque[CarState] = deque()
        self._observation: Any
        self._before: CarState
        self._now: CarState
        self._wait: float
        self._on_course: bool
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
    def frame(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: what the car's camera sees, or the first of them."""
        return self.views[0]

    @property
    def views(self) -> tuple[np.ndarray, ...]:
        """(H, W, 3) uint8 RGB each: what the car's cameras see."""
        return views_of(self._observation, self.env)

    @property
    def vehicle(self) -> VehicleParams:
        """That it drives."""
        return self.env.rules.vehicle

    @property
    def world(self) -> World:
        """Where it drives."""
        return self.env.world

    @property
    def others(self) -> Others | None:
        """Where everything else on the road is."""
        return self.env.others

    @property
    def inset(self) -> np.ndarray:
        """What is shown in the corner: the frame, and where wanted what the policy looks at in it."""
        return self.frame if self.copilot is None else self.copilot.explain(self.views, self.speed)

    @property
    def is_waiting(self) -> bool:
        """Whether the car stands after a rewind, until a control is touched or the wait is over."""
        return bool(self._sweep) or self._wait > 0

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
        is_touched = demand.steers or (self.env.has_pedal and demand.presses)
        if self._sweep:
            self._before, self._now = self._now, self._sweep.popleft()
            return
        if self._wait > 0:
            self._before = self._now
            self._wait -= self.dt
            if not is_touched or self._wait > LONGEST_WAIT - _LEAST_WAIT:
                return
            self._wait = 0.0
        if self.copilot is None:
            steering, pedal = demand.steering, demand.pedal
        else:
            steering, pedal = self.copilot.act(self.views, self.speed, demand, is_touched, self.dt)
        row = self._row(steering, pedal)
        snapshot = self.env.get_state()
        self._history.remember(Moment(snapshot, self.recorder.place, len(self._line), self._on_course))
        action = np.array([steering, pedal] if self.env.has_pedal else [steering])
        self._observation, _, terminated, truncated, info = self.env.step(action)
        self._before, self._now = self._now, self.env.state
        self.steering, self.pedal = steering, pedal
        if self.env.rules.cruise_speed is not None:
            self.pedal = cruise_pedal(self.speed, self.env.rules.cruise_speed, self.vehicle, FLOATS)
        self._on_course = info["clearance"] > _CLEAR and abs(info["heading_error"]) < _ALIGNED
        self._off_road = info["clearance"] < -self.vehicle.width / 2
        self._record(row)
        self._note_lap()
        if terminated or truncated:
            self._leave_road("Hit something" if info["end_reason"] == "collision" else "Off the road")

    def rewind(self, seconds: float = REWIND_SECONDS, said: str = "Back", to_course: bool = False) -> None:
        """Go back; what was recorded since is marked bad.

        Args:
            seconds: How far.
            said: What the message begins with.
            to_course: Whether to go on farther, back to where the car was well on the road.
        """
        if not len(self._history):
            self.messages.append("There is nothing to go back to yet")
            return
        moment, states = self._history.go_back(seconds, to_course)
        marked = 0
        try:
            marked = self.recorder.mark_bad_since(moment.recorded)
        except DrivesimError as error:
            self._fail(error)
        self._go_to(moment.snapshot.state, lambda: self.env.set_state(moment.snapshot))
        self._on_course = moment.on_course
        self._line[moment.points :] = [point._replace(kind="bad") for point in self._line[moment.points :]]
        stride = max(round(len(states) * self.dt / _SWEEP_SECONDS), 1)
        self._sweep = deque([*states[stride - 1 : -1 : stride], states[-1]])
        back = f"{said} {len(states) * self.dt:.1f} s"
        self.messages.append(f"{back}; {marked * self.dt:.1f} s marked bad" if marked else back)

    def toggle_recording(self) -> None:
        """Start or stop recording."""
        try:
            if self.recorder.is_recording:
                self.recorder.stop()
                self.messages.append("Recording saved")
            else:
                driver = "human" if self.copilot is None else self.copilot.policy.name
                self.recorder.start(lap_info(self.world, self.env.rules, driver))
                self.messages.append("Recording")
        except DrivesimError as error:
            self._fail(error)

    def toggle_saliency(self) -> None:
        """Show what the policy looks at, or no longer."""
        if self.copilot is None:
            self.messages.append("Only a policy's looks can be shown: start with --policy DIR")
        else:
            try:
                self.copilot.toggle_saliency()
            except DrivesimError as error:
                self.messages.append(str(error))

    def next_track(self) -> None:
        """End the lap and go on in another world."""
        self.close()
        self._start(None)
        self.messages.append(f"Track {self.world.track.name}")

    def close(self) -> None:
        """End the lap that is being recorded."""
        try:
            self.recorder.stop()
        except DrivesimError as error:
            self._fail(error)

    def readings(self, share: float) -> Readings:
        """Return what the instruments show, at a share of the way between the last two steps."""
        state, pilot = self.env.state, self.copilot
        x, y, heading = self.pose(share).tolist()
        left, right = self.world.track.width_at(state.s)
        return Readings(
            driver="" if pilot is None else "You correct" if pilot.person_drives else "Policy drives",
            steering=self.steering,
            policy_steering=None if pilot is None else pilot.steering,
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
            track=self.world.track,
            line=self._line,
            car=(x, y, heading),
        )

    def _start(self, seed: int | None) -> None:
        self._observation, info = self.env.reset(seed=seed)
        self._before = self._now = self.env.state
        self._history.clear()
        self._sweep.clear()
        self._line: list[Driven] = []
        self._lap_times: dict[int, float] = {}
        self.steering = self.pedal = self._wait = 0.0
        self._on_course, self._off_road = bool(info["clearance"] > _CLEAR), False
        self._departures, self._left_at = 0, -np.inf
        if self.copilot is not None:
            self.copilot.take_back()

    def _go_to(self, state: CarState, set_state: Callable[[], Any]) -> None:
        """Go on from another state, with the wheel straight, as soon as a hand is at it."""
        self._observation = set_state()
        self.steering, self.pedal, self._off_road = 0.0, 0.0, False
        self._lap_times = {lap: time for lap, time in self._lap_times.items() if lap <= state.lap}
        self._wait = LONGEST_WAIT
        if self.copilot is not None:
            self.copilot.take_back()

    def _leave_road(self, why: str) -> None:
        """Go back; a policy that keeps leaving the road here is put on the line behind it, or it would for ever."""
        left_at, self._left_at = self._left_at, float(self.env.state.s)
        self._departures = self._departures + 1 if abs(self._left_at - left_at) < _SAME_PLACE else 1
        self.rewind(AUTO_REWIND_SECONDS, f"{why}: back", to_course=True)
        if self.copilot is None or self._departures < _MOST_DEPARTURES:
            return
        s = (self._left_at + _SAME_PLACE) % self.world.track.length
        x, y, heading = map(float, self.world.track.pose(s))
        vehicle = self.env.state.vehicle._replace(x=x, y=y, heading=heading, lateral_velocity=0.0, yaw_rate=0.0)
        state = self.env.state._replace(vehicle=vehicle, s=s, lateral=0.0, heading_error=0.0)
        snapshot = replace(self.env.get_state(), state=state)
        self._go_to(state, lambda: self.env.set_state(snapshot))
        self._before = self._now = state
        self._sweep.clear()
        self._departures = 0
        self.messages.append("The policy leaves the road here every time: put on the line behind it")

    def _row(self, steering: float, pedal: float) -> dict[str, Any]:
        """The lap's row of the step that is about to be driven; the recorder tells its time."""
        state, pilot, others = self.env.state, self.copilot, self.env.others
        mark = 0 if pilot is None else pilot.mark
        return {
            **({} if others is None else {OTHERS: others.s[0, : len(self.world.traffic)]}),
            **state.vehicle._asdict(),
            "s": state.s,
            "lateral_error": state.lateral,
            "steering": steering,
            "pedal": pedal if self.env.has_pedal else 0.0,
            "steering_label": steering,
            "pedal_label": pedal if self.env.has_pedal else float("nan"),
            "policy_steering": float("nan") if pilot is None else pilot.steering,
            "policy_pedal": float("nan") if pilot is None else pilot.pedal,
            "mark": mark | MARK_BAD if self._off_road else mark,
        }

    def _record(self, row: dict[str, Any]) -> None:
        mark = int(row["mark"])
        kind = "bad" if mark & MARK_BAD else "policy" if mark & MARK_POLICY else "driven"
        if kind == "driven" and self.recorder.is_recording:
            kind = "recorded"
        way = np.inf if not self._line else np.hypot(row["x"] - self._line[-1].x, row["y"] - self._line[-1].y)
        if way > _LINE_SPACING and len(self._line) < _LINE_POINTS:
            self._line.append(Driven(row["x"], row["y"], kind))
        try:
            self.recorder.append(row)
        except DrivesimError as error:
            self._fail(error)

    def _note_lap(self) -> None:
        lap = int(self._now.lap)
        if lap > int(self._before.lap):
            time = self._lap_times[lap] = float(self._now.lap_time)
            is_best = lap > 1 and time <= min(self._lap_times.values())
            self.messages.append(f"Lap {lap}: {time:.2f} s{', the best' if is_best else ''}")

    def _fail(self, error: DrivesimError) -> None:
        """Say that recording has ended; driving goes on."""
        self.messages.append(f"Recording stopped: {error}")
        print(f"error: {error}", file=sys.stderr, flush=True)


def _pose(state: CarState) -> tuple[Any, Any, Any]:
    return state.vehicle.x, state.vehicle.y, state.vehicle.heading
