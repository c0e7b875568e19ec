"""Scenery: where trees, buildings, side roads and stray lines are beside a road, in the world.

It follows from the track and the look alone, so that every window on a ground and every camera shows the same.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from drivesim.appearance import Appearance
from drivesim.geometry import Floats
from drivesim.ground.crowns import LARGEST, SHAPES, SIZES
from drivesim.track import Track

_FEATURES = ("trees", "buildings", "side_roads", "decoy_lines")

# Between the road's edge and what stands beside it there is at least this much room, metres.
TREE_GAP, BUILDING_GAP = 0.8, 3.0

# The axis of a side road is told at points this far apart, and reaches out from the road's centreline, metres.
_AXIS_STEP = 1.5
_SIDE_ROAD_LENGTH = (32.0, 60.0)
_SIDE_ROAD_CLEARANCE = 6.0


@dataclass(frozen=True, eq=False)
class SideRoad:
    """A road that branches off and ends.

    Attributes:
        axis: (K, 2) metres, world, from the main road's centreline outwards.
        heading: (K,) radians, world, away from the main road.
        distance: (K,) metres from the main road's edge; negative on it.
        width: Metres.
    """

    axis: Floats
    heading: Floats
    distance: Floats
    width: float


@dataclass(frozen=True, eq=False)
class Buildings:
    """Houses.

    Attributes:
        center: (N, 2) metres, world.
        heading: (N,) of their longer sides, radians, world.
        size: (N, 2) metres, along and across.
        height: (N,) metres.
        style: (N,) numbers from 0 to 1 that their roofs are made from.
        has_gable: (N,) bool, whether a roof has a ridge, or is flat.
    """

    center: Floats
    heading: Floats
    size: Floats
    height: Floats
    style: Floats
    has_gable: np.ndarray

    def at(self, chosen: np.ndarray) -> "Buildings":
        """Return some of them, by their numbers or a mask."""
        return Buildings(*(values[chosen] for values in vars(self).values()))

    @property
    def turn(self) -> Floats:
        """Directions along and across each: (N, 2, 2), world."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        return np.stack([np.stack([cos, sin], axis=-1), np.stack([-sin, cos], axis=-1)], axis=1)

    @property
    def reach(self) -> Floats:
        """From each house's middle to its corners: (N,) metres."""
        return np.hypot(self.size[:, 0], self.size[:, 1]) / 2

    def to_world(self, local: Floats) -> Floats:
        """World points (N, K, 2) of points along and across each house's axes from its middle (N, K, 2), metres."""
        return self.center[:, None] + local @ self.turn

    def rectangles(self, larger: float = 0.0) -> Floats:
        """Corners (N, 4, 2) of rectangles larger by so many metres on the whole; metres, world."""
        corners = 0.5 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        return self.to_world(corners * (self.size[:, None] + larger))


@dataclass(frozen=True, eq=False)
class Scenery:
    """What is beside a road.

    Attributes:
        trees: (N, 2) metres, world: middles of crowns.
        crowns: (N,) int, which of `crowns.crown_stamps`.
        diameters: (N,) metres, of the crowns.
        buildings: Houses.
        side_roads: That branch off.
        lines: Stray lines: (K, 2, 2) metres, world, from and to.
    """

    trees: Floats
    crowns: np.ndarray
    diameters: Floats
    buildings: Buildings
    side_roads: tuple[SideRoad, ...]
    lines: Floats


def has_scenery(look: Appearance) -> bool:
    """Whether a look asks for any."""
    return any(getattr(look, name) > 0 for name in _FEATURES)


@lru_cache(maxsize=8)
def scenery_of(track: Track, look: Appearance) -> Scenery:
    """Place what a look puts beside a track."""
    side_roads = _side_roads(track, look)
    buildings = _buildings(track, look, side_roads)
    trees, crowns, diameters = _trees(track, look, side_roads, buildings)
    return Scenery(trees, crowns, diameters, buildings, side_roads, _lines(track, look))


def gap_to_road(track: Track, xy: Floats) -> Floats:
    """Distance (...) from points (..., 2) to the edge of the nearest road, metres; negative on it."""
    s, lateral = track.local_coordinates(xy)
    left, right = track.width_at(s)
    return np.where(lateral > 0, lateral - left, -lateral - right)


def _rng(look: Appearance, feature: str) -> np.random.Generator:
    """The generator of a feature: what one draws leaves the others alone."""
    return np.random.default_rng([look.detail_seed, 0x5CE, _FEATURES.index(feature)])


def _count(track: Track, density: float, rng: np.random.Generator) -> int:
    mean = density * track.length / 100.0
    return int(mean) + int(rng.random() < mean % 1)


def _side_roads(track: Track, look: Appearance) -> tuple[SideRoad, ...]:
    rng = _rng(look, "side_roads")
    count = _count(track, look.side_roads, rng)
    if not count:
        return ()
    s, side, width = rng.uniform(0, track.length, count), rng.choice((-1, 1), count), rng.uniform(4.5, 7.0, count)
    length, bend, turn = rng.uniform(*_SIDE_ROAD_LENGTH, count), rng.normal(0, 0.008, count), rng.normal(0, 0.25, count)
    along = np.arange(0.0, _SIDE_ROAD_LENGTH[1], _AXIS_STEP)
    heading = (track.heading_at(s) + side * np.pi / 2 + turn)[:, None] + bend[:, None] * along
    steps = _AXIS_STEP * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    axis = track.position(s)[:, None] + np.cumsum(steps, axis=1) - steps[:, :1]
    left, right = track.width_at(s)
    distance = along - np.where(side > 0, left, right)[:, None]
    # It ends before it comes near another piece of road.
    away = distance > _SIDE_ROAD_CLEARANCE + 4
    blocked = away & (gap_to_road(track, axis) < _SIDE_ROAD_CLEARANCE + width[:, None] / 2)
    ends = np.where(blocked.any(axis=1), blocked.argmax(axis=1), len(along))
    ends = np.minimum(ends, (length / _AXIS_STEP).astype(int))
    found: list[SideRoad] = []
    for i, end in enumerate(ends.tolist()):
        if not end or distance[i, end - 1] <= 14:
            continue
        road = SideRoad(axis[i, :end], heading[i, :end], distance[i, :end], float(width[i]))
        # None crosses another, which would end somewhere else than both.
        if all(_distance(road.axis, other.axis).min() > (road.width + other.width) / 2 + 3 for other in found):
            found.append(road)
    return tuple(found)


