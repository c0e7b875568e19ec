"""Flow: how the cars of traffic move, where everything stands, and what the learner's car hits; compiled when imported.

Cars follow their lane by the intelligent driver model (Treiber, Hennecke and Helbing 2000, "Congested traffic states in
empirical observations and microscopic simulations", Physical Review E 62, 1805; the parameters of its table I), behind
one another and behind the learner's car, and swerve within the lane around what stands there. They have no physics
besides: they are where their arc length says.
"""

from math import cos, floor, pi, sin, sqrt
from typing import Any

import numpy as np
from numba import njit

from drivesim.geometry import Floats
from drivesim.traffic import (
    BEND,
    DIRECTION,
    LATERAL,
    LENGTH,
    OTHERS_MARGIN,
    SPEED,
    USUAL_LENGTH,
    USUAL_WIDTH,
    WIDTH,
)

Floats32 = np.ndarray

# Treiber et al. 2000, table I: time headway (s), acceleration and comfortable deceleration (m/s^2), gap at rest (m).
TIME_HEADWAY, ACCELERATION, DECELERATION, REST_GAP = 1.6, 0.73, 1.67, 2.0

# Nobody brakes harder than this, m/s^2.
HARDEST_BRAKING = 8.0

# A swerve begins and ends so far from what is passed, metres; beside it, it is held so much longer than that is.
RAMP, HOLD = 20.0, 1.0

# Cars slow down for bends that are this far ahead, metres, and look no farther ahead for others than this.
_BEND_AHEAD, _SIGHT = 8.0, 150.0

# Others are in the way where less than this is between the sides, metres.
ABREAST = 0.2

compiled = njit(nogil=True, cache=True, error_model="numpy")


def idm_acceleration(
    speed: Any, desired: Any, gap: Any, closing: Any, rest: Any, headway: float, acceleration: Any, braking: Any
) -> Any:
    """Acceleration of the intelligent driver model, m/s^2; one car or arrays of them.

    Args:
        speed: m/s.
        desired: Speed on a free road, m/s, above 0.
        gap: From bumper to bumper to the car ahead, metres.
        closing: Speed minus that of the car ahead, m/s.
        rest: Gap at rest, metres.
        headway: Time headway, seconds.
        acceleration: The most, m/s^2.
        braking: Comfortable, m/s^2.
    """
    wish = rest + np.maximum(speed * headway + speed * closing / (2.0 * np.sqrt(acceleration * braking)), 0.0)
    share = wish / np.maximum(gap, 0.1)
    return acceleration * (1.0 - (speed / desired) ** 4 - share * share)


_idm = compiled(idm_acceleration)


@compiled
def aside(
    things: Floats,
    poses: Floats,
    standing: int,
    at: Floats32,
    road_length: float,
    s: float,
    base: float,
    length: float,
    width: float,
    margin: float,
) -> tuple[float, float]:
    """How far a car swerves, metres to the left of its own line `base`, and the swerve's slope along the road.

    The swerve rises and falls as 3 u^2 - 2 u^3, and where things stand on both sides they push against one another.
    """
    scale = length / USUAL_LENGTH
    left, right, left_slope, right_slope = 0.0, 0.0, 0.0, 0.0
    for j in range(standing):
        away = at[j] - s
        # The shorter way around.
        if away > 0.5 * road_length:
            away -= road_length
        elif away < -0.5 * road_length:
            away += road_length
        held = 0.5 * (things[j, LENGTH] + length) + HOLD * scale
        u = (abs(away) - held) / (RAMP * scale)
        if u >= 1.0:
            continue
        needed = 0.5 * (things[j, WIDTH] + width) + margin * width / USUAL_WIDTH
        apart = base - poses[j, 3]
        if abs(apart) >= needed:
            continue
        u = max(u, 0.0)
        share = 1.0 - u * u * (3.0 - 2.0 * u)
        # Nearer to the thing, which `away` tells with its sign, the swerve is larger.
        slope = 6.0 * u * (1.0 - u) / (RAMP * scale) * (1.0 if away > 0.0 else -1.0)
        push = needed - abs(apart)
        if apart >= 0.0:
            if push * share > left:
                left, left_slope = push * share, push * slope
        elif push * share > right:
            right, right_slope = push * share, push * slope
    return left - right, left_slope - right_slope


