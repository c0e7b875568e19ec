"""Reference: what a policy sees and does on unseen roads when all is well; kept beside the policy.

The policy itself drives many validation roads, each in a look of its own, and is put back where it strays. For one that
learned from recordings those tell it, since no simulated road looks like them: see `reference_of_recordings`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import drivesim
from agents.checksum import checksum_of
from agents.deployment.drift import Distribution, Normality
from agents.deployment.frame_statistics import STATISTICS, frame_statistics
from agents.driver import frames_of
from agents.frame_driver import FrameDriver
from agents.rollout import Course, drive
from datasets.formats.drive import StoredDrive
from datasets.frame_fit import FrameFit
from datasets.stored_frames import front_view, usable_steps
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats
from drivesim.vector_env import DriveVectorEnv
from drivesim.whole_file import whole_file
from drivesim.world import WorldSource

FORMAT_VERSION = 1

# Roads, which are looks too: a policy on a new one must hardly ever be farther off than the farthest of these.
ROADS = 192

# Seconds on each, and of what a monitor compares with it.
WINDOW = 10.0

# The first validation roads choose the network in training.
_FIRST_SEED = 1000

# Roads driven at once: a texture of a camera that looks ahead takes 80 MB.
_FROM_ABOVE, _AHEAD = 32, 16


@dataclass(frozen=True)
class Reference:
    """What is usual.

    Attributes:
        policy: SHA-256 of the weights or of the exported file that it belongs to.
        normality: Of its frames.
        distributions: Of each frame statistic and each action value, by name.
        roads: How many it drove.
        drivesim_version: Of the program that drove it.
    """

    policy: str
    normality: Normality
    distributions: dict[str, Distribution]
    roads: int
    drivesim_version: str = drivesim.__version__

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        text = json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, indent=1)
        with whole_file(path) as part:
            part.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Reference":
        """Read it.

        Raises:
            DrivesimError: If the file is no reference, or of a newer format.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            version = values.pop("format_version")
            if version > FORMAT_VERSION:
                raise DrivesimError(f"{path} is of format {version}; this drivesim reads up to {FORMAT_VERSION}.")
            normality = values["normality"]
            precision = tuple(tuple(row) for row in normality["precision"])
            values["normality"] = Normality(tuple(normality["mean"]), precision, normality["limit"])
            values["distributions"] = {
                name: Distribution(tuple(of["edges"]), tuple(of["shares"]), of["mean"], of["usual"])
                for name, of in values["distributions"].items()
            }
            return cls(**values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, DrivesimError):
                raise
            raise DrivesimError(f"{path} is no reference of a policy ({error}): remove it, it is made anew.") from error


def reference_of(
    who: Path | str, driver: FrameDriver, on_step: Callable[[float], None] | None = None, roads: int = ROADS
) -> Reference:
    """Return the reference of a policy: the one beside it, or, where there is none of these weights, one made now.

    Args:
        who: The policy's folder, or its exported file.
        driver: The policy, loaded.
        on_step: Told the share of the driving that is done.
        roads: To drive where one is made.
    """
    path, checksum = reference_path(who), _checksum(Path(who))
    if path.exists():
        found = Reference.load(path)
        if found.policy == checksum:
            return found
    if driver.config.fit is not None:
        raise DrivesimError(
            f"{path}: this policy learned from recordings, and what is usual for these weights is not there. Training "
            "writes it and exporting takes it along: copy it to there."
        )
    made = make_reference(driver, checksum, on_step, roads)
    try:
        made.save(path)
    except OSError as error:
        raise DrivesimError(f"{path} can't be written ({error.strerror}): copy the policy where it can.") from error
    return made


def reference_path(who: Path | str) -> Path:
    """Return where the reference of a policy's folder, or of an exported file, is kept."""
    path = Path(who)
    return path / "reference.json" if path.is_dir() else path.with_suffix(".reference.json")


def make_reference(
    driver: FrameDriver, checksum: str, on_step: Callable[[float], None] | None = None, roads: int = ROADS
) -> Reference:
    """Let a policy drive, and describe what it sees and does. See `reference_of`."""
    worlds = WorldSource(range(_FIRST_SEED, _FIRST_SEED + roads), "mixed", "validation").all()
    course = Course.made_for(driver.config, put_back_beyond=1.0, time_limit=WINDOW)
    at_once = _FROM_ABOVE if all(camera.looks_down for camera in driver.config.cameras) else _AHEAD
    values: list[Floats] = []
    while worlds:
        batch, worlds = worlds[:at_once], worlds[at_once:]
        watched = _Watched(driver)
        drive(watched, batch, course)
        values += watched.of_each_car()
        if on_step is not None:
            on_step(1 - len(worlds) / roads)
    return _describe(driver, checksum, values, roads)


def _describe(driver: FrameDriver, checksum: str, values: Sequence[Floats], roads: int) -> Reference:
    """Make a reference of the statistics and actions (T, S + A) on each road."""
    names = (*STATISTICS, *driver.config.outputs)
    distributions = {name: Distribution.of([road[:, i] for road in values]) for i, name in enumerate(names)}
    normality = Normality.of(np.concatenate(values)[:, : len(STATISTICS)])
    return Reference(checksum, normality, distributions, roads)


def reference_of_recordings(driver: FrameDriver, checksum: str, drives: Sequence[StoredDrive]) -> Reference:
    """Describe what a policy sees and does on recorded drives that it learned from.

    Args:
        driver: The policy.
        checksum: Of its weights.
        drives: Each `WINDOW` of theirs counts as a road.
    """
    camera, config = driver.camera, driver.config
    fit, takes_speed = config.fit or FrameFit(), config.takes_speed
    window = max(round(WINDOW * config.control_hz), 1)
    values: list[Floats] = []
    for view in (front_view(recorded, usable_steps(recorded, False, takes_speed)) for recorded in drives):
        for start in range(0, len(view.indices), window):
            steps = slice(start, start + window)
            pictures = view.pictures.read(view.indices[steps].tolist())
            frames = np.array([fit.apply(picture, camera.height, camera.width) for picture in pictures])
            actions = driver.predict(frames, view.speed[steps] if takes_speed else None)
            values.append(np.column_stack([frame_statistics(frames), actions]))
    return _describe(driver, checksum, values, len(values))


def keep_reference(folder: Path, driver: FrameDriver, drives: Sequence[StoredDrive]) -> None:
    """Write beside a policy what is usual for it on recorded drives."""
    reference_of_recordings(driver, _checksum(folder), drives).save(reference_path(folder))


class _Watched:
    """A policy, of whose every second step is noted what it saw and did."""

    needs_frames = True

    def __init__(self, driver: FrameDriver) -> None:
        self._driver, self.name = driver, driver.name
        self._steps = 0
        self._rows: list[tuple[np.ndarray, Floats]] = []

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        actions = self._driver.act(env, observation, cars)
        if self._steps % 2 == 0:
            statistics = frame_statistics(frames_of(observation, env)[cars])
            self._rows.append((cars, np.column_stack([statistics, actions])))
        self._steps += 1
        return actions

    def forget(self, env: DriveVectorEnv, cars: np.ndarray) -> None:
        self._driver.forget(env, cars)

    def of_each_car(self) -> list[Floats]:
        """Return (T, statistics and actions) of each car."""
        cars = np.concatenate([cars for cars, _ in self._rows])
        values = np.concatenate([values for _, values in self._rows])
        return [values[cars == car] for car in np.unique(cars)]


def _checksum(path: Path) -> str:
    return checksum_of(path / "model.safetensors" if path.is_dir() else path)