def _buildings(track: Track, look: Appearance, side_roads: tuple[SideRoad, ...]) -> Buildings:
    rng = _rng(look, "buildings")
    count = _count(track, look.buildings, rng)
    is_city = look.surroundings == "city"
    s = (np.arange(count) + rng.uniform(0.15, 0.85, count)) * track.length / max(count, 1)
    side = rng.choice((-1, 1), count)
    length = rng.uniform(9, 24, count) if is_city else rng.uniform(8, 15, count)
    width = np.minimum(rng.uniform(8, 16, count) if is_city else rng.uniform(6, 10, count), length)
    setback = BUILDING_GAP + look.gravel_width + 0.4 + rng.exponential(3.0 if is_city else 7.0, count)
    left, right = track.width_at(s)
    houses = Buildings(
        center=track.position(s, side * (np.where(side > 0, left, right) + setback + width / 2)),
        heading=track.heading_at(s) + rng.normal(0, 0.02 if is_city else 0.12, count),
        size=np.column_stack([length, width]),
        height=rng.uniform(5, 14, count) if is_city else rng.uniform(3.5, 6.5, count),
        style=rng.random(count),
        has_gable=rng.random(count) < (0.25 if is_city else 0.9),
    )
    if not count:
        return houses
    corners = houses.rectangles()
    sides = np.roll(corners, -1, axis=1) - corners
    outline = np.concatenate([corners + share * sides for share in (0.0, 0.25, 0.5, 0.75)], axis=1)
    free = gap_to_road(track, outline).min(axis=1) >= BUILDING_GAP
    reach = houses.reach
    for road in side_roads:
        free &= _distance(houses.center, road.axis) > reach + road.width / 2 + 2
    apart = np.hypot(*(houses.center[:, None] - houses.center[None]).transpose(2, 0, 1))
    close = apart < 0.85 * (reach[:, None] + reach[None])
    for i in np.flatnonzero(free):
        # The first one stays.
        free[i] = not (close[i, :i] & free[:i]).any()
    return houses.at(free)


def _trees(
    track: Track, look: Appearance, side_roads: tuple[SideRoad, ...], buildings: Buildings
) -> tuple[Floats, np.ndarray, Floats]:
    rng = _rng(look, "trees")
    count = _count(track, look.trees, rng)
    # Most trees stand in groves.
    groves = rng.uniform(0, track.length, max(count // 6, 1))
    in_grove = rng.random(count) < 0.7
    s = np.where(in_grove, rng.choice(groves, count) + rng.normal(0, 9, count), rng.uniform(0, track.length, count))
    side = rng.choice((-1, 1), count)
    crowns = rng.integers(0, SHAPES * len(SIZES), count)
    diameters = LARGEST[look.surroundings] * np.array(SIZES)[crowns % len(SIZES)]
    left, right = track.width_at(s % track.length)
    clear = TREE_GAP + look.gravel_width + (0.0 if look.kerbs == "none" else 0.8)
    aside = np.where(side > 0, left, right) + clear + diameters / 2 + rng.exponential(6.5, count)
    xy = track.position(s, side * np.minimum(aside, 40.0))
    good = np.ones(count, bool) if not count else gap_to_road(track, xy) >= clear + diameters / 2
    for road in side_roads:
        good &= _distance(xy, road.axis) > road.width / 2 + 0.4 * diameters
    if len(buildings.center):
        apart = np.hypot(*(xy[:, None] - buildings.center[None]).transpose(2, 0, 1))
        good &= (apart > buildings.reach + 0.2 * diameters[:, None]).all(axis=1)
    return xy[good], crowns[good], diameters[good]


def _distance(xy: Floats, axis: Floats) -> Floats:
    """From points (N, 2) to the nearest point of an axis (K, 2): (N,) metres."""
    if not len(xy):
        return np.zeros(0)
    return np.hypot(*(xy[:, None] - axis[None]).transpose(2, 0, 1)).min(axis=1)


def _lines(track: Track, look: Appearance) -> Floats:
    """Stray lines beside the road: some lead away from its edge, some lie about."""
    rng = _rng(look, "decoy_lines")
    count = _count(track, look.decoy_lines, rng)
    s, side = rng.uniform(0, track.length, count), rng.choice((-1, 1), count)
    left, right = track.width_at(s)
    edge = np.where(side > 0, left, right)
    leaves = rng.random(count) < 0.5
    start = edge + np.where(leaves, 0.3, rng.uniform(1.5, 9, count))
    length = rng.uniform(6, 22, count)
    end = start + np.where(leaves, rng.uniform(2, 9, count), rng.normal(0, 1.5, count))
    ahead = s + length * rng.choice((-1, 1), count)
    lines = np.stack(
        [track.position(s, side * start), track.position(ahead, side * np.maximum(end, edge + 1.0))], axis=1
    )
    if not count:
        return lines
    # Neither end lies on another piece of road.
    return lines[(gap_to_road(track, lines) > 0.2).all(axis=1)]
