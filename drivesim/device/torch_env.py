"""Torch env: many cars on a torch device as a Gymnasium vector environment, tensors in and out.

The same cars as in `drivesim.vector_env`: worlds and starts are drawn by the same generators, the physics is the same
functions, frames follow the same contract. Only which cars have ended leaves the device in a step, and only what an
episode begins with comes to it.
"""

from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from torch import Tensor

from drivesim.camera import Camera
from drivesim.device.memory import told_when_full
from drivesim.device.namespace import TORCH
from drivesim.device.roads import DeviceRoads
from drivesim.dynamics import seen_from
from drivesim.env import RENDER_CAMERA
from drivesim.errors import DrivesimError
from drivesim.observation import action_space, frame_observation, frames_in, observation_space, road_state, step_info
from drivesim.render import Renderer
from drivesim.render_torch import TorchRenderer, torch_device
from drivesim.reward import reward_terms
from drivesim.road_table import Road
from drivesim.scenario import Scenario, check_options
from drivesim.simulation import CarState, EndReason, Rules, cars_at, start_state, step
from drivesim.vector_env import check_cars, seeds_of, worlds_in
from drivesim.vehicle import VehicleState
from drivesim.world import World

# Doubles that a car's state, road and info take, old and new.
_DOUBLES = 120


