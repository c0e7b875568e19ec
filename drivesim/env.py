"""Env: one car as a Gymnasium environment; a batch of one on plain floats."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from drivesim.camera import Camera
from drivesim.dynamics import seen_from
from drivesim.errors import DrivesimError
from drivesim.namespaces import FLOATS
from drivesim.observation import (
    action_space,
    check_actions,
    frame_observation,
    observation_space,
    road_state,
    step_info,
)
from drivesim.render import Renderer
from drivesim.reward import reward_terms
from drivesim.road_table import RoadTable, road_of_one
from drivesim.scenario import Scenario, check_options
from drivesim.simulation import CarState, EndReason, many, start_state, step
from drivesim.traffic_table import Others, TrafficTable
from drivesim.world import World, check_world

# What `render` shows: 48 m of ground from above, large enough to watch.
RENDER_CAMERA = Camera(width=480, height=480, span=48.0, mount=(12.0, 0.0, 0.0))


@dataclass(frozen=True)
class Snapshot:
    """All that an environment needs to go on from where it was.

    Attributes:
        state: Of the car, or cars.
        worlds: Of each car.
        random_states: Of each car's generator, as `bit_generator.state` gives it.
        reasons: Why each car's episode has ended: (N,) int64, `EndReason` by number.
        others: Where everything else on the roads is; None for nothing.
    """

    state: CarState
    worlds: tuple[World, ...]
    random_states: tuple[Mapping[str, Any], ...]
    reasons: np.ndarray
    others: Others | None = None


class DriveEnv(gymnasium.Env):
    """Steering and pedal: `drivesim/Drive-v0`.

    Action: `Box(-1, 1, (2,))`: steering, -1 full left ... +1 full right, and pedal, -1 full brake ... +1 full throttle.
    Observation: `Dict(camera, speed)`; see `observation.observation_space`.

    Args:
        **arguments: See `scenario.Scenario`.
    """

    # Gymnasium reads it from the class and from the instance.
    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 20}  # noqa: RUF012
    has_pedal: ClassVar[bool] = True

    def __init__(self, **arguments: Any) -> None:
        self.scenario = Scenario.from_arguments(arguments)
        self.rules = self.scenario.rules(self.has_pedal)
        self.render_mode = self.scenario.render_mode
        self.metadata = {**self.metadata, "render_fps": round(self.rules.control_hz)}
        self.cameras = self.scenario.cameras()
        self.observation_space = observation_space(self.cameras, self.has_pedal)
        self.action_space: spaces.Box = action_space(self.has_pedal)
        self._source = self.scenario.world_source(self.has_pedal)
        self._renderers = [Renderer(camera, self.rules.vehicle) for camera in self.cameras]
        # Traffic is simulated for many roads at once: this is one of them.
        self._roads, self._traffic = RoadTable(1), TrafficTable(1)
        self._large: Renderer | None = None
        self._viewer: Any = None
        self._reason: EndReason | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode in a world drawn from the source.

        Args:
            seed: Of everything random from here on.
            options: `world` (a `World`), `s`, `lateral` (m), `heading_error` (rad), `speed` (m/s): each optional.
        """
        options = check_options(options, "world")
        super().reset(seed=seed)
        given = options.get("world")
        world = self._source.draw(self.np_random) if given is None else check_world("world", given)
        self._enter(world)
        s, lateral, heading_error = self.scenario.start_values(world.track.length, self.np_random, options)
        if world.traffic:
            one, at = np.array([0]), np.array([s])
            self._traffic.start(one, at, self._roads.road)
            if "lateral" not in options:
                lateral += float(self._traffic.aside(one, at, self.rules.vehicle, self._roads.road)[0])
        speed = float(options.get("speed", self.rules.cruise_speed or 0.0))
        self._state = start_state(self._road, s, lateral, heading_error, speed, FLOATS)
        self._reason = EndReason.NONE
        info = step_info(self._state, self._road, self.rules.vehicle, 0.0, 0.0, False, FLOATS)
        info["track"] = world.track.name
        if self.render_mode == "human":
            self.render()
        return self._observe(), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Drive for one control step; see `observation.step_info` for what `info` holds.

        Raises:
            DrivesimError: If the action is not finite or of the wrong shape (nothing has moved), or the episode ended.
        """
        if self._reason != EndReason.NONE:
            raise DrivesimError("step: no episode is running, or it has ended; call reset() first.")
        values = check_actions(action, self.action_space.shape).tolist()
        steering = min(max(values[0], -1.0), 1.0)
        pedal = min(max(values[1], -1.0), 1.0) if self.has_pedal else 0.0
        clipped = steering != values[0] or (self.has_pedal and pedal != values[1])
        result = step(self._state, steering, pedal, self._road, self.rules, FLOATS)
        self._state = result.state
        reason = EndReason(int(result.end_reason))
        if self._world.traffic and self._traffic.advance(
            many(result.state), self._roads.road, self.rules, np.ones(1, bool)
        ):
            reason = EndReason.COLLISION
        self._reason = reason
        terms = reward_terms(result.gained, self._road.length, float(reason), FLOATS)
        info = step_info(result.state, self._road, self.rules.vehicle, steering, pedal, clipped, FLOATS)
        if reason:
            info["end_reason"] = reason.name.lower()
        if self.render_mode == "human":
            self.render()
        truncated = reason == EndReason.TIME_LIMIT
        return self._observe(), math.fsum(terms.values()), bool(reason) and not truncated, truncated, info

    def render(self) -> Any:
        """Return a frame (480, 480, 3) uint8 in `rgb_array` mode, which needs no display; show it in `human` mode."""
        if self.render_mode is None:
            raise DrivesimError("render: render_mode is None; make the environment with render_mode='rgb_array'.")
        self._check_running("render")
        if self._large is None:
            self._large = Renderer(RENDER_CAMERA, self.rules.vehicle)
        frame = self._draw(self._large)
        if self.render_mode == "rgb_array":
            return frame
        if self._viewer is None:
            from drivesim.cockpit.viewer import Viewer

            self._viewer = Viewer("drivesim", frame.shape[1], frame.shape[0])
        self._viewer.show(frame, self.metadata["render_fps"])
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._viewer is not None:
            self._viewer.close()
            self._viewer = None

    @property
    def camera(self) -> Camera | None:
        """The car's only camera, or the first; None without one."""
        return self.cameras[0] if self.cameras else None

    @property
    def world(self) -> World:
        """The world of the running episode."""
        return self._world

    @property
    def state(self) -> CarState:
        """The car's state."""
        return self._state

    @property
    def others(self) -> Others | None:
        """Where everything else on the road is, as of one road; None where there is nothing."""
        return self._traffic.others if self._world.traffic else None

    def get_state(self) -> Snapshot:
        """Return a snapshot that `set_state` goes back to."""
        self._check_running("get_state")
        reasons = np.array([self._reason], np.int64)
        return Snapshot(self._state, (self._world,), (self.np_random.bit_generator.state,), reasons, self.others)

    def set_state(self, snapshot: Snapshot) -> Any:
        """Go back to a snapshot; returns the observation there."""
        self._enter(snapshot.worlds[0])
        self._state = snapshot.state
        self._traffic.restore(snapshot.others, self._roads.road)
        self.np_random.bit_generator.state = snapshot.random_states[0]
        self._reason = EndReason(int(snapshot.reasons[0]))
        return self._observe()

    def _check_running(self, called: str) -> None:
        if self._reason is None:
            raise DrivesimError(f"{called}: no episode has begun; call reset() first.")

    def _enter(self, world: World) -> None:
        if getattr(self, "_world", None) is not world:
            self._world = world
            self._road = road_of_one(world.track, world.weather.grip, world.dynamics)
            self._traffic.assign(0, world.traffic)
            if world.traffic:
                self._roads.assign(0, world.track, world.weather.grip)

    def _observe(self) -> Any:
        if not self._renderers:
            return np.array(road_state(self._state, self._road, FLOATS), np.float32)
        speed = np.array([self._state.vehicle.speed], np.float32) if self.has_pedal else None
        return frame_observation([self._draw(renderer) for renderer in self._renderers], speed)

    def _draw(self, renderer: Renderer) -> np.ndarray:
        vehicle = self._state.vehicle
        pose = np.array([(vehicle.x, vehicle.y, vehicle.heading)])
        own = self._world.dynamics
        if own.is_seen and renderer is not self._large:
            pose = np.array([seen_from(vehicle, self._state.time, own.sensor_delay, own.vibration, FLOATS)])
        return renderer.draw([self._world.texture(renderer)], pose, self.others)[0]


class SteerEnv(DriveEnv):
    """Steering alone, a cruise controller holds the speed: `drivesim/Steer-v0`.

    Action: `Box(-1, 1, (1,))`, steering, -1 full left ... +1 full right. Observation: the frame.
    """

    has_pedal = False