@njit(
    "void(float64[:, :, ::1], float64[:, :, ::1], int64[::1], float32[:, ::1], float64[::1], float64[:, ::1], "
    "float64, float64, float64, float64[:, ::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def swerve(
    things: Floats,
    poses: Floats,
    standing: np.ndarray,
    at: Floats32,
    road_length: Floats,
    s: Floats,
    length: float,
    width: float,
    margin: float,
    swerves: Floats,
) -> None:
    """Write how far left of the line a car of this size is to pass what stands at places `s` (N, P) of N roads."""
    for n in range(len(s)):
        for k in range(s.shape[1]):
            swerves[n, k], _ = aside(
                things[n], poses[n], standing[n], at[n], road_length[n], s[n, k], 0.0, length, width, margin
            )


@compiled
def _place(
    table: Floats, first: int, count: int, spacing: float, s: float, lateral: float
) -> tuple[float, float, float]:
    """Point beside the centreline at `s`, metres, world, and the road's heading there."""
    nearest = floor(s / spacing + 0.5)
    row = first + int(nearest) % count
    along = s - nearest * spacing
    curvature = table[row, 4]
    bend = 0.5 * curvature * along * along
    heading = table[row, 7] + curvature * along
    x = table[row, 0] + along * table[row, 2] - bend * table[row, 3] - lateral * sin(heading)
    y = table[row, 1] + along * table[row, 3] + bend * table[row, 2] + lateral * cos(heading)
    return x, y, heading


@compiled
def _settle_one(
    things: Floats,
    i: int,
    standing: int,
    s: Floats32,
    poses: Floats,
    table: Floats,
    first: int,
    count: int,
    spacing: float,
    road_length: float,
) -> None:
    """Find the pose of one thing from its arc length; what stands must have been settled before what drives."""
    direction = things[i, DIRECTION]
    lateral = things[i, LATERAL]
    if direction < 0:
        row = first + floor(s[i] / spacing + 0.5) % count
        lateral += table[row, 5] - table[row, 6]
    slope = 0.0
    if i >= standing:
        swerve, slope = aside(
            things,
            poses,
            standing,
            s,
            road_length,
            s[i],
            lateral,
            things[i, LENGTH],
            things[i, WIDTH],
            OTHERS_MARGIN,
        )
        lateral += swerve
    x, y, heading = _place(table, first, count, spacing, s[i], lateral)
    heading += slope
    if direction < 0:
        heading += pi
    poses[i, 0], poses[i, 1], poses[i, 2], poses[i, 3] = x, y, heading, lateral


@njit(
    "void(float64[:, :, ::1], int64[::1], int64[::1], boolean[::1], float32[:, ::1], float64[:, :, ::1], "
    "float64[:, ::1], int64[::1], int64[::1], float64[::1], float64[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def settle(
    things: Floats,
    counts: np.ndarray,
    standing: np.ndarray,
    chosen: np.ndarray,
    s: Floats32,
    poses: Floats,
    table: Floats,
    first: np.ndarray,
    count: np.ndarray,
    spacing: Floats,
    road_length: Floats,
) -> None:
    """Write where everything on the chosen roads is: x, y, heading and offset from the line; what stands too."""
    for n in range(len(s)):
        if chosen[n]:
            for i in range(counts[n]):
                _settle_one(
                    things[n],
                    i,
                    standing[n],
                    s[n],
                    poses[n],
                    table,
                    first[n],
                    count[n],
                    spacing[n],
                    road_length[n],
                )


@compiled
def _leader(
    things: Floats, i: int, standing: int, total: int, s: Floats32, speed: Floats, poses: Floats, road_length: float,
    learner: Floats, size: Floats,
) -> tuple[float, float]:  # fmt: skip
    """Gap to whoever is next in the way of car `i`, metres, and how fast it is closing, m/s."""
    direction, own = things[i, DIRECTION], poses[i, 3]
    best, closing = _SIGHT, 0.0
    for j in range(standing, total + 1):
        if j == i:
            continue
        if j < total:
            at, lateral, along = s[j], poses[j, 3], speed[j] * things[j, DIRECTION]
            length, width = things[j, LENGTH], things[j, WIDTH]
        else:
            at, lateral, along = learner[0], learner[1], learner[2]
            length, width = size[0], size[1]
        if abs(own - lateral) >= 0.5 * (width + things[i, WIDTH]) + ABREAST:
            continue
        ahead = direction * (at - s[i])
        if ahead < 0.0:
            ahead += road_length
        gap = ahead - 0.5 * (length + things[i, LENGTH])
        if ahead < 0.5 * road_length and gap < best:
            best, closing = gap, speed[i] - along * direction
    return best, closing


