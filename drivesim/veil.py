"""Veil: weather over frames, in one pass over each frame after it is drawn, compiled when first used.

A pixel in row r and column c of colour p becomes p (a k_r + b l_r L_rc) + f F_r + s S_r + g G_r H_c, with colours a
(daylight), b (headlights), f (fog), s (sky), g (sun), and what the rows, columns and headlights make of them; then
drops and flakes are laid over it. Where these are follows from the weather's seed and the car's pose alone: the same
place is always seen the same, whatever was seen before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numba import njit

from drivesim.appearance import Appearance
from drivesim.camera import Camera
from drivesim.geometry import Floats
from drivesim.noise import Floats32
from drivesim.weather import Weather

Image = np.ndarray

# Fog leaves this many times e^-1 of the contrast at the distance of visibility: a twentieth.
_FOG = 3.0
_FARTHEST = 900.0

# By night daylight falls to this share, in this colour.
_MOONLIGHT = 0.10
_MOON_COLOR = (0.62, 0.78, 1.2)
_LAMP_COLOR = (1.12, 1.06, 0.92)
_LAMP_GAIN = 1.7

# Ground that is wet through is so much darker, and reflects so much of the sky where it is seen at a grazing angle.
_WET_DARKER, _WET_MIRROR = 0.3, 0.55
_GLARE = 190.0

# A camera that looks down hangs so many times as high as it sees wide.
_HEIGHT = 0.25

# Sheets of drops and flakes: how many of each kind, from few to many, and how far they may be moved, pixels.
_LEVELS = 3
_ROOM = 40

_DROP, _FLAKE = (206.0, 212.0, 222.0), (250.0, 252.0, 255.0)


@dataclass(frozen=True, eq=False)
class Veil:
    """A weather as one camera sees it in one look.

    Attributes:
        colors: (6, 3 W) float32: daylight, headlights, fog, sky, sun, and drops or flakes; red, green and blue in turn.
        rows: (5, H) float32: of daylight, headlights, fog, sky and sun.
        sheet: Which of the sheets of drops and flakes; -1 for none.
        opacity: Of drops and flakes, 0 to 1.
        seed: Of where these are.
        sun: Where the sun stands, radians counter-clockwise from the east; None where it leaves no glare.
    """

    colors: Floats32
    rows: Floats32
    sheet: int
    opacity: float
    seed: int
    sun: float | None


def veil_of(weather: Weather, camera: Camera, look: Appearance) -> Veil | None:
    """Return a weather's veil over the frames of a camera; None where it changes nothing."""
    if not weather.is_seen:
        return None
    scene = _scene(camera)
    daylight = weather.brightness * np.asarray(weather.tint)
    ambient = daylight * (1 - weather.night + weather.night * _MOONLIGHT * np.asarray(_MOON_COLOR))
    lamps = weather.night * _LAMP_GAIN * np.asarray(_LAMP_COLOR)
    ground = scene.is_ground * weather.wetness
    mirror = _WET_MIRROR * ground * scene.grazing
    clear = np.ones(camera.height)
    if weather.visibility is not None:
        clear = np.exp(-_FOG * scene.distance / weather.visibility)
    own = clear * (1 - _WET_DARKER * ground) * (1 - mirror)
    sky = (0.6 * np.asarray(look.horizon, float) + 0.4 * np.asarray(look.sky, float)) * ambient
    fog = (0.5 * np.asarray(look.horizon, float) + 0.5 * 225.0) * ambient
    sun = np.array([1.0, 0.97, 0.88]) * daylight * (1 - weather.night)
    kind = "snow" if weather.snow > weather.rain else "rain"
    amount = max(weather.snow, weather.rain)
    lit = ambient.mean() + 0.35 * weather.night
    speck = np.asarray(_FLAKE if kind == "snow" else _DROP) * min(lit, 1.0)
    colors = np.stack([ambient, lamps, fog, sky, sun, speck])
    rows = np.stack([own, own, 1 - clear, clear * mirror, clear * _GLARE * ground * scene.glare])
    level = min(int(amount * _LEVELS), _LEVELS - 1)
    has_sun = weather.wetness > 0 and weather.night < 1
    return Veil(
        colors=np.ascontiguousarray(np.tile(colors, camera.width), np.float32),
        rows=np.ascontiguousarray(rows, np.float32),
        sheet=-1 if not amount else level + (_LEVELS if kind == "snow" else 0),
        opacity=0.0 if not amount else 0.55 + 0.45 * amount,
        seed=weather.seed,
        sun=np.radians(look.sun_azimuth) if has_sun else None,
    )