class DriveTorchEnv(VectorEnv):
    """Many cars with steering and pedal on a torch device: `drivesim/Drive-v0`.

    Equal, within rounding, to `DriveVectorEnv` with the same arguments. `info` holds the same entries as tensors, but
    for the names of tracks; `end_reason` is always there, an `EndReason` by number, int64.

    Args:
        num_envs: Number of cars.
        autoreset_mode: Gymnasium's; see `DriveVectorEnv`. Under `SAME_STEP`, `final_obs` holds the last observations
            of all cars, of which `_final_obs` tells those that ended.
        device: A torch device, such as `cuda`, `cuda:1` or `cpu`.
        compiled: Whether `torch.compile` fuses physics and sampling first, which takes a minute.
        **arguments: See `scenario.Scenario`.
    """

    # Gymnasium reads it from the class and from the instance.
    metadata = {"render_modes": ["rgb_array"], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012
    has_pedal: ClassVar[bool] = True

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        device: torch.device | str = "cuda",
        compiled: bool = False,
        **arguments: Any,
    ) -> None:
        self.num_envs, self.autoreset_mode = check_cars(num_envs, autoreset_mode)
        self.device = torch_device(device) if isinstance(device, str) else device
        self.scenario = Scenario.from_arguments(arguments)
        self.rules = self.scenario.rules(self.has_pedal)
        fps = round(self.rules.control_hz)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode, "render_fps": fps}
        self.render_mode = self.scenario.render_mode
        self.cameras = self.scenario.cameras()
        self.single_observation_space = observation_space(self.cameras, self.has_pedal)
        self.single_action_space: spaces.Box = action_space(self.has_pedal)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._source = self.scenario.world_source(self.has_pedal)
        # `World.texture` names the host's renderer, whose `texture` and `camera` this one has.
        self._renderers: list[Any] = [
            TorchRenderer(camera, self.rules.vehicle, self.device, compiled) for camera in self.cameras
        ]
        self._advance: Any = torch.compile(_advance) if compiled else _advance
        self._roads = DeviceRoads(num_envs, self.device)
        self._worlds: list[World] = []
        # Of each camera, the number of the ground that each car is on.
        self._grounds = [torch.zeros(num_envs, dtype=torch.int64, device=self.device) for _ in self.cameras]
        # Of each car's camera: how late it is, seconds, and how it shakes, metres.
        self._senses = torch.zeros(2, num_envs, dtype=torch.float64, device=self.device)
        self._is_seen_elsewhere = False
        self._rngs = [np.random.default_rng() for _ in range(num_envs)]
        self._reasons = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        self._everyone = torch.ones(num_envs, dtype=torch.bool, device=self.device)
        self._observation: Any = None
        self._state: CarState

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes; arguments as of `DriveVectorEnv.reset`, `reset_mask` a bool array or tensor (N,)."""
        options = check_options(options, "worlds", "reset_mask")
        cars = self._cars_to_reset(options.pop("reset_mask", None))
        chosen = set(cars.tolist())
        for car, value in enumerate(seeds_of(seed, self.num_envs)):
            if value is not None and car in chosen:
                self._rngs[car] = gymnasium.utils.seeding.np_random(value)[0]
        with told_when_full(self.device, self.num_envs, self.memory):
            self._start(cars, options)
            self._observation = self._observe()
        nothing = torch.zeros(self.num_envs, 2, dtype=torch.float64, device=self.device)
        mask = ~self._everyone
        mask[self._index(cars)] = True
        return self._observation, self._info(nothing, nothing[:, 0] > 0, mask)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Drive every car for one control step.

        Args:
            actions: (N, A) tensor, or what makes one.

        Returns:
            The observation, rewards (N,) float64, terminated and truncated (N,) bool, and `info`, all on the device.

        Raises:
            DrivesimError: If the actions are not finite or of the wrong shape; nothing has moved.
        """
        if not self._worlds:
            raise DrivesimError("step: no episode has begun; call reset() first.")
        values = torch.as_tensor(actions, device=self.device).to(torch.float64)
        expected = (self.num_envs, *self.single_action_space.shape)
        if tuple(values.shape) != expected:
            raise DrivesimError(f"action: expected shape {expected}, got {tuple(values.shape)}.")
        resting = self._reasons != EndReason.NONE
        # The one time in a step that the host waits for the device.
        is_finite, rests = torch.stack([values.isfinite().all(), resting.any()]).tolist()
        if not is_finite:
            raise DrivesimError("action: expected finite numbers, got others; nothing has moved.")
        with told_when_full(self.device, self.num_envs, self.memory):
            return self._step(values, resting, rests)

    def _step(self, values: Tensor, resting: Tensor, rests: bool) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        disabled = self.autoreset_mode == AutoresetMode.DISABLED
        applied, clipped, result, rewards = self._advance(self._state, values, resting, self._roads.road, self.rules)
        reasons = result.end_reason.long()
        moving = None
        if rests and disabled:
            self._state = _where_cars(resting, self._state, result.state)
            reasons = torch.where(resting, self._reasons, reasons)
            rewards = torch.where(resting, 0.0, rewards)
            moving = (~resting).nonzero()[:, 0]
        else:
            self._state = result.state
        self._reasons = reasons
        if rests and not disabled:
            rewards = torch.where(resting, 0.0, rewards)
            self._start(resting.nonzero()[:, 0].cpu().numpy(), {})
        self._observation = self._observe(moving)
        info = self._info(applied, clipped, self._everyone)
        reasons = self._reasons
        ended = reasons != EndReason.NONE
        truncated = reasons == EndReason.TIME_LIMIT
        info["end_reason"], info["_end_reason"] = reasons, ended
        if self.autoreset_mode == AutoresetMode.SAME_STEP and bool(ended.any()):
            info = self._restart(ended, applied, clipped, info)
        return self._observation, rewards, ended & ~truncated, truncated, info

    def _restart(self, ended: Tensor, applied: Tensor, clipped: Tensor, final_info: dict[str, Any]) -> dict[str, Any]:
        """Same-step autoreset: start anew the cars that ended, keeping their last observation and info."""
        final = self._observation
        self._start(ended.nonzero()[:, 0].cpu().numpy(), {})
        self._observation = self._observe()
        info = self._info(torch.where(ended[:, None], 0.0, applied), clipped & ~ended, self._everyone)
        info["end_reason"], info["_end_reason"] = final_info["end_reason"], ended
        info["final_obs"], info["_final_obs"] = final, ended
        info["final_info"], info["_final_info"] = final_info, ended
        return info

    def synchronize(self) -> None:
        """Wait until the device has done what it was asked for."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def render(self) -> tuple[np.ndarray, ...]:
        """Return one frame (480, 480, 3) uint8 a car, in `rgb_array` mode, drawn on the host."""
        if self.render_mode != "rgb_array":
            raise DrivesimError(f"render: render_mode is {self.render_mode!r}; make it with render_mode='rgb_array'.")
        renderer = Renderer(RENDER_CAMERA, self.rules.vehicle)
        return tuple(renderer.draw([world.texture(renderer) for world in self._worlds], self.poses.cpu().numpy()))

    @property
    def camera(self) -> Camera | None:
        """The cars' only camera, or the first; None without one."""
        return self.cameras[0] if self.cameras else None

    @property
    def worlds(self) -> tuple[World, ...]:
        """The world of each car's running episode."""
        return tuple(self._worlds)

    @property
    def state(self) -> CarState:
        """The state of all cars; its tensors are never written to."""
        return self._state

    @property
    def poses(self) -> Tensor:
        """(N, 3) float64, x y heading of every car, metres and radians, world."""
        vehicle = self._state.vehicle
        return torch.stack([vehicle.x, vehicle.y, vehicle.heading], dim=1)

    @property
    def road(self) -> Road:
        """The road under every car: see `road_table.Road`."""
        return self._roads.road

    def place(self, cars: Any, s: Tensor, speed: Tensor) -> Any:
        """Put cars (K,), a tensor, back on the centreline at arc length `s` (K,), metres, with a speed (K,), m/s.

        Laps and progress go on. Returns the observation of all cars.
        """
        zero = torch.zeros_like(s)
        placed = start_state(cars_at(self._roads.road, cars), s, zero, zero, speed, TORCH)
        old = cars_at(self._state, cars)
        self._put(
            cars,
            old._replace(vehicle=placed.vehicle, s=s, lateral=placed.lateral, heading_error=placed.heading_error),
        )
        self._observation = self._observe(cars)
        return self._observation

    def move(self, state: CarState) -> Any:
        """Put all cars into other states; returns the observation there."""
        self._state = state
        self._observation = self._observe()
        return self._observation

    def _cars_to_reset(self, mask: Any) -> np.ndarray:
        """The cars (K,) that `reset` starts."""
        if mask is None:
            return np.arange(self.num_envs)
        values = torch.as_tensor(mask).cpu().numpy()
        if not (values.dtype == bool and values.shape == (self.num_envs,) and values.any()):
            raise DrivesimError(
                f"reset option reset_mask: expected bools ({self.num_envs},) with a True among them, got {mask!r}."
            )
        if not self._worlds and not values.all():
            raise DrivesimError("reset option reset_mask: the first reset starts all cars; leave the mask out.")
        return np.flatnonzero(values)

    def _index(self, cars: np.ndarray) -> Any:
        return torch.from_numpy(cars).to(self.device)

    def _start(self, cars: np.ndarray, options: dict[str, Any]) -> None:
        """Start the episodes of cars (K,)."""
        worlds = worlds_in(options, self.num_envs)
        entered, starts = [], np.zeros((3, len(cars)))
        for i, car in enumerate(cars.tolist()):
            entered.append(worlds[car] if worlds is not None else self._source.draw(self._rngs[car]))
            if entered[i].traffic:
                raise DrivesimError(
                    "traffic: on a torch device roads are empty. Leave out device=, or traffic and obstacles."
                )
            starts[:, i] = self.scenario.start_values(entered[i].track.length, self._rngs[car], options)
        if len(cars) == self.num_envs:
            self._worlds = entered
        else:
            for car, world in zip(cars.tolist(), entered, strict=True):
                self._worlds[car] = world
        self._roads.assign(cars, entered)
        self._senses[:, self._index(cars)] = torch.tensor(
            [[own.sensor_delay, own.vibration] for own in (world.dynamics for world in entered)],
            dtype=torch.float64,
            device=self.device,
        ).T
        self._is_seen_elsewhere = any(world.dynamics.is_seen for world in self._worlds)
        chosen = self._index(cars)
        for renderer, grounds in zip(self._renderers, self._grounds, strict=True):
            grounds[chosen] = renderer.enter([world.texture(renderer) for world in entered])
        s, lateral, heading_error = torch.from_numpy(starts).to(self.device)
        speed = torch.full_like(s, float(options.get("speed", self.rules.cruise_speed or 0.0)))
        started = start_state(cars_at(self._roads.road, chosen), s, lateral, heading_error, speed, TORCH)
        if len(cars) == self.num_envs:
            self._state = started
            self._reasons = torch.zeros_like(self._reasons)
        else:
            self._put(chosen, started)
            self._reasons = self._reasons.index_fill(0, chosen, EndReason.NONE)

    def _put(self, cars: Tensor, values: CarState) -> None:
        """Replace the states of some cars, leaving the old tensors as they were."""
        vehicle = VehicleState(
            *(old.index_copy(0, cars, new) for old, new in zip(self._state.vehicle, values.vehicle, strict=True))
        )
        others = (old.index_copy(0, cars, new) for old, new in zip(self._state[1:], values[1:], strict=True))
        self._state = CarState(vehicle, *others)

    def _observe(self, cars: Tensor | None = None) -> Any:
        """Observe some cars (K,), the others' frames stay as they are; all if left out."""
        if not self._renderers:
            return torch.stack(road_state(self._state, self._roads.road, TORCH), dim=1).float()
        poses = self.poses
        if self._is_seen_elsewhere:
            delay, vibration = self._senses
            poses = torch.stack(seen_from(self._state.vehicle, self._state.time, delay, vibration, TORCH), dim=1)
        frames: list[Any] = []
        for number, (renderer, grounds) in enumerate(zip(self._renderers, self._grounds, strict=True)):
            if cars is None:
                frames.append(renderer.draw_on(grounds, poses))
                continue
            before: Any = frames_in(self._observation, self.has_pedal)[number]
            frames.append(before.index_copy(0, cars, renderer.draw_on(grounds[cars], poses[cars])))
        speed: Any = self._state.vehicle.speed[:, None].float() if self.has_pedal else None
        return frame_observation(frames, speed)

    def _info(self, applied: Tensor, clipped: Tensor, mask: Tensor) -> dict[str, Any]:
        car = self.rules.vehicle
        info = step_info(self._state, self._roads.road, car, applied[:, 0], applied[:, 1], clipped, TORCH)
        return info | {f"_{key}": mask for key in info}

    def memory(self) -> tuple[float, float]:
        """Bytes that a car takes, and those that all share."""
        of_a_car = 8.0 * _DOUBLES + sum(2 * 3 * camera.width * camera.height for camera in self.cameras)
        shared = sum(renderer.memory for renderer in self._renderers)
        worlds = len({id(world) for world in self._worlds})
        # Where every car has a world of its own, more cars need more of them.
        return (of_a_car, shared) if worlds < self.num_envs else (of_a_car + shared / self.num_envs, 0.0)


