"""Rollout: a driver in a vector environment, one drive a world; every command that drives uses it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from agents.driver import Driver, DriverWithMemory
from agents.models.policy_config import PolicyConfig
from datasets.schema import LAP_SCHEMA, OTHERS
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats
from drivesim.namespaces import NUMPY, Namespace
from drivesim.scenario import Scenario
from drivesim.simulation import EndReason, Rules, start_state, wheel_clearance
from drivesim.traffic_table import Others, seen_on
from drivesim.vector_env import DriveVectorEnv, SteerVectorEnv
from drivesim.vehicle import VehicleParams, get_vehicle
from drivesim.world import World

# The injected noise forgets half of itself in this time, seconds.
_NOISE_HALF_LIFE = 0.5

# Noise of 1 makes no more lateral acceleration than a full turn of the preset `car`'s wheel (0.6 rad, wheelbase 2.7 m)
# does at 10 m/s, m/s^2: faster, or with a shorter car, the same noise would throw the car off the road.
_NOISE_ACCELERATION = 10.0**2 * 0.6 / 2.7


@dataclass(frozen=True)
class Course:
    """How to drive.

    Attributes:
        has_pedal: Whether the driver works the pedal too (`Drive-v0`), or a cruise controller does (`Steer-v0`).
        camera: Of the cars, or several; None where the driver needs none.
        put_back_beyond: A car farther than this from the centreline is put back on it, metres, once it has been nearer;
            None never does.
        put_back_off_road: Whether a car with a wheel off the road is put back on the centreline.
        noise: Standard deviation of the noise added to the driver's steering (DART, Laskey et al. 2017); less where
            the speed or a short wheelbase would make more of it, see `noise_share`.
        start_aside: How far beside the centreline the cars start, as a share of the room between wheel and edge; the
            first car to the left, the next to the right, and so on.
        start_turn: By how much they start turned away from the road, radians; the first to the left, and so on.
        starts: Where each car starts instead: arc length (m), offset left of the centreline (m), and turn away from the
            road (radians).
        time_limit: Of each drive, seconds; None for a lap at 3 m/s.
        threads: Threads that draw.
        scenario: Further arguments of the environment (`vehicle`, `control_hz`, `cruise_speed`, ...).
        device: A torch device, such as `cuda`, that cars are simulated, seen and driven on; None for NumPy and OpenCV.
        envs: Cars at once; None for all.
        ray: Address of a Ray cluster whose machines drive so many cars at once each: see `agents.cluster`.
    """

    has_pedal: bool = False
    camera: Camera | tuple[Camera, ...] | None = None
    put_back_beyond: float | None = None
    put_back_off_road: bool = False
    noise: float = 0.0
    start_aside: float = 0.0
    start_turn: float = 0.0
    starts: tuple[tuple[float, float, float], ...] | None = None
    time_limit: float | None = None
    threads: int = 2
    scenario: dict[str, Any] = field(default_factory=dict)
    device: str | None = None
    envs: int | None = None
    ray: str | None = None

    def __post_init__(self) -> None:
        """Refuse to drive no car at a time."""
        if self.envs is not None and self.envs < 1:
            raise DrivesimError(f"--envs: expected 1 or more, got {self.envs}.")

    @classmethod
    def made_for(cls, config: PolicyConfig, **how: Any) -> "Course":
        """Return the course that a policy was made for: its cameras, car, control rate and actions; `how` says more."""
        scenario = {"vehicle": get_vehicle(config.vehicle), "control_hz": config.control_hz}
        camera = config.camera if len(config.cameras) == 1 else config.cameras
        made = cls(has_pedal="pedal" in config.outputs, camera=camera, scenario=scenario)
        return replace(made, **how)

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """All cameras; none where the driver needs none."""
        if self.camera is None:
            return ()
        return self.camera if isinstance(self.camera, tuple) else (self.camera,)

    @property
    def rules(self) -> Rules:
        """The rules that its drives go by, but for how an evaluation puts cars back."""
        return Scenario.from_arguments(self.scenario).rules(self.has_pedal)

    @property
    def vehicle(self) -> VehicleParams:
        """The car that drives."""
        return get_vehicle(self.scenario.get("vehicle", Rules().vehicle))


@dataclass(frozen=True, eq=False)
class Drive:
    """What one car did on one road.

    Attributes:
        world: Where.
        columns: The lap's columns, (T,) each, as in `datasets.schema.LAP_SCHEMA`; and `clearance`, metres from the
            outermost wheel to the road's edge, and `heading_error`, radians, both when the step began.
            Where there is traffic, also `others` (T, M) float32, its arc lengths, and `others_speed` (T, M), m/s.
        put_back: (T,) bool, whether the car was put back after the step.
        departed: (T,) bool, whether a wheel was off the road after the step.
        end_reason: Why it ended: see `drivesim.simulation.EndReason`.
        progress: New arc length, metres.
        dt: Length of a step, seconds.
    """

    world: World
    columns: dict[str, np.ndarray]
    put_back: np.ndarray
    departed: np.ndarray
    end_reason: str | None
    progress: float
    dt: float

    @property
    def elapsed(self) -> float:
        """Seconds driven."""
        return len(self.put_back) * self.dt

    @property
    def collided(self) -> bool:
        """Whether it ended by hitting something."""
        return self.end_reason == EndReason.COLLISION.name.lower()

    def others_at(self, steps: np.ndarray) -> Others | None:
        """Return where the traffic was when some steps (K,) began: K roads; None where there is none."""
        if not self.world.traffic:
            return None
        return seen_on(self.world.track, self.world.traffic, self.columns[OTHERS][steps])

    @property
    def departure_steps(self) -> np.ndarray:
        """The steps at which a wheel left the road: (K,) int."""
        before = np.concatenate([[False], self.departed[:-1] & ~self.put_back[:-1]])
        return np.flatnonzero(self.departed & ~before)


class DriveInterrupted(KeyboardInterrupt):
    """The user stopped a drive.

    Attributes:
        drives: Of every world, what was driven; None of those whose drive had not ended.
    """

    def __init__(self, drives: list[Drive | None]) -> None:
        super().__init__()
        self.drives = drives


def drive(
    driver: Driver,
    worlds: Sequence[World],
    course: Course,
    rng: np.random.Generator | None = None,
    on_step: Callable[[float], None] | None = None,
) -> list[Drive]:
    """Drive a lap in each world, all at once.

    Args:
        driver: Who drives.
        worlds: Where, one car each.
        course: How.
        rng: Of the noise; needed where there is any.
        on_step: Told, after every step, the share of the cars that have ended.

    Returns:
        One `Drive` a world, in their order.

    Raises:
        DrivesimError: If there is noise, and no generator to draw it from; if the driver needs frames, and there is no
            camera.
        DriveInterrupted: If the user stops it.
    """
    if course.noise and rng is None:
        raise DrivesimError(f"rng: noise of {course.noise} needs a generator; give numpy.random.default_rng(seed).")
    if driver.needs_frames and course.camera is None:
        raise DrivesimError(f"camera: {driver.name} sees frames, and the course has no camera. Give it one.")
    if course.ray is not None or (course.envs is not None and course.envs < len(worlds)):
        return _drive_in_turns(driver, worlds, course, rng, on_step)
    log = Log(len(worlds))
    # On a torch device there is no traffic.
    if course.device is None or any(world.traffic for world in worlds):
        env: Any = make_env(len(worlds), course)
        drive_all: Any = _drive_all
    else:
        from agents import device_loop

        env, drive_all = device_loop.make_env(len(worlds), course), device_loop.drive_all
    try:
        drive_all(driver, env, worlds, course, rng, log, on_step)
    except KeyboardInterrupt as error:
        drives = log.drives(env, worlds)
        raise DriveInterrupted([d if d is not None and d.end_reason else None for d in drives]) from error
    finally:
        env.close()
    return [driven for driven in log.drives(env, worlds) if driven is not None]


def _drive_in_turns(
    driver: Driver,
    worlds: Sequence[World],
    course: Course,
    rng: np.random.Generator | None,
    on_step: Callable[[float], None] | None,
) -> list[Drive]:
    """Drive so many cars at a time as the course says."""
    # An even number, so that cars that start beside the line do it to the same side as all at once.
    envs = course.envs or len(worlds)
    cars = max(envs // 2 * 2, 1) if course.start_aside or course.start_turn else envs
    if course.ray is not None:
        return _drive_on_cluster(driver, worlds, course, cars, on_step)
    driven: list[Drive | None] = []
    for first in range(0, len(worlds), cars):
        chunk = slice(first, first + cars)
        own = replace(course, envs=None, starts=None if course.starts is None else course.starts[chunk])

        def on_own_step(share: float, first: int = first, count: int = len(worlds[chunk])) -> None:
            if on_step is not None:
                on_step((first + share * count) / len(worlds))

        try:
            driven += drive(driver, worlds[chunk], own, rng, on_own_step)
        except DriveInterrupted as stopped:
            rest = [None] * (len(worlds) - len(driven) - len(stopped.drives))
            raise DriveInterrupted([*driven, *stopped.drives, *rest]) from stopped
    return [each for each in driven if each is not None]


def _drive_on_cluster(
    driver: Driver, worlds: Sequence[World], course: Course, cars: int, on_step: Callable[[float], None] | None
) -> list[Drive]:
    """Drive so many cars at a time, each time on some machine."""
    from agents import cluster

    if course.noise:
        raise DrivesimError(
            "ray: the noise of one generator can't be drawn on several machines; give each job its own."
        )
    jobs = []
    for first in range(0, len(worlds), cars):
        chunk = slice(first, first + cars)
        starts = None if course.starts is None else course.starts[chunk]
        jobs.append(cluster.Job(driver, worlds[chunk], replace(course, starts=starts)))
    return [each for drives in cluster.drive_jobs(jobs, course.ray or "", on_step) for each in drives]


class Log:
    """What happened to every car, step by step."""

    def __init__(self, cars: int) -> None:
        # A row of columns (N,) a step.
        self.rows: list[dict[str, np.ndarray]] = []
        self.put_back: list[np.ndarray] = []
        self.departed: list[np.ndarray] = []
        self.lengths = np.zeros(cars, np.int64)
        self.reasons = np.full(cars, None, object)

    def drives(self, env: Any, worlds: Sequence[World]) -> list[Drive | None]:
        """Return every car's drive; None of a car that was stopped before its first step."""
        if not self.lengths.any():
            return [None] * len(worlds)
        progress = env.state.progress.tolist()
        columns = {name: np.stack([row[name] for row in self.rows], axis=1) for name in self.rows[0]}
        put_back, departed = np.stack(self.put_back, axis=1), np.stack(self.departed, axis=1)
        return [
            Drive(
                world=world,
                columns=_columns_of({name: values[car, :length] for name, values in columns.items()}, world),
                put_back=put_back[car, :length],
                departed=departed[car, :length],
                end_reason=self.reasons[car],
                progress=progress[car],
                dt=env.rules.dt,
            )
            for car, (world, length) in enumerate(zip(worlds, self.lengths, strict=True))
        ]


