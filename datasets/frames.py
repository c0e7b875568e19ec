"""Frames: laps seen again, through any camera, from beside the line, mirrored, and under other looks."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from datasets.balance import StepDraw, step_chances
from datasets.lap_world import world_of
from datasets.recolor import Turns, recolor
from datasets.schema import Lap
from datasets.views import Line, Spread, Steps, line_of
from drivesim.appearance import Appearance
from drivesim.camera import Camera
from drivesim.errors import DrivesimError, check_name
from drivesim.palette import PALETTES
from drivesim.render import Renderer
from drivesim.traffic_table import Others, together
from drivesim.variety import RANDOMIZE, varied_look
from drivesim.vehicle import VehicleParams
from drivesim.weather import CLEAR, Weather
from drivesim.world import World

# Textures are held for this many scenes: some 5 MB each from above, 80 MB in perspective.
_SCENES_FROM_ABOVE, _SCENES_AHEAD = 48, 12


class Batch(NamedTuple):
    """Samples to learn from.

    Attributes:
        frames: Of each camera, (B, H, W, 3) uint8 RGB; with past frames (B, 1 + past, H, W, 3), newest first. Arrays,
            or tensors where they were drawn on a torch device.
        actions: (B, A) float32: steering, -1 full left ... +1 full right; and, where it is learned too, the pedal, -1
            full brake ... +1 full throttle.
        speeds: (B,) float32, m/s.
    """

    frames: tuple[Any, ...]
    actions: np.ndarray
    speeds: np.ndarray


@dataclass(frozen=True)
class Variety:
    """What is made of the laps, all of it on by default.

    Attributes:
        spread: Views from beside the line.
        mirror: Whether half of the samples are on mirrored roads.
        looks: Fewest looks that an epoch shows the laps in; 0 shows them as they were recorded.
        randomize: What these looks are: `none` draws colours and lines, `looks` all that looks can have, `all` also a
            weather.
        palette: Of these looks: `any`, or `train` or `test`, which have no colour of ground or road in common.
        sizes: Roads are made up to this many times larger or smaller; 1 for as they are, as those with traffic stay.
        widths: Roads are made up to this many times wider besides, and somewhat narrower; 1 for as they are.
        recolor: Share of the samples whose colours are turned at random: see `datasets.recolor`.
        balance: 0 draws steps as often as they were driven, 1 all degrees of steering equally often.
    """

    spread: Spread = field(default_factory=Spread)
    mirror: bool = True
    looks: int = 80
    sizes: float = 1.6
    widths: float = 2.2
    recolor: float = 0.5
    balance: float = 0.0
    randomize: str = "none"
    palette: str = "any"

    def __post_init__(self) -> None:
        """Refuse unknown names, and a choice of looks where there are none."""
        check_name("randomize", self.randomize, RANDOMIZE)
        check_name("palette", self.palette, PALETTES)
        if not self.looks and (self.randomize, self.palette) != ("none", "any"):
            raise DrivesimError(
                f"randomize: with looks=0 the laps are seen as they were recorded, so randomize={self.randomize!r}, "
                f"palette={self.palette!r} would change nothing. Give a number of looks, or leave both out."
            )


class RenderedFrames:
    """Laps as a source of batches.

    Args:
        laps: At least one.
        cameras: To see them through, one or several.
        variety: What to make of them.
        threads: Threads that draw.
        has_pedal: Whether the pedal is learned too.
        past: Earlier frames of each camera beside the newest: see `datasets.views`.
        stride: Control steps from one of these to the next.
        device: A torch device, such as `cuda`, that draws frames and keeps them; None for OpenCV.
    """

    def __init__(
        self,
        laps: Sequence[Lap],
        cameras: Camera | Sequence[Camera],
        variety: Variety | None = None,
        threads: int = 1,
        has_pedal: bool = False,
        past: int = 0,
        stride: int = 1,
        device: str | None = None,
    ) -> None:
        self._has_pedal, self._past, self._stride = has_pedal, past, stride
        self.variety = variety or Variety()
        pairs = [(lap, line) for lap in laps if len(line := self._line_of(lap))]
        if not pairs:
            raise DrivesimError(
                "data: no step to learn from in the laps given: all are marked bad or shorter than a second. "
                "Record more."
            )
        _check_alike([lap for lap, _ in pairs])
        self._laps = [lap for lap, _ in pairs]
        self._lines = [line for _, line in pairs]
        cameras = [cameras] if isinstance(cameras, Camera) else cameras
        if any(lap.traffic for lap in self._laps):
            # A torch device draws no traffic.
            device = None
        self._renderers: list[Any] = _renderers(cameras, self._lines[0].vehicle, threads, device)
        self._device = device

    def __len__(self) -> int:
        """Return the number of recorded steps that are learned from."""
        return sum(len(line) for line in self._lines)

    def epoch(
        self, samples: int, batch_size: int, rng: np.random.Generator, skip: int = 0, share: slice | None = None
    ) -> Iterator[Batch]:
        """Yield batches, each drawn while the one before is used.

        Args:
            samples: To draw; the last batch that would be smaller is left out.
            batch_size: Samples to a batch.
            rng: Of all that is random.
            skip: Batches to leave out at the start, as if they had been drawn.
            share: The samples of each batch to yield, where others take the rest; all if left out.
        """
        count = max(samples // batch_size, 1)
        with ThreadPoolExecutor(1, "drivesim-batch") as worker:
            pending = None
            for number, scenes in enumerate(self._groups(rng, count)):
                # Not rng.spawn: its counter is no part of the generator's state, so that a resumed run would differ.
                of_batch = np.random.default_rng(rng.integers(2**63))
                if number < skip:
                    continue
                job = worker.submit(self._draw, scenes, batch_size, of_batch, share or slice(None))
                if pending is not None:
                    yield pending.result()
                pending = job
            if pending is not None:
                yield pending.result()

    def _groups(self, rng: np.random.Generator, count: int) -> Iterator["_Scenes"]:
        """The scenes of each of `count` batches: a few at a time, so that few textures are held."""
        scenes = [*self._scenes(rng)]
        order = rng.permutation(len(scenes))
        looks_down = all(renderer.camera.looks_down for renderer in self._renderers)
        held = _SCENES_FROM_ABOVE if looks_down else _SCENES_AHEAD
        groups = min(-(-len(scenes) // held), count)
        for number, chosen in enumerate(np.array_split(order, groups)):
            group = _Scenes.of([scenes[i] for i in chosen], self.variety.balance)
            for _ in range(count * number // groups, count * (number + 1) // groups):
                yield group

    def _scenes(self, rng: np.random.Generator) -> Iterator[tuple[Line, Appearance, Weather]]:
        """The roads, looks and weathers of an epoch: every lap at least once, short of `looks` several times."""
        fewest = max(self.variety.looks, 2 if self.variety.mirror else 1)
        rounds = -(-fewest // len(self._lines))
        # Half of the scenes, not each by chance: of a single lap all or none might be mirrored.
        count = rounds * len(self._lines)
        mirrored = rng.permutation((np.arange(count) + rng.integers(2)) % 2 == 0) & self.variety.mirror
        for at, is_mirrored in enumerate(mirrored):
            lap, line = self._laps[at // rounds], self._lines[at // rounds]
            # Cars and what stands keep their size, and a gap that is shorter or longer asks for another pedal.
            if max(self.variety.sizes, self.variety.widths) > 1 and not lap.traffic:
                scale = self.variety.sizes ** rng.uniform(-1, 1)
                # Recorded roads are rarely much wider than need be, so there is more to add above than below.
                width = self.variety.widths ** rng.uniform(-0.4, 1)
                resized = self._line_of(lap, scale, width)
                # A short lap made smaller may be over before there is a line to come back to.
                line = resized if len(resized) else line
            yield (line.mirrored() if is_mirrored else line), *self._seen(lap, rng)

    def _seen(self, lap: Lap, rng: np.random.Generator) -> tuple[Appearance, Weather]:
        """The look and the weather that a lap is seen in."""
        variety = self.variety
        if not variety.looks:
            world = world_of(lap)
            return world.appearance, world.weather
        if variety.randomize == "none":
            return Appearance.random(rng, variety.palette), CLEAR
        look = varied_look(rng, variety.palette)
        return look, Weather.random(rng) if variety.randomize == "all" else CLEAR

    def _line_of(self, lap: Lap, scale: float = 1.0, width: float = 1.0) -> Line:
        return line_of(lap, self.variety.spread.lookahead, scale, width, self._past, self._stride)

    def _draw(self, scenes: "_Scenes", count: int, rng: np.random.Generator, share: slice) -> Batch:
        # In the scenes' order: each ground is warped from while it is in the cache.
        steps = np.sort(scenes.draw(count, rng))
        views, steering = scenes.steps.view(steps, self.variety.spread, rng)
        if self._past:
            past = scenes.steps.came_from(steps, views, self.variety.spread, rng)
            views = np.concatenate([views[:, None], past], axis=1)
        actions = np.column_stack([steering, scenes.steps.pedal[steps]] if self._has_pedal else [steering])
        shown, worlds = views[share], [scenes.worlds[scene] for scene in scenes.of_step[steps[share]].tolist()]
        others = scenes.others_at(steps[share], self._past)
        frames = []
        for renderer in self._renderers:
            textures = [world.texture(renderer) for world in worlds]
            # A sample's frames lie behind one another.
            grounds = [each for each in textures for _ in range(1 + self._past)]
            # Only a renderer of the host knows others.
            on_road = () if others is None else (others,)
            drawn = renderer.draw(grounds, shown.reshape(-1, 3), *on_road)
            frames.append(drawn.reshape(*shown.shape[:-1], *drawn.shape[1:]))
        turns = Turns.random(count, self.variety.recolor, rng).of(share)
        # All that belongs to a sample is turned alike: earlier frames as further rows.
        tall = [each.reshape(len(each), -1, *each.shape[-2:]) for each in frames]
        if self._device is None:
            for each in tall:
                recolor(each, turns)
        else:
            from datasets.recolor_torch import recolored

            frames = [recolored(rows, turns).view_as(each) for rows, each in zip(tall, frames, strict=True)]
        return Batch(
            tuple(frames),
            actions[share].astype(np.float32),
            scenes.steps.speed[steps[share]].astype(np.float32),
        )


def _renderers(cameras: Sequence[Camera], vehicle: VehicleParams, threads: int, device: str | None) -> list[Any]:
    """Return what draws each camera's frames."""
    if device is None:
        return [Renderer(camera, vehicle, threads) for camera in cameras]
    from drivesim.render_torch import TorchRenderer

    return [TorchRenderer(camera, vehicle, device) for camera in cameras]