class SteerTorchEnv(DriveTorchEnv):
    """Many cars with steering alone on a torch device, a cruise controller holds their speed: `drivesim/Steer-v0`."""

    has_pedal = False


def _advance(state: CarState, actions: Tensor, resting: Tensor, road: Road, rules: Rules) -> tuple[Any, ...]:
    """Apply actions (N, A) for a step; returns what was applied (N, 2), whether it was cut, the step and the reward."""
    applied = actions.clamp(-1.0, 1.0)
    clipped = (applied != actions).any(dim=1) & ~resting
    applied = torch.where(resting[:, None], 0.0, applied)
    if applied.shape[1] == 1:
        applied = torch.cat([applied, torch.zeros_like(applied)], dim=1)
    result = step(state, applied[:, 0], applied[:, 1], road, rules, TORCH)
    terms = reward_terms(result.gained, road.length, result.end_reason, TORCH)
    return applied, clipped, result, terms["progress"] + terms["step"] + terms["off_road"]


def _where_cars(mask: Tensor, state: CarState, other: CarState) -> CarState:
    """Take the cars in `mask` (N,) from `state`, the rest from `other`."""
    vehicle = VehicleState(*(torch.where(mask, a, b) for a, b in zip(state.vehicle, other.vehicle, strict=True)))
    return CarState(vehicle, *(torch.where(mask, a, b) for a, b in zip(state[1:], other[1:], strict=True)))