def _columns_of(columns: dict[str, np.ndarray], world: World) -> dict[str, np.ndarray]:
    """One car's columns, with no more places for traffic than there is on its road."""
    places = len(world.traffic)
    if not places:
        return {name: values for name, values in columns.items() if values.ndim == 1}
    return {name: values[:, :places] if values.ndim == 2 else values for name, values in columns.items()}


def _drive_all(
    driver: Driver,
    env: DriveVectorEnv,
    worlds: Sequence[World],
    course: Course,
    rng: np.random.Generator | None,
    log: Log,
    on_step: Callable[[float], None] | None,
) -> None:
    """Drive every car of `env` to its end."""
    observation, info = env.reset(seed=0, options={"worlds": list(worlds)})
    if course.starts is not None or course.start_aside or course.start_turn:
        observation = _start_elsewhere(env, course)
    cars = np.arange(len(worlds))
    memory = driver if isinstance(driver, DriverWithMemory) else None
    if memory is not None:
        memory.forget(env, cars)
    was_near = np.abs(env.state.lateral) <= (course.put_back_beyond or 0.0)
    noise = np.zeros(len(worlds))
    while len(cars):
        wanted = np.zeros((len(worlds), 2 if course.has_pedal else 1))
        wanted[cars] = driver.act(env, observation, cars)
        noise = next_noise(noise, course, env.rules.dt, rng)
        applied = wanted.copy()
        applied[:, 0] += noise * noise_share(env.state.vehicle.speed, env.rules.vehicle)
        before = _row(env)
        observation, _, terminated, truncated, info = env.step(applied)
        off_road = info["clearance"] < 0
        away = course.put_back_off_road & off_road
        if course.put_back_beyond is not None:
            is_far = np.abs(info["lateral_error"]) > course.put_back_beyond
            away = away | (is_far & was_near)
            was_near |= ~is_far
        ended = terminated | truncated
        away = away & ~ended
        log.rows.append({**before, **_actions(info, wanted, course)})
        log.put_back.append(away)
        log.departed.append(off_road)
        log.lengths[cars] += 1
        log.reasons[ended] = info["end_reason"][ended] if ended.any() else None
        if away.any():
            chosen = np.flatnonzero(away)
            observation = env.place(chosen, info["s"][chosen], info["speed"][chosen])
            was_near |= away
            if memory is not None:
                memory.forget(env, chosen)
        cars = np.flatnonzero(~ended)
        if on_step is not None:
            on_step(1 - len(cars) / len(worlds))


