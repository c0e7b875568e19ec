"""World: a track in a look and a weather, with traffic, and the source that episodes draw worlds from."""

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from drivesim.appearance import PRESETS, Appearance
from drivesim.camera import Camera
from drivesim.crowd import draw_traffic
from drivesim.dynamics import AS_BUILT, Dynamics, DynamicsRange, get_range
from drivesim.errors import DrivesimError, check_name
from drivesim.ground.texture import GroundTexture
from drivesim.palette import PALETTES
from drivesim.render import Renderer
from drivesim.simulation import Rules
from drivesim.track import LANES, Track
from drivesim.track_files import read_track
from drivesim.track_generation import DIFFICULTIES, SPLITS, generate_track
from drivesim.traffic import EMPTY, Traffic, check_count
from drivesim.variety import RANDOMIZE, varied_look
from drivesim.weather import CLEAR, WEATHERS, Weather

TrackChoice = int | str | Path | Track
TrackChoices = None | TrackChoice | Sequence[TrackChoice] | range

# A source keeps the worlds of at most this many tracks; of more, only those in use.
_KEPT_WORLDS = 64

_LOOK_KEY, _WEATHER_KEY, _TRAFFIC_KEY, _DYNAMICS_KEY = 0x100C, 0x3EA7, 0x7AFF, 0xD17A


@dataclass(frozen=True, eq=False)
class World:
    """A track in a look and a weather, with what else is on it.

    Attributes:
        track: The road.
        appearance: Its look.
        weather: Over it.
        traffic: Obstacles and other cars.
        dynamics: How the car is.
    """

    track: Track
    appearance: Appearance
    weather: Weather = CLEAR
    traffic: Traffic = EMPTY
    dynamics: Dynamics = AS_BUILT
    _textures: dict[Camera, GroundTexture] = field(default_factory=dict, repr=False)

    def texture(self, renderer: Renderer) -> GroundTexture:
        """Return the ground for a renderer's camera; cars in the same world share it."""
        if renderer.camera not in self._textures:
            self._textures[renderer.camera] = renderer.texture(self.track, self.appearance, self.weather)
        return self._textures[renderer.camera]


def check_world(option: str, world: object) -> World:
    """Return what an option of `reset` gives as a world, or refuse what is none."""
    if not isinstance(world, World):
        raise DrivesimError(f"reset option {option}: expected a World, got {world!r}.")
    return world