@compiled
def _overlap(learner: Floats, size: Floats, thing: Floats, pose: Floats) -> bool:
    """Whether the learner's box and a thing's overlap: no axis of either parts them."""
    dx, dy = pose[0] - learner[3], pose[1] - learner[4]
    a_long, a_wide, b_long, b_wide = 0.5 * size[0], 0.5 * size[1], 0.5 * thing[LENGTH], 0.5 * thing[WIDTH]
    if dx * dx + dy * dy > (a_long + a_wide + b_long + b_wide + abs(size[2])) ** 2:
        return False
    ax, ay = cos(learner[5]), sin(learner[5])
    dx, dy = dx - size[2] * ax, dy - size[2] * ay
    bx, by = cos(pose[2]), sin(pose[2])
    along, across = abs(ax * bx + ay * by), abs(ax * by - ay * bx)
    return (
        abs(dx * ax + dy * ay) < a_long + b_long * along + b_wide * across
        and abs(dy * ax - dx * ay) < a_wide + b_long * across + b_wide * along
        and abs(dx * bx + dy * by) < b_long + a_long * along + a_wide * across
        and abs(dy * bx - dx * by) < b_wide + a_long * across + a_wide * along
    )


@njit(
    "void(float64[:, :, ::1], int64[::1], int64[::1], boolean[::1], float32[:, ::1], float64[:, ::1], "
    "float64[:, :, ::1], float64[:, ::1], float64[::1], float64, float64[:, ::1], int64[::1], int64[::1], "
    "float64[::1], float64[::1], float32[:, ::1], float64[:, ::1], float64[:, :, ::1], boolean[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def advance(
    things: Floats,
    counts: np.ndarray,
    standing: np.ndarray,
    chosen: np.ndarray,
    s: Floats32,
    speed: Floats,
    poses: Floats,
    learner: Floats,
    size: Floats,
    dt: float,
    table: Floats,
    first: np.ndarray,
    count: np.ndarray,
    spacing: Floats,
    road_length: Floats,
    next_s: Floats32,
    next_speed: Floats,
    next_poses: Floats,
    hit: np.ndarray,
) -> None:
    """Drive every car of traffic on the chosen roads for one step, and tell where the learner's has hit something.

    The last four arguments are written to; they hold copies of the state before, and False.

    Args:
        things: (N, M, 12), see `drivesim.traffic`.
        counts: (N,) things to a road.
        standing: (N,) of them that stand.
        chosen: (N,) roads.
        s: (N, M) metres.
        speed: (N, M) m/s.
        poses: (N, M, 4) as `settle` writes them.
        learner: (N, 6) arc length, offset (m), speed along the road (m/s), x, y (m) and heading (rad) of its car.
        size: (3,) length and width of that, and from its centre of gravity to its middle, metres.
        dt: Seconds.
        table: As in `road_table.Road`, like the next ones.
        first: (N,).
        count: (N,).
        spacing: (N,) metres.
        road_length: (N,) metres.
        next_s: As `s`.
        next_speed: As `speed`.
        next_poses: As `poses`.
        hit: (N,).
    """
    for n in range(len(s)):
        if not chosen[n]:
            continue
        total = counts[n]
        for i in range(standing[n], total):
            direction, at, now = things[n, i, DIRECTION], float(s[n, i]), speed[n, i]
            ahead = floor((at + direction * _BEND_AHEAD) / spacing[n] + 0.5) % count[n]
            slowest = sqrt(things[n, i, BEND] / max(abs(table[first[n] + ahead, 4]), 1e-6))
            desired = min(things[n, i, SPEED], slowest)
            gap, closing = _leader(
                things[n], i, standing[n], total, s[n], speed[n], poses[n], road_length[n], learner[n], size
            )
            rest = REST_GAP * things[n, i, LENGTH] / USUAL_LENGTH
            change = _idm(now, desired, gap, closing, rest, TIME_HEADWAY, ACCELERATION, DECELERATION)
            after = max(now + dt * max(change, -HARDEST_BRAKING), 0.0)
            nearest = floor(at / spacing[n] + 0.5) % count[n]
            stretch = max(1.0 - table[first[n] + nearest, 4] * poses[n, i, 3], 0.1)
            at += direction * 0.5 * (now + after) * dt / stretch
            at -= road_length[n] * floor(at / road_length[n])
            next_s[n, i], next_speed[n, i] = at, after
            _settle_one(
                things[n],
                i,
                standing[n],
                next_s[n],
                next_poses[n],
                table,
                first[n],
                count[n],
                spacing[n],
                road_length[n],
            )
        for i in range(total):
            if _overlap(learner[n], size, things[n, i], next_poses[n, i]):
                hit[n] = True