def draw_veils(frames: Image, veils: Sequence[Veil | None], poses: Floats, camera: Camera) -> None:
    """Lay weather over frames in place.

    Args:
        frames: (N, H, W, 3) uint8 RGB, C-contiguous.
        veils: Of each frame; None leaves it as it is.
        poses: (N, 3) x y heading of the cars, metres and radians, world.
        camera: That the frames are of.
    """
    chosen = [number for number, veil in enumerate(veils) if veil is not None]
    if not chosen:
        return
    seen = [veil for veil in veils if veil is not None]
    shown = np.array(chosen)
    glare_rows, glare_columns = _glare(seen, poses[shown], camera)
    _draw(
        frames.reshape(len(frames), camera.height, -1),
        shown,
        np.stack([veil.colors for veil in seen]),
        np.stack([veil.rows for veil in seen]),
        _scene(camera).lamps,
        glare_rows,
        glare_columns,
        _sheets(camera.width, camera.height, camera.looks_down),
        _places(seen, poses[shown]),
        np.array([veil.opacity for veil in seen], np.float32),
    )


@dataclass(frozen=True, eq=False)
class _Scene:
    """What weather must know of a camera.

    Attributes:
        is_ground: (H,) 1.0 where a row shows ground.
        distance: (H,) metres that are looked through.
        grazing: (H,) 0 where the ground is seen from above, 1 at a grazing angle.
        glare: (H,) how well the ground of a row mirrors the sun.
        lamps: (H, 3 W) float32, light of the headlights, 0 to 1.
        bearing: (3 W,) of the columns, radians to the left of the car's axis; looking down, metres to its left.
        ahead: (H,) metres ahead of the car, of the rows' middles.
    """

    is_ground: Floats
    distance: Floats
    grazing: Floats
    glare: Floats
    lamps: Floats32
    bearing: Floats
    ahead: Floats


@lru_cache(maxsize=16)
def _scene(camera: Camera) -> _Scene:
    column, row = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.stack([column, row, np.ones_like(row)], axis=-1).astype(np.float64)
    at = pixels @ camera.ground_from_pixel().T
    is_ground = camera.ground_rows()
    w = np.where(is_ground[:, None], at[..., 2], 1.0)
    x, y = at[..., 0] / w, at[..., 1] / w
    middle = camera.width // 2
    if camera.looks_down:
        height = _HEIGHT * float(camera.span or 0.0)
        distance = np.hypot(x[:, middle], height)
        grazing = np.full(camera.height, 0.15)
        glare = np.full(camera.height, 0.3)
        bearing = y[0]
    else:
        height = camera.mount[2]
        distance = np.hypot(x[:, middle], height)
        above = np.maximum(np.flatnonzero(is_ground).min(initial=camera.height) - np.arange(camera.height), 0)
        # The sky is looked at through the more air the lower.
        elevation = np.arctan(above / camera.focal_length)
        distance = np.where(is_ground, distance, np.minimum(38.0 / np.maximum(np.sin(elevation), 1e-3), _FARTHEST))
        grazing = np.exp(-6.0 * height / np.maximum(distance, 1e-6))
        glare = np.exp(-1.5 * height / np.maximum(distance, 1e-6))
        bearing = np.arctan2((middle - 0.5 - np.arange(camera.width)), camera.focal_length) + np.radians(camera.yaw)
    lamps = np.where(is_ground[:, None], _headlights(x, y), 0.0)
    return _Scene(
        is_ground=is_ground.astype(float),
        distance=distance,
        grazing=grazing,
        glare=glare,
        lamps=np.ascontiguousarray(np.repeat(lamps, 3, axis=1), np.float32),
        bearing=np.repeat(bearing, 3),
        ahead=x[:, middle],
    )


