"""Veil: weather over frames, in one pass over each frame after it is drawn, compiled when first used.

A pixel in row r and column c of colour p becomes p (a k_r + b l_r L_rc) + f F_r + s S_r + g G_r H_c, with colours a
(daylight), b (headlights), f (fog), s (sky), g (sun), and what the rows, columns and headlights make of them; then
drops and flakes are laid over it. Where these are follows from the weather's seed and the car's pose alone: the same
place is always seen the same, whatever was seen before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from drivesim.appearance import Appearance
from drivesim.camera import Camera
from drivesim.geometry import Floats
from drivesim.ground.noise import Floats32
from drivesim.sightlines import sightlines_of
from drivesim.specks import LEVELS, speck_places, speck_sheets
from drivesim.weather import Weather

Image = np.ndarray

# At the distance of visibility fog leaves e to the power of minus this of the contrast: a twentieth.
_FOG = 3.0

# By night daylight falls to this share, in this colour.
_MOONLIGHT = 0.10
_MOON_COLOR = (0.62, 0.78, 1.2)
_LAMP_COLOR = (1.12, 1.06, 0.92)
_LAMP_GAIN = 1.7

# Ground that is wet through is so much darker, and reflects so much of the sky where it is seen at a grazing angle.
_WET_DARKER, _WET_MIRROR = 0.3, 0.55
_GLARE = 190.0

# From so much night on the sun leaves no glare.
_SUNSET = 0.5

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
    scene = sightlines_of(camera)
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
    level = min(int(amount * LEVELS), LEVELS - 1)
    has_sun = weather.wetness > 0 and weather.night < _SUNSET
    return Veil(
        colors=np.ascontiguousarray(np.tile(colors, camera.width), np.float32),
        rows=np.ascontiguousarray(rows, np.float32),
        sheet=-1 if not amount else level + (LEVELS if kind == "snow" else 0),
        opacity=0.0 if not amount else 0.55 + 0.45 * amount,
        seed=weather.seed,
        sun=np.radians(look.sun_azimuth) if has_sun else None,
    )


def draw_veils(
    frames: Image, veils: Sequence[Veil | None], poses: Floats, camera: Camera, feet: np.ndarray | None = None
) -> None:
    """Lay weather over frames in place.

    Args:
        frames: (N, H, W, 3) uint8 RGB, C-contiguous.
        veils: Of each frame; None leaves it as it is.
        poses: (N, 3) x y heading of the cars, metres and radians, world.
        camera: That the frames are of.
        feet: (N, H, W) int16: what stands on the ground is seen through as much air as the ground in this row; -1 where
            nothing does. None where nothing does anywhere.
    """
    chosen = [number for number, veil in enumerate(veils) if veil is not None]
    if not chosen:
        return
    seen = [veil for veil in veils if veil is not None]
    shown = np.array(chosen)
    glare_rows, glare_columns = _glare(seen, poses[shown], camera)
    seeds = np.array([veil.seed for veil in seen], np.uint64)
    pixels = frames.reshape(len(frames), camera.height, -1)
    bare = None if feet is None else pixels.copy()
    colors, rows = np.stack([veil.colors for veil in seen]), np.stack([veil.rows for veil in seen])
    lamps = sightlines_of(camera).lamps
    sheets = speck_sheets(camera.width, camera.height, camera.looks_down)
    places = np.column_stack([[veil.sheet for veil in seen], speck_places(seeds, poses[shown])])
    opacity = np.array([veil.opacity for veil in seen], np.float32)
    _draw(pixels, shown, colors, rows, lamps, glare_rows, glare_columns, sheets, places, opacity)
    if feet is not None and bare is not None:
        _draw_over_solids(pixels, bare, feet, shown, colors, rows, lamps, sheets, places, opacity)


def _glare(veils: list[Veil], poses: Floats, camera: Camera) -> tuple[Floats32, Floats32]:
    """The sun on wet ground: what rows (K, H) and columns (K, 3 W) make of it."""
    scene = sightlines_of(camera)
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
        profile = np.exp(-(((scene.bearing - camera.mount[1] - reach * np.sin(bearing)[:, None]) / width) ** 2))
    else:
        apart = (scene.bearing - bearing[:, None] + np.pi) % (2 * np.pi) - np.pi
        rows[wet] = 1.0
        profile = np.exp(-((apart / 0.13) ** 2))
    columns[wet] = np.repeat(profile, 3, axis=1)
    return rows, columns


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
                values[i] += colors[3, i] * sky
        if sun > 0:
            for i in range(width):
                values[i] += colors[4, i] * sun * glare_columns[i]
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


@njit(
    "void(uint8[:, :, ::1], uint8[:, :, ::1], int16[:, :, ::1], int64[::1], float32[:, :, ::1], float32[:, :, ::1], "
    "float32[:, ::1], uint8[:, :, ::1], int64[:, ::1], float32[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _draw_over_solids(
    frames: Image,
    bare: Image,
    feet: np.ndarray,
    shown: np.ndarray,
    colors: Floats32,
    rows: Floats32,
    lamps: Floats32,
    sheets: Image,
    places: np.ndarray,
    opacity: Floats32,
) -> None:
    """Draw the pixels of solids anew from `bare`, the frames without weather: lit and in fog as where they stand."""
    _, height, width = feet.shape
    for k in range(len(shown)):
        n = shown[k]
        sheet = sheets[max(places[k, 0], 0)]
        share = opacity[k] * np.float32(1 / 255) if places[k, 0] >= 0 else np.float32(0)
        for line in range(height):
            for column in range(width):
                foot = feet[n, line, column]
                if foot < 0:
                    continue
                fog = rows[k, 2, foot]
                for i in range(3 * column, 3 * column + 3):
                    light = colors[k, 0, i] + colors[k, 1, i] * lamps[foot, i]
                    value = np.float32(bare[n, line, i]) * light * (1 - fog) + colors[k, 2, i] * fog
                    falling = np.float32(sheet[places[k, 1] + line, 3 * places[k, 2] + i])
                    value += (colors[k, 5, i] - value) * (falling * share)
                    frames[n, line, i] = np.uint8(min(value, np.float32(255.0)) + np.float32(0.5))