class WorldSource:
    """Draws the worlds that episodes take place in.

    Args:
        track: None for any seed; a seed; a track file (TUM or F1TENTH CSV); a `Track`; or a list of these to draw from.
        difficulty: Of generated tracks: `easy`, `medium`, `hard`, or `mixed` for all three.
        split: `train`, `test` or `validation`: disjoint families of generated tracks.
        appearance: `random` (the look belongs to the track's seed; a file's is drawn anew each time), a preset's
            name, or an `Appearance`.
        weather: `random` (as of `appearance`), a preset's name, or a `Weather`.
        randomize: `none`; `looks` draws a look from all that looks can have, anew for every episode; `all` a weather
            besides.
        palette: Of looks that are drawn: `any`, or `train` or `test`, which have no colour of ground or road in common.
        lane: `center`, or the `right` or `left` of two lanes: its middle becomes the centreline.
        traffic: Cars that drive on every road, up to 64, drawn anew for every episode.
        obstacles: Parked cars, barriers and rows of cones on every road, likewise.
        dynamics: `fixed` (the car as it is built), `mild` or `wide` (drawn anew for every episode), a `DynamicsRange`
            to draw from, or a `Dynamics`. Where `randomize` is `all`, `fixed` is `mild`.
        rules: Of who drives there, whom the traffic suits: see `drivesim.crowd.draw_traffic`; None for a usual car with
            a pedal.
    """

    def __init__(
        self,
        track: TrackChoices = None,
        difficulty: str = "medium",
        split: str = "train",
        appearance: str | Appearance = "random",
        weather: str | Weather = "clear",
        randomize: str = "none",
        palette: str = "any",
        lane: str = "center",
        traffic: int = 0,
        obstacles: int = 0,
        rules: Rules | None = None,
        dynamics: str | DynamicsRange | Dynamics = "fixed",
    ) -> None:
        check_name("difficulty", difficulty, [*DIFFICULTIES, "mixed"])
        check_name("split", split, SPLITS)
        if not isinstance(appearance, Appearance):
            check_name("appearance", appearance, ["random", *PRESETS])
        if not isinstance(weather, Weather):
            check_name("weather", weather, ["random", *WEATHERS])
        check_name("randomize", randomize, RANDOMIZE)
        check_name("palette", palette, PALETTES)
        check_name("lane", lane, LANES)
        if randomize != "none" and appearance != "random":
            raise DrivesimError(f"randomize: {randomize!r} draws every look; leave out appearance={appearance!r}.")
        if randomize == "all" and weather not in ("clear", CLEAR):
            raise DrivesimError(f"randomize: 'all' draws every weather; leave out weather={weather!r}.")
        self._difficulties = list(DIFFICULTIES) if difficulty == "mixed" else [difficulty]
        self._split, self._appearance, self._weather = split, appearance, weather
        self._randomize, self._palette, self._lane = randomize, palette, lane
        self._crowd = check_count("traffic", traffic), check_count("obstacles", obstacles)
        self._dynamics = get_range("mild" if randomize == "all" and dynamics == "fixed" else dynamics)
        self._rules = rules or Rules(cruise_speed=None)
        self._choices = None if track is None else [_resolve(choice) for choice in _as_list(track)]
        if self._choices is not None and not self._choices:
            raise DrivesimError("track: expected at least one track, got an empty list. Leave track out for any seed.")
        few = self._choices is not None and len(self._choices) * len(self._difficulties) <= _KEPT_WORLDS
        self._worlds: MutableMapping[tuple[Any, ...], World] = {} if few else WeakValueDictionary()

    def draw(self, rng: np.random.Generator) -> World:
        """Draw a world."""
        if self._choices is None:
            choice: int | Track = int(rng.integers(2**31))
        else:
            choice = self._choices[rng.integers(len(self._choices))]
        difficulty = self._difficulties[rng.integers(len(self._difficulties))]
        look_seed = int(rng.integers(2**31))
        return self._world(choice, difficulty, look_seed)

    def all(self) -> list[World]:
        """Return every world of a source with a list of tracks, in its order; `mixed` takes difficulties in turn."""
        if self._choices is None:
            raise DrivesimError("track: any seed is allowed, so there is no list of worlds. Give a list of tracks.")
        return [
            self._world(choice, self._difficulties[i % len(self._difficulties)], i)
            for i, choice in enumerate(self._choices)
        ]

    def _world(self, choice: int | Track, difficulty: str, look_seed: int) -> World:
        key: tuple[Any, ...] = (choice,) if isinstance(choice, Track) else (choice, difficulty)
        random_key = [_LOOK_KEY, look_seed]
        if not isinstance(choice, Track):
            random_key = [_LOOK_KEY, SPLITS.index(self._split), DIFFICULTIES[difficulty].index, choice]
        is_drawn = "random" in (self._appearance, self._weather)
        is_new = self._randomize != "none" or (isinstance(choice, Track) and is_drawn)
        world = self._worlds.get(key)
        if world is None or is_new:
            if world is not None:
                track = world.track
            else:
                track = choice if isinstance(choice, Track) else generate_track(choice, difficulty, self._split)
                track = track.lane(self._lane)
            if self._randomize != "none":
                random_key.append(look_seed)
            world = World(track, self._look(random_key), self._weather_of(random_key))
            # Of worlds that are made anew each time, the last one keeps its track.
            self._worlds[key] = world
        # The ground is shared with the other episodes on this road.
        if any(self._crowd):
            rng = np.random.default_rng([_TRAFFIC_KEY, SPLITS.index(self._split), look_seed])
            world = replace(world, traffic=draw_traffic(world.track, rng, *self._crowd, self._rules))
        dynamics = self._dynamics
        if isinstance(dynamics, DynamicsRange):
            dynamics = dynamics.draw(np.random.default_rng([_DYNAMICS_KEY, SPLITS.index(self._split), look_seed]))
        return world if dynamics == AS_BUILT else replace(world, dynamics=dynamics)

    def _look(self, random_key: list[int]) -> Appearance:
        rng = np.random.default_rng(random_key)
        if self._randomize != "none":
            look = varied_look(rng, self._palette)
        elif isinstance(self._appearance, Appearance):
            look = self._appearance
        elif self._appearance == "random":
            look = Appearance.random(rng, self._palette)
        else:
            look = Appearance.preset(self._appearance)
        return look if self._lane == "center" else replace(look, center_line_place="middle")

    def _weather_of(self, random_key: list[int]) -> Weather:
        if isinstance(self._weather, Weather):
            return self._weather
        if self._randomize == "all" or self._weather == "random":
            return Weather.random(np.random.default_rng([*random_key, _WEATHER_KEY]))
        return Weather.preset(self._weather)


def _as_list(track: TrackChoice | Iterable[TrackChoice]) -> list[TrackChoice]:
    if isinstance(track, int | np.integer | str | Path | Track):
        return [track]
    try:
        return list(track)
    except TypeError as error:
        raise DrivesimError(
            f"track: expected a seed, a track file, a Track, or a list of these, got {track!r}."
        ) from error


def _resolve(choice: TrackChoice) -> int | Track:
    if isinstance(choice, Track):
        return choice
    if isinstance(choice, int | np.integer) and not isinstance(choice, bool):
        if choice < 0:
            raise DrivesimError(f"track: expected a seed of 0 or more, got {choice}.")
        return int(choice)
    if isinstance(choice, str | Path):
        return read_track(choice)
    raise DrivesimError(f"track: expected a seed, a track file or a Track, got {choice!r}.")