def _headlights(x: Floats, y: Floats) -> Floats:
    """Light on the ground `x` metres ahead and `y` left of the car: two cones, and what they scatter."""
    light = np.zeros_like(x)
    for lamp in (-0.65, 0.65):
        ahead, aside = x - 2.1, y - lamp
        distance = np.hypot(ahead, aside)
        turn = np.arctan2(aside + 0.04 * ahead, ahead)
        # It meets the ground some metres ahead, and fades from there.
        cone = np.exp(-((turn / 0.3) ** 2)) + 0.25 * np.exp(-((turn / 0.62) ** 2))
        light += 0.62 * cone * np.exp(-distance / 19.0) * np.clip((distance - 0.4) / 3.0, 0, 1) * (ahead > 0)
    light += 0.16 * np.exp(-np.hypot(x - 1.0, y) / 5.0)
    return np.minimum(light, 1.0)


def _glare(veils: list[Veil], poses: Floats, camera: Camera) -> tuple[Floats32, Floats32]:
    """The sun on wet ground: what rows (K, H) and columns (K, 3 W) make of it."""
    scene = _scene(camera)
    rows = np.zeros((len(veils), camera.height), np.float32)
    columns = np.zeros((len(veils), 3 * camera.width), np.float32)
    wet = np.array([k for k, veil in enumerate(veils) if veil.sun is not None], np.int64)
    if not len(wet):
        return rows, columns
    bearing = np.array([veils[k].sun for k in wet], np.float64) - poses[wet, 2]
    if camera.looks_down:
        # The sun's image lies towards the sun from the point under the camera.
        reach, width = 0.32 * float(camera.span or 0.0), 0.2 * float(camera.span or 0.0)
        center = camera.mount[0]
        rows[wet] = np.exp(-(((scene.ahead - center - reach * np.cos(bearing)[:, None]) / width) ** 2))
        columns[wet] = np.exp(-(((scene.bearing - camera.mount[1] - reach * np.sin(bearing)[:, None]) / width) ** 2))
    else:
        apart = (scene.bearing - bearing[:, None] + np.pi) % (2 * np.pi) - np.pi
        rows[wet] = 1.0
        columns[wet] = np.exp(-((apart / 0.13) ** 2))
    return rows, columns


def _places(veils: list[Veil], poses: Floats) -> np.ndarray:
    """Which sheet, and its row and column on a frame's first pixel: (K, 3) int64, from seeds and poses alone."""
    bits = np.ascontiguousarray(poses, np.float64).view(np.uint64)
    mixed = np.array([veil.seed for veil in veils], np.uint64)
    with np.errstate(over="ignore"):
        for value in bits.T:
            # After SplitMix64 (Steele et al. 2014).
            mixed = (mixed ^ value) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(32)
    sheet = np.array([veil.sheet for veil in veils], np.int64)
    row, column = mixed % np.uint64(_ROOM), (mixed >> np.uint64(20)) % np.uint64(_ROOM)
    return np.column_stack([sheet, row.astype(np.int64), column.astype(np.int64)])


@lru_cache(maxsize=6)
def _sheets(width: int, height: int, looks_down: bool) -> Image:
    """Drops and flakes, from few to many: (2 _LEVELS, H + _ROOM, 3 (W + _ROOM)) uint8 opacity."""
    rows, columns = height + _ROOM, width + _ROOM
    sheets = []
    for kind in range(2):
        for level in range(_LEVELS):
            rng = np.random.default_rng([kind, level, 0x5EE7])
            canvas = np.zeros((rows, columns), np.uint8)
            if kind == 0:
                _draw_drops(canvas, rng, level, looks_down)
            else:
                _draw_flakes(canvas, rng, level)
            sheets.append(np.repeat(canvas, 3, axis=1))
    return np.ascontiguousarray(np.stack(sheets))


def _draw_drops(canvas: Image, rng: np.random.Generator, level: int, looks_down: bool) -> None:
    """Streaks that fall aslant; from above they are short, and some are rings where drops have met the ground."""
    rows, columns = canvas.shape
    size = np.sqrt(rows * columns)
    for _ in range((40, 90, 150)[level]):
        at = rng.uniform(0, 1, 2) * (columns, rows)
        length = size * (rng.uniform(0.012, 0.03) if looks_down else rng.uniform(0.05, 0.14))
        end = at + length * np.array([0.16, 1.0])
        line = np.rint(np.stack([at, end]) * 16).astype(np.int32)
        thick = max(round(size / 300), 1)
        cv2.polylines(canvas, [line], False, rng.uniform(45, 125), thick, cv2.LINE_AA, 4)
    if looks_down:
        for _ in range((10, 20, 36)[level]):
            center = np.rint(rng.uniform(0, 1, 2) * (columns, rows) * 16).astype(int).tolist()
            radius = round(16 * max(size * rng.uniform(0.006, 0.014), 1.0))
            cv2.circle(canvas, center, radius, rng.uniform(50, 100), 1, cv2.LINE_AA, 4)