@dataclass(frozen=True, eq=False)
class _Scenes:
    """Laps' lines in worlds to see them in.

    Attributes:
        worlds: One a lap.
        steps: Of all laps, behind one another.
        of_step: (T,) int64, the world of each step.
        draw: Draws from the steps.
        lines: Of the laps.
    """

    worlds: list[World]
    steps: Steps
    of_step: np.ndarray
    draw: StepDraw
    lines: list[Line]

    def others_at(self, steps: np.ndarray, past: int) -> Others | None:
        """Return where the traffic was at some steps (B,), in their order, and `past` times before each of them."""
        of_step = self.of_step[steps]
        first = np.cumsum([0, *(len(line) for line in self.lines)])
        own = [steps[of_step == scene] - first[scene] for scene in np.unique(of_step)]
        parts = [self.lines[scene].others_at(at) for scene, at in zip(np.unique(of_step), own, strict=True)]
        return together(parts, [len(at) * (1 + past) for at in own])

    @classmethod
    def of(cls, scenes: Sequence[tuple[Line, Appearance, Weather]], balance: float) -> "_Scenes":
        lines = [line for line, *_ in scenes]
        # The longer a lap, the more is drawn from it.
        chances = np.concatenate([len(line) * step_chances(line.steering, balance) for line in lines])
        of_step = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        worlds = [World(line.track, look, weather) for line, look, weather in scenes]
        return cls(worlds, Steps.joined(lines), of_step, StepDraw(chances), lines)


def _check_alike(laps: Sequence[Lap]) -> None:
    """Refuse laps whose actions mean different things."""
    first = laps[0]
    for lap in laps:
        for name in ("vehicle", "control_hz"):
            ours, theirs = getattr(first.info, name), getattr(lap.info, name)
            if ours != theirs:
                raise DrivesimError(
                    f"data: {first.name} and {lap.name} were recorded with different {name} ({ours} and {theirs}), so "
                    "the same action means different things. Train on them apart."
                )