def _start_elsewhere(env: DriveVectorEnv, course: Course) -> Any:
    """Put the cars where the course says, or beside the line to either side in turn; returns what is seen."""
    started = env.get_state()
    if course.starts is not None:
        s, lateral, turn = np.array(course.starts, float).T
        s = s % env.road.length
        state = start_state(env.road, s, lateral, turn, started.state.vehicle.speed, NUMPY)
        return env.set_state(replace(started, state=state, others=env.start_traffic(s)))
    room = wheel_clearance(started.state, env.road, env.rules.vehicle, NUMPY)
    side = np.where(np.arange(env.num_envs) % 2, -1.0, 1.0)
    speed = started.state.vehicle.speed
    lateral, turn = side * course.start_aside * room, side * course.start_turn
    return env.set_state(replace(started, state=start_state(env.road, started.state.s, lateral, turn, speed, NUMPY)))


def make_env(cars: int, course: Course) -> DriveVectorEnv:
    """Make the environment that a course asks for; cars whose drive has ended stand still in it."""
    kind = DriveVectorEnv if course.has_pedal else SteerVectorEnv
    return kind(cars, **env_arguments(course))


def env_arguments(course: Course) -> dict[str, Any]:
    """Return what a course asks of its environment."""
    return {
        "autoreset_mode": "Disabled",
        "camera": course.camera,
        "time_limit": course.time_limit,
        "threads": course.threads,
        # Whoever is put back is not judged by the environment's own limit.
        "off_road_margin": 5.0 if course.put_back_off_road or course.put_back_beyond else 0.0,
        **course.scenario,
    }


