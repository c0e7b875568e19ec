"""Vector env: many cars in one process as a Gymnasium vector environment."""

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from drivesim.camera import Camera
from drivesim.dynamics import seen_from
from drivesim.env import RENDER_CAMERA, Snapshot
from drivesim.errors import DrivesimError, check_name
from drivesim.geometry import Floats
from drivesim.ground.texture import GroundTexture
from drivesim.namespaces import NUMPY
from drivesim.observation import (
    action_space,
    check_actions,
    frame_observation,
    frames_in,
    observation_space,
    road_state,
    step_info,
)
from drivesim.render import Renderer
from drivesim.reward import reward_terms
from drivesim.road_table import RoadTable
from drivesim.scenario import Scenario, check_options
from drivesim.simulation import CarState, EndReason, cars_at, start_state, step, where_cars
from drivesim.traffic_table import Others, TrafficTable
from drivesim.world import World, check_world

# By an `EndReason`'s number.
REASON_NAMES = np.array([None, *(reason.name.lower() for reason in list(EndReason)[1:])], object)


class DriveVectorEnv(VectorEnv):
    """Many cars with steering and pedal: `drivesim/Drive-v0`.

    Equal to as many `DriveEnv`, the first seeded `seed`, the next `seed + 1`, and so on.

    Args:
        num_envs: Number of cars.
        autoreset_mode: Gymnasium's; under `DISABLED` a car whose episode has ended stands still, its observation
            unchanged, until `reset(options={"reset_mask": mask})`.
        **arguments: See `scenario.Scenario`.
    """

    # Gymnasium reads it from the class and from the instance.
    metadata = {"render_modes": ["rgb_array"], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012
    has_pedal: ClassVar[bool] = True

    def __init__(
        self, num_envs: int = 1, autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, **arguments: Any
    ) -> None:
        self.num_envs, self.autoreset_mode = check_cars(num_envs, autoreset_mode)
        self.scenario = Scenario.from_arguments(arguments)
        self.rules = self.scenario.rules(self.has_pedal)
        self.metadata = {
            **self.metadata,
            "autoreset_mode": self.autoreset_mode,
            "render_fps": round(self.rules.control_hz),
        }
        self.render_mode = self.scenario.render_mode
        self.cameras = self.scenario.cameras()
        self.single_observation_space = observation_space(self.cameras, self.has_pedal)
        self.single_action_space: spaces.Box = action_space(self.has_pedal)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._source = self.scenario.world_source(self.has_pedal)
        threads = (os.cpu_count() or 1) if self.scenario.threads is None else self.scenario.threads
        self._renderers = [Renderer(camera, self.rules.vehicle, threads) for camera in self.cameras]
        self._roads, self._traffic = RoadTable(num_envs), TrafficTable(num_envs)
        # Of each car, in the cars' order: the first reset enters all of them.
        self._worlds: dict[int, World] = {}
        self._textures: list[dict[int, GroundTexture]] = [{} for _ in self.cameras]
        # Of each car's camera: how late it is, seconds, and how it shakes, metres.
        self._senses = np.zeros((num_envs, 2))
        self._rngs = [np.random.default_rng() for _ in range(num_envs)]
        self._everyone = np.ones(num_envs, bool)
        self._reasons = np.zeros(num_envs, np.int64)
        self._observation: Any = None
        self._state: CarState

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: Of the first car, the next ones following; or one for each.
            options: `reset_mask` (N,) bool: which cars; `worlds`: a list of N `World`; `s`, `lateral` (m),
                `heading_error` (rad), `speed` (m/s): numbers for all cars. Each is optional.
        """
        options = check_options(options, "worlds", "reset_mask")
        mask = self._reset_mask(options)
        for car, value in enumerate(seeds_of(seed, self.num_envs)):
            if value is not None and mask[car]:
                self._rngs[car] = gymnasium.utils.seeding.np_random(value)[0]
        self._start(mask, options)
        self._observation = self._observe(mask)
        nothing = np.zeros((self.num_envs, 2))
        info = self._info(self._state, nothing, nothing[:, 0] > 0, mask)
        return self._observation, info | self._track_names(mask)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Drive every car for one control step; see `observation.step_info` for what `info` holds.

        Raises:
            DrivesimError: If the actions are not finite or of the wrong shape; nothing has moved.
        """
        self._check_running("step")
        values = check_actions(actions, (self.num_envs, *self.single_action_space.shape))
        applied = np.minimum(np.maximum(values, -1.0), 1.0)
        clipped = (applied != values).any(axis=1)
        if not self.has_pedal:
            applied = np.column_stack([applied, np.zeros(self.num_envs)])
        resting = self._reasons != EndReason.NONE
        applied[resting], clipped[resting] = 0.0, False
        result = step(self._state, applied[:, 0], applied[:, 1], self._roads.road, self.rules, NUMPY)
        reasons = result.end_reason.astype(np.int64)
        if self.others is not None:
            reasons[self._traffic.advance(result.state, self._roads.road, self.rules, ~resting)] = EndReason.COLLISION
        terms = reward_terms(result.gained, self._roads.road.length, reasons, NUMPY)
        rewards = terms["progress"] + terms["step"] + terms["off_road"] + terms["collision"]
        moved = self._everyone
        if resting.any():
            rewards[resting] = 0.0
            if self.autoreset_mode == AutoresetMode.DISABLED:
                self._state = where_cars(resting, self._state, result.state)
                reasons[resting] = self._reasons[resting]
                moved = ~resting
            else:
                self._state = result.state
                reasons[resting] = EndReason.NONE
                self._start(resting, {})
        else:
            self._state = result.state
        self._reasons = reasons
        self._observation = self._observe(moved)
        info = self._info(self._state, applied, clipped, self._everyone)
        if resting.any() and self.autoreset_mode != AutoresetMode.DISABLED:
            info.update(self._track_names(resting))
        ended = reasons != EndReason.NONE
        truncated = reasons == EndReason.TIME_LIMIT
        if ended.any():
            info["end_reason"], info["_end_reason"] = REASON_NAMES[reasons], ended
            if self.autoreset_mode == AutoresetMode.SAME_STEP:
                info = self._restart(ended, info)
        return self._observation, rewards, ended & ~truncated, truncated, info

    def render(self) -> tuple[np.ndarray, ...]:
        """Return one frame (480, 480, 3) uint8 a car, in `rgb_array` mode; needs no display."""
        if self.render_mode != "rgb_array":
            raise DrivesimError(f"render: render_mode is {self.render_mode!r}; make it with render_mode='rgb_array'.")
        self._check_running("render")
        renderer = Renderer(RENDER_CAMERA, self.rules.vehicle)
        textures = [world.texture(renderer) for world in self._worlds.values()]
        return tuple(renderer.draw(textures, self.poses, self.others))

    def close_extras(self, **_: Any) -> None:
        """Stop the threads that draw."""
        for renderer in self._renderers:
            renderer.close()

    @property
    def camera(self) -> Camera | None:
        """The cars' only camera, or the first; None without one."""
        return self.cameras[0] if self.cameras else None

    @property
    def worlds(self) -> tuple[World, ...]:
        """The world of each car's running episode."""
        return tuple(self._worlds.values())

    @property
    def state(self) -> CarState:
        """The state of all cars; its arrays are never written to."""
        return self._state

    @property
    def poses(self) -> Floats:
        """(N, 3) float64, x y heading of every car, metres and radians, world."""
        vehicle = self._state.vehicle
        return np.column_stack([vehicle.x, vehicle.y, vehicle.heading])

    @property
    def road(self) -> Any:
        """The road under every car: see `road_table.Road`."""
        return self._roads.road

    @property
    def others(self) -> Others | None:
        """Where everything else on the roads is; None where there is nothing on any."""
        return self._traffic.others

    def start_traffic(self, s: Floats) -> Others | None:
        """Begin the traffic anew around cars that begin at arc length `s` (N,) metres; returns where it is."""
        self._traffic.start(np.arange(self.num_envs), s, self._roads.road)
        return self.others

    def place(self, cars: np.ndarray, s: Floats, speed: Floats) -> Any:
        """Put cars back on the centreline at arc length `s`, along the road; laps and progress go on.

        Beside an obstacle they are put where it is passed.

        Args:
            cars: (K,) indices.
            s: (K,) metres.
            speed: (K,) m/s.

        Returns:
            The observation of all cars.
        """
        road = cars_at(self._roads.road, cars)
        lateral = self._traffic.aside(cars, s, self.rules.vehicle, self._roads.road)
        placed = start_state(road, s, lateral, np.zeros(len(cars)), speed, NUMPY)
        old = cars_at(self._state, cars)
        self._put(
            cars,
            old._replace(vehicle=placed.vehicle, s=s, lateral=placed.lateral, heading_error=placed.heading_error),
        )
        mask = np.zeros(self.num_envs, bool)
        mask[cars] = True
        self._observation = self._observe(mask)
        return self._observation

    def get_state(self) -> Snapshot:
        """Return a snapshot that `set_state` goes back to."""
        self._check_running("get_state")
        randoms = tuple(rng.bit_generator.state for rng in self._rngs)
        return Snapshot(self._state, self.worlds, randoms, self._reasons.copy(), self.others)

    def set_state(self, snapshot: Snapshot) -> Any:
        """Go back to a snapshot; returns the observation there."""
        for car, world in enumerate(snapshot.worlds):
            self._enter(car, world)
        self._state = snapshot.state
        self._traffic.restore(snapshot.others, self._roads.road)
        self._reasons = snapshot.reasons.copy()
        for rng, state in zip(self._rngs, snapshot.random_states, strict=True):
            rng.bit_generator.state = state
        self._observation = self._observe(self._everyone)
        return self._observation

    def _check_running(self, called: str) -> None:
        if not self._worlds:
            raise DrivesimError(f"{called}: no episode has begun; call reset() first.")

    def _reset_mask(self, options: dict[str, Any]) -> np.ndarray:
        mask = options.pop("reset_mask", None)
        if mask is None:
            return self._everyone
        if not (isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == (self.num_envs,) and mask.any()):
            raise DrivesimError(
                f"reset option reset_mask: expected a bool array ({self.num_envs},) with a True in it, got {mask!r}."
            )
        if not self._worlds and not mask.all():
            raise DrivesimError("reset option reset_mask: the first reset starts all cars; leave the mask out.")
        return mask

    def _start(self, mask: np.ndarray, options: dict[str, Any]) -> None:
        """Start the episodes of the cars in `mask`."""
        cars = np.flatnonzero(mask)
        worlds = worlds_in(options, self.num_envs)
        starts = np.zeros((3, len(cars)))
        for i, car in enumerate(cars.tolist()):
            world = worlds[car] if worlds is not None else self._source.draw(self._rngs[car])
            self._enter(car, world)
            track = world.track
            starts[:, i] = self.scenario.start_values(track.length, self._rngs[car], options)
        s, lateral, heading_error = starts
        if self.others is not None:
            self._traffic.start(cars, s, self._roads.road)
            if "lateral" not in options:
                lateral = lateral + self._traffic.aside(cars, s, self.rules.vehicle, self._roads.road)
        speed = np.full(len(cars), float(options.get("speed", self.rules.cruise_speed or 0.0)))
        started = start_state(cars_at(self._roads.road, cars), s, lateral, heading_error, speed, NUMPY)
        if len(cars) == self.num_envs:
            self._state = started
        else:
            self._put(cars, started)
        self._reasons[cars] = EndReason.NONE

    def _enter(self, car: int, world: World) -> None:
        """Put a car into a world."""
        self._worlds[car] = world
        self._roads.assign(car, world.track, world.weather.grip, world.dynamics)
        self._senses[car] = world.dynamics.sensor_delay, world.dynamics.vibration
        self._traffic.assign(car, world.traffic)
        for renderer, textures in zip(self._renderers, self._textures, strict=True):
            textures[car] = world.texture(renderer)

    def _put(self, cars: np.ndarray, values: CarState) -> None:
        """Replace the states of some cars, leaving the old arrays as they were."""

        def put(old: np.ndarray, new: np.ndarray) -> np.ndarray:
            changed = old.copy()
            changed[cars] = new
            return changed

        vehicle = type(self._state.vehicle)(*map(put, self._state.vehicle, values.vehicle))
        self._state = CarState(vehicle, *map(put, self._state[1:], values[1:]))

    def _restart(self, ended: np.ndarray, final_info: dict[str, Any]) -> dict[str, Any]:
        """Same-step autoreset: start anew the cars that ended, keeping their last observation and info."""
        final = np.full(self.num_envs, None, object)
        for car in np.flatnonzero(ended).tolist():
            final[car] = _take(self._observation, car)
        self._start(ended, {})
        self._observation = self._observe(ended)
        nothing = np.zeros((self.num_envs, 2))
        applied = np.column_stack([final_info["steering"], final_info["pedal"]])
        applied = np.where(ended[:, None], nothing, applied)
        info = self._info(self._state, applied, final_info["action_clipped"] & ~ended, self._everyone)
        info.update(self._track_names(ended))
        masked = {key: ended if key.startswith("_") else value for key, value in final_info.items()}
        info["final_obs"], info["_final_obs"] = final, ended
        info["final_info"], info["_final_info"] = masked, ended
        return info

    def _info(self, state: CarState, applied: np.ndarray, clipped: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
        info = step_info(state, self._roads.road, self.rules.vehicle, applied[:, 0], applied[:, 1], clipped, NUMPY)
        # Copies, so that whoever writes into an info leaves the state alone.
        info = {key: np.array(value) for key, value in info.items()}
        info.update({f"_{key}": mask.copy() for key in list(info)})
        return info

    def _track_names(self, started: np.ndarray) -> dict[str, np.ndarray]:
        """The entry of `info` that a start adds."""
        names = np.full(self.num_envs, None, object)
        names[started] = [self._worlds[car].track.name for car in np.flatnonzero(started).tolist()]
        return {"track": names, "_track": started.copy()}

    def _observe(self, mask: np.ndarray) -> Any:
        """Observe the cars in `mask`; the others' observations stay as they are."""
        if not self._renderers:
            return np.column_stack(road_state(self._state, self._roads.road, NUMPY)).astype(np.float32)
        poses = self.poses
        if self._senses.any():
            delay, vibration = self._senses.T
            poses = np.column_stack(seen_from(self._state.vehicle, self._state.time, delay, vibration, NUMPY))
        frames = []
        for number, (renderer, textures) in enumerate(zip(self._renderers, self._textures, strict=True)):
            if mask.all():
                frames.append(renderer.draw(list(textures.values()), poses, self.others))
                continue
            kept = renderer.copy(frames_in(self._observation, self.has_pedal)[number])
            cars = np.flatnonzero(mask)
            if len(cars):
                others = None if self.others is None else self.others.of(cars)
                kept[cars] = renderer.draw([textures[car] for car in cars.tolist()], poses[cars], others)
            frames.append(kept)
        speed = self._state.vehicle.speed[:, None].astype(np.float32) if self.has_pedal else None
        return frame_observation(frames, speed)


class SteerVectorEnv(DriveVectorEnv):
    """Many cars with steering alone, a cruise controller holds their speed: `drivesim/Steer-v0`."""

    has_pedal = False


def check_cars(num_envs: Any, autoreset_mode: Any) -> tuple[int, AutoresetMode]:
    """Return a vector environment's number of cars and when they start anew, or refuse what is none."""
    if not isinstance(num_envs, int | np.integer) or isinstance(num_envs, bool) or num_envs < 1:
        raise DrivesimError(f"num_envs: expected 1 or more, got {num_envs!r}.")
    if not isinstance(autoreset_mode, AutoresetMode):
        check_name("autoreset_mode", autoreset_mode, [mode.value for mode in AutoresetMode])
    return int(num_envs), AutoresetMode(autoreset_mode)


def worlds_in(options: dict[str, Any], count: int) -> Sequence[World] | None:
    """Return the worlds that `reset`'s options give, one a car; None where they give none."""
    worlds = options.get("worlds")
    if worlds is None:
        return None
    if not isinstance(worlds, list | tuple) or len(worlds) != count:
        got = len(worlds) if isinstance(worlds, list | tuple) else repr(worlds)
        raise DrivesimError(f"reset option worlds: expected {count}, one a car, got {got}.")
    return [check_world("worlds", world) for world in worlds]


def seeds_of(seed: int | list[int | None] | None, count: int) -> list[int | None]:
    """Return the seed of each car, as `reset` takes them; None for a car that goes on with its own generator."""
    if seed is None:
        return [None] * count
    if isinstance(seed, int | np.integer):
        return [int(seed) + car for car in range(count)]
    if not isinstance(seed, list | tuple) or len(seed) != count:
        got = len(seed) if isinstance(seed, list | tuple) else repr(seed)
        raise DrivesimError(f"seed: expected one number or {count} of them, got {got}.")
    return list(seed)


def _take(observation: Any, car: int) -> Any:
    """One car's part of a batched observation, as a copy."""
    if isinstance(observation, dict):
        return {key: _take(value, car) for key, value in observation.items()}
    if isinstance(observation, tuple):
        return tuple(_take(value, car) for value in observation)
    return observation[car].copy()