def _draw_flakes(canvas: Image, rng: np.random.Generator, level: int) -> None:
    """Flakes, the near ones large and blurred."""
    rows, columns = canvas.shape
    size = np.sqrt(rows * columns)
    near = np.zeros_like(canvas)
    for number in range((70, 140, 240)[level]):
        center = np.rint(rng.uniform(0, 1, 2) * (columns, rows) * 16).astype(int).tolist()
        is_near = number % 9 == 0
        radius = size * (rng.uniform(0.012, 0.02) if is_near else rng.uniform(0.002, 0.006))
        layer = near if is_near else canvas
        cv2.circle(layer, center, max(round(radius * 16), 8), rng.uniform(110, 235), -1, cv2.LINE_AA, 4)
    canvas[:] = cv2.GaussianBlur(canvas, (0, 0), 0.6)
    blurred = cv2.GaussianBlur(near, (0, 0), max(size * 0.006, 0.5))
    np.maximum(canvas, (0.75 * blurred).astype(np.uint8), out=canvas)


@njit(
    "void(uint8[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1], float32[::1], "
    "uint8[:, ::1], int64[::1], float32, float32[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _draw_one(
    pixels: Image,
    colors: Floats32,
    rows: Floats32,
    lamps: Floats32,
    glare_rows: Floats32,
    glare_columns: Floats32,
    sheet: Image,
    place: np.ndarray,
    opacity: np.float32,
    values: Floats32,
) -> None:
    """Lay a veil over a frame; arrays are hardly cut up in here, as references to their parts are counted slowly."""
    height, width = pixels.shape
    by_night, is_wet = colors[1, 0] > 0, rows[3].max() > 0
    top, left, share = place[1], 3 * place[2], opacity * np.float32(1 / 255)
    for line in range(height):
        day, lamp, fog, sky = rows[0, line], rows[1, line], rows[2, line], rows[3, line]
        sun = rows[4, line] * glare_rows[line]
        if by_night:
            for i in range(width):
                light = colors[0, i] * day + colors[1, i] * lamp * lamps[line, i]
                values[i] = np.float32(pixels[line, i]) * light + colors[2, i] * fog
        else:
            for i in range(width):
                values[i] = np.float32(pixels[line, i]) * (colors[0, i] * day) + colors[2, i] * fog
        if is_wet:
            for i in range(width):
                values[i] += colors[3, i] * sky + colors[4, i] * sun * glare_columns[i]
        if place[0] >= 0:
            # A part that begins where the row does: LLVM would make no vectors of shifted indices.
            falling = sheet[top + line, left : left + width]
            for i in range(width):
                values[i] += (colors[5, i] - values[i]) * (np.float32(falling[i]) * share)
        for i in range(width):
            pixels[line, i] = np.uint8(np.int32(min(values[i], np.float32(255.0)) + np.float32(0.5)))


@njit(
    "void(uint8[:, :, ::1], int64[::1], float32[:, :, ::1], float32[:, :, ::1], float32[:, ::1], float32[:, ::1], "
    "float32[:, ::1], uint8[:, :, ::1], int64[:, ::1], float32[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _draw(
    frames: Image,
    shown: np.ndarray,
    colors: Floats32,
    rows: Floats32,
    lamps: Floats32,
    glare_rows: Floats32,
    glare_columns: Floats32,
    sheets: Image,
    places: np.ndarray,
    opacity: Floats32,
) -> None:
    values = np.empty(frames.shape[2], np.float32)
    for k in range(len(shown)):
        _draw_one(
            frames[shown[k]],
            colors[k],
            rows[k],
            lamps,
            glare_rows[k],
            glare_columns[k],
            sheets[max(places[k, 0], 0)],
            places[k],
            opacity[k],
            values,
        )