def _row(env: DriveVectorEnv) -> dict[str, np.ndarray]:
    """The columns that tell the state in which a step begins, where the traffic is too."""
    others = env.others
    traffic = {} if others is None else {OTHERS: others.s, "others_speed": others.speed}
    return {**traffic, **state_columns(env, NUMPY)}


def state_columns(env: Any, xp: Namespace) -> dict[str, Any]:
    """Return the lap's columns that tell the state in which a step begins: (N,) of each car, arrays or tensors."""
    state = env.state
    return {
        "time": state.time,
        **{name: getattr(state.vehicle, name) for name in state.vehicle._fields},
        "s": state.s,
        "lateral_error": state.lateral,
        "heading_error": state.heading_error,
        "clearance": wheel_clearance(state, env.road, env.rules.vehicle, xp),
    }


def _actions(info: dict[str, Any], wanted: np.ndarray, course: Course) -> dict[str, np.ndarray]:
    """The lap's columns that tell what was done, and what the driver wanted."""
    wanted = np.clip(wanted, -1.0, 1.0)
    unknown = np.full(len(wanted), np.nan)
    return {
        "steering": info["steering"],
        "pedal": info["pedal"],
        "steering_label": wanted[:, 0],
        "pedal_label": wanted[:, 1] if course.has_pedal else unknown,
        "mark": np.zeros(len(wanted), np.uint8),
    }


def next_noise(noise: Floats, course: Course, dt: float, rng: np.random.Generator | None) -> Floats:
    """First-order autoregressive noise of the course's standard deviation."""
    if not course.noise or rng is None:
        return noise
    kept = 0.5 ** (dt / _NOISE_HALF_LIFE)
    return kept * noise + course.noise * np.sqrt(1 - kept**2) * rng.standard_normal(len(noise))


def noise_share(speed: Any, params: VehicleParams, xp: Namespace = NUMPY) -> Any:
    """Share of the noise that reaches the wheel at a speed (N,) m/s: its lateral acceleration stays bounded."""
    full_turn = speed**2 * params.max_steering_angle / params.wheelbase
    return _NOISE_ACCELERATION / xp.maximum(full_turn, _NOISE_ACCELERATION)


def lap_columns(a_drive: Drive) -> dict[str, np.ndarray]:
    """Return a drive's columns as a lap's."""
    return {name: a_drive.columns[name] for name in (*LAP_SCHEMA.names, OTHERS) if name in a_drive.columns}
