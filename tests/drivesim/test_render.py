"""Frames against the frame contract, worked out slowly in NumPy, and the memory that they live in."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from drivesim.appearance import PRESETS, Appearance
from drivesim.camera import CAMERAS, Camera
from drivesim.errors import DrivesimError
from drivesim.geometry import to_world
from drivesim.ground import texture
from drivesim.ground.texture import GroundTexture, Page
from drivesim.render import Renderer
from drivesim.track import Track
from drivesim.track_generation import generate_track
from drivesim.vehicle import VehicleParams

CAR = VehicleParams()
MOTTLED = Appearance(ground_grain=22.0, road_grain=10.0)
TOPDOWN, FRONT = CAMERAS["topdown"], CAMERAS["front"]
GROUND_ONLY = replace(TOPDOWN, shows_car=False)
BOTH = [pytest.param(GROUND_ONLY, id="topdown"), pytest.param(FRONT, id="front")]


@pytest.fixture(scope="module")
def track() -> Track:
    return generate_track(4, "medium")


def poses_on(track: Track, count: int, seed: int = 0) -> np.ndarray:
    """Return poses (N, 3) all over a track, beside and turned from the centreline."""
    rng = np.random.default_rng(seed)
    s, lateral, turn = rng.uniform(0, track.length, count), rng.uniform(-3, 3, count), rng.uniform(-0.5, 0.5, count)
    return np.column_stack([track.position(s, lateral), track.heading_at(s) + turn])


def draw(camera: Camera, track: Track, look: Appearance, poses: np.ndarray, threads: int = 1) -> np.ndarray:
    renderer = Renderer(camera, CAR, threads)
    return renderer.draw([renderer.texture(track, look)] * len(poses), poses)


def mip_level(camera: Camera, row: int) -> int:
    """Return the mip level of a row: texels as near to the size of its pixels as powers of two come."""
    return min(round(np.log2(max(camera.footprints()[row] / camera.resolution, 1.0))), 6)


def sampled_line(camera: Camera, page: Page, pose: np.ndarray, row: int, place: float, nearest: bool) -> np.ndarray:
    """Sample the ground once for every column, at `place` in or near a row: (width, 3) float."""
    image = page.levels[mip_level(camera, row)]
    size = page.resolution * 2 ** mip_level(camera, row)
    pixels = np.stack([np.arange(camera.width), np.full(camera.width, place), np.ones(camera.width)])
    x, y, w = camera.ground_from_pixel() @ pixels
    world = to_world(np.stack([x / w, y / w], axis=-1), pose)
    column = (world[:, 0] - page.left) / size - 0.5
    line = (page.top - world[:, 1]) / size - 0.5
    if nearest:
        column, line = np.rint(column), np.rint(line)
    left, above = np.floor(column).astype(int), np.floor(line).astype(int)
    right_share, below_share = (column - left)[:, None], (line - above)[:, None]
    height, width = image.shape[:2]

    def texel(line: np.ndarray, column: np.ndarray) -> np.ndarray:
        return image[np.clip(line, 0, height - 1), np.clip(column, 0, width - 1), :3].astype(float)

    upper = texel(above, left) * (1 - right_share) + texel(above, left + 1) * right_share
    lower = texel(above + 1, left) * (1 - right_share) + texel(above + 1, left + 1) * right_share
    return upper * (1 - below_share) + lower * below_share


def sampled(camera: Camera, ground: GroundTexture, pose: np.ndarray, nearest: bool = False) -> np.ndarray:
    """Draw the rows that show ground by the contract, pixel by pixel: (height, width, 3) float, nan in the sky."""
    frame = np.full((camera.height, camera.width, 3), np.nan)
    page = ground.page_at(pose[0], pose[1])
    for row in np.flatnonzero(camera.ground_rows()):
        samples = int(camera.samples_per_row()[row])
        places = row + (np.arange(samples) + 0.5) / samples - 0.5
        frame[row] = np.mean([sampled_line(camera, page, pose, row, place, nearest) for place in places], axis=0)
    return frame


# The contract


@pytest.mark.parametrize("camera", BOTH)
def test_frames_are_rgb_bytes_of_the_cameras_size(track, camera):
    frames = draw(camera, track, MOTTLED, poses_on(track, 3))
    assert frames.shape == (3, camera.height, camera.width, 3)
    assert frames.dtype == np.uint8
    assert frames.flags.c_contiguous


@pytest.mark.parametrize(
    "camera",
    [
        *BOTH,
        pytest.param(CAMERAS["left"], id="left"),
        pytest.param(replace(FRONT, yaw=35.0, pitch=20.0), id="yawed"),
        pytest.param(Camera(width=50, height=31, span=20.0, yaw=30.0, shows_car=False), id="oblong"),
    ],
)
def test_a_frame_is_the_ground_sampled_bilinearly(track, camera):
    renderer = Renderer(camera, CAR)
    ground = renderer.texture(track, MOTTLED)
    poses = poses_on(track, 6)
    frames = renderer.draw([ground] * 6, poses)
    rows = camera.ground_rows()
    for frame, pose in zip(frames, poses, strict=True):
        difference = np.abs(frame[rows] - sampled(camera, ground, pose)[rows])
        assert np.mean(difference.max(axis=-1) <= 2) >= 0.99
        # Warps place pixels to a 32nd of a texel; an edge of full contrast shows that.
        assert difference.max() <= 12


def test_red_is_the_first_channel(track):
    look = replace(PRESETS["plain"], ground=(200, 100, 0), road=(0, 100, 200))
    pose = track.pose(track.length / 3, lateral=30.0)
    frame = draw(GROUND_ONLY, track, look, pose[None])[0]
    assert (frame.reshape(-1, 3) == look.ground).all(axis=1).any()
    assert not (frame.reshape(-1, 3) == look.ground[::-1]).all(axis=1).any()


def test_a_frame_depends_on_its_own_car_alone(track):
    renderer = Renderer(TOPDOWN, CAR)
    other = generate_track(5, "easy")
    grounds = [renderer.texture(track, MOTTLED), renderer.texture(other, PRESETS["desert"])]
    poses = np.vstack([poses_on(track, 20), poses_on(other, 20)])
    frames = renderer.draw([grounds[0]] * 20 + [grounds[1]] * 20, poses).copy()
    order = np.random.default_rng(0).permutation(40)
    shuffled = renderer.draw([grounds[car // 20] for car in order], poses[order])
    np.testing.assert_array_equal(shuffled, frames[order])
    np.testing.assert_array_equal(renderer.draw(grounds[:1], poses[:1])[0], frames[0])


def test_a_mirrored_world_gives_the_mirrored_frame(track):
    look = replace(Appearance(), ground_grain=0.0, road_grain=0.0)
    mirrored_points = track.points[:, [0, 1, 3, 2]] * [1, -1, 1, 1]
    mirrored = Track.from_points(mirrored_points, "mirrored")
    poses = poses_on(track, 8)
    for camera in (TOPDOWN, FRONT):
        # Mip levels pair the texels from a page's corner on, in whichever world.
        rows = camera.ground_rows() & (camera.footprints() < 1.4 * camera.resolution)
        frames = draw(camera, track, look, poses).astype(int)
        others = draw(camera, mirrored, look, poses * [1, -1, -1])[:, :, ::-1].astype(int)
        assert np.mean(np.abs(frames - others)[:, rows].max(axis=-1) <= 2) >= 0.99
    swapped = replace(FRONT, mount=(0.6, -0.7, 1.4))
    left, right = draw(CAMERAS["left"], track, look, poses), draw(swapped, mirrored, look, poses * [1, -1, -1])
    assert np.mean(np.abs(left.astype(int) - right[:, :, ::-1])[:, rows].max(axis=-1) <= 2) >= 0.99


def test_frames_beyond_the_painted_ground_repeat_its_border(track):
    far = np.array([[5000.0, 5000.0, 0.0]])
    look = replace(PRESETS["plain"], ground=(50, 60, 70))
    assert np.all(draw(GROUND_ONLY, track, look, far) == look.ground)


def test_a_frame_does_not_jump_where_the_page_changes(track, monkeypatch):
    whole = draw(GROUND_ONLY, track, MOTTLED, poses_on(track, 60))
    monkeypatch.setattr(texture, "PAGE_PIXELS", 256)
    renderer = Renderer(GROUND_ONLY, CAR)
    ground = renderer.texture(track, MOTTLED)
    assert ground.only_page is None
    paged = renderer.draw([ground] * 60, poses_on(track, 60)).astype(int)
    assert np.mean(np.abs(paged - whole) <= 1) > 0.9999
    assert np.abs(paged - whole).max() <= 8


# Sky and car


def test_above_the_horizon_is_the_looks_sky_and_nothing_else(track):
    look = replace(MOTTLED, sky=(10, 60, 250), horizon=(250, 200, 150))
    frames = draw(FRONT, track, look, poses_on(track, 4))
    first = int(np.argmax(FRONT.ground_rows()))
    sky = frames[:, :first]
    assert np.all(sky == sky[:1, :, :1])
    np.testing.assert_array_equal(sky[0, 0, 0], look.sky)
    column = sky[0, :, 0].astype(int)
    assert np.all(np.diff(column[:, 0]) >= 0)
    assert np.all(np.diff(column[:, 2]) <= 0)
    np.testing.assert_allclose(column[-1], look.horizon, atol=20)
    assert not np.any(np.all(frames[:, first:] == sky[0, -1, 0], axis=-1))


def test_the_car_stands_in_its_place_with_its_own_size(track):
    poses = poses_on(track, 3)
    with_car = draw(TOPDOWN, track, MOTTLED, poses).astype(int)
    changed = np.any(with_car != draw(GROUND_ONLY, track, MOTTLED, poses), axis=-1)
    # The body reaches 2.1 m ahead of the centre of gravity, which is at row 71.5, and 2.4 m behind; 0.4 m a pixel.
    rows, columns = np.flatnonzero(changed.any(axis=(0, 2))), np.flatnonzero(changed.any(axis=(0, 1)))
    assert (rows[0], rows[-1]) in {(66, 77), (66, 78)}
    assert (columns[0], columns[-1]) == (45, 50)
    assert np.all(with_car[:, 72:75, 46:50] == (200, 30, 40))


def test_pixels_that_the_car_covers_in_part_mix_it_with_the_ground(track):
    poses = track.pose(50.0)[None]
    bright = replace(PRESETS["plain"], road=(240, 240, 240))
    frame = draw(TOPDOWN, track, bright, poses)[0].astype(int)
    # The body reaches 2.25 pixels to either side of column 47.5: it covers a quarter of columns 45 and 50.
    expected = 0.25 * np.array([200, 30, 40]) + 0.75 * 240
    # To a sixteenth of a pixel.
    np.testing.assert_allclose(frame[73, 45], expected, atol=14)
    np.testing.assert_allclose(frame[73, 50], expected, atol=14)


def test_a_car_outside_the_image_is_not_drawn(track):
    ahead = Camera(width=40, height=40, span=16.0, mount=(30.0, 0.0, 0.0))
    poses = poses_on(track, 2)
    without = draw(replace(ahead, shows_car=False), track, MOTTLED, poses)
    np.testing.assert_array_equal(draw(ahead, track, MOTTLED, poses), without)


# Shimmer


def pixel_size(camera: Camera, row: int) -> tuple[float, float]:
    """Return the ground that a pixel in the middle of a row covers: metres along, metres across."""
    middle = camera.width / 2 - 0.5
    pixels = np.array([[middle, middle, middle - 0.5, middle + 0.5], [row - 0.5, row + 0.5, row, row], [1, 1, 1, 1]])
    x, y, w = camera.ground_from_pixel() @ pixels
    return abs(x[0] / w[0] - x[1] / w[1]), abs(y[2] / w[2] - y[3] / w[3])


def creep(camera: Camera, track: Track, row: int, across: bool) -> np.ndarray:
    """Return poses (K, 3) that move by a tenth of the ground that a pixel of a row covers, in that direction."""
    poses = np.repeat(track.pose(30.0, lateral=0.7)[None], 40, axis=0)
    heading = poses[0, 2] + (np.pi / 2 if across else 0.0)
    moved = 0.1 * pixel_size(camera, row)[across] * np.arange(40)[:, None]
    poses[:, :2] += moved * [np.cos(heading), np.sin(heading)]
    return poses


def largest_jump(frames: np.ndarray, rows: np.ndarray) -> float:
    """Return the largest change of a pixel from frame to frame as a share of the contrast around it."""
    frames = np.clip(np.nan_to_num(frames), 0, 255).astype(np.uint8)
    around = np.ones((3, 3), np.uint8)
    contrast = np.max([cv2.dilate(frame, around) - cv2.erode(frame, around) for frame in frames], axis=0)
    jump = np.abs(np.diff(frames.astype(int), axis=0)).max(axis=0) - 2.0
    return float((jump / np.maximum(contrast, 1))[rows].max())


CREEPS = [
    # Row 24 of `front` is 25 m ahead, row 45 5 m.
    pytest.param(camera, row, across, id=f"{name}-{row}-{'across' if across else 'along'}")
    for name, camera, row in (
        ("topdown", GROUND_ONLY, 95),
        ("front", FRONT, 65),
        ("front", FRONT, 45),
        ("front", FRONT, 24),
    )
    for across in (False, True)
]


@pytest.mark.parametrize(("camera", "row", "across"), CREEPS)
def test_ground_that_moves_by_a_tenth_of_a_pixel_changes_by_a_tenth_of_its_contrast(track, camera, row, across):
    # Farther rows move less. A texel may be finer than a pixel by the root of 2; two roundings to a 32nd of it add up.
    rows = camera.ground_rows() & (np.arange(camera.height) <= row)
    frames = draw(camera, track, MOTTLED, creep(camera, track, row, across))
    finest = 1.0 if camera.looks_down else np.sqrt(2)
    # The dashes are shorter than a far pixel is long: they make up a part of its contrast, and move by a tenth of all.
    dash_share = min(3.0 / pixel_size(camera, row)[0], 1.0) if not across else 1.0
    assert largest_jump(frames, rows) < 0.1 * finest / dash_share + 2 / 32


@pytest.mark.parametrize(("camera", "row", "across"), [CREEPS[0], CREEPS[4]])
def test_frames_of_the_nearest_texels_would_be_seen_to_jump(track, camera, row, across):
    rows = camera.ground_rows() & (np.arange(camera.height) <= row)
    ground = Renderer(camera, CAR).texture(track, MOTTLED)
    frames = [sampled(camera, ground, pose, nearest=True) for pose in creep(camera, track, row, across)]
    assert largest_jump(np.array(frames), rows) > 0.5


# Memory and threads


def test_a_frame_that_is_held_is_not_drawn_over(track):
    renderer = Renderer(TOPDOWN, CAR)
    ground = renderer.texture(track, MOTTLED)
    poses = poses_on(track, 60)
    held = []
    for i in range(0, 60, 2):
        frames = renderer.draw([ground] * 2, poses[i : i + 2])
        # The array, a frame of it, a slice, and what was made of it without a copy.
        kept = [frames, frames[0], frames[:, ::2], frames.reshape(-1), memoryview(frames)][i // 2 % 5]
        held.append((kept, np.array(kept)))
    for kept, copy in held:
        np.testing.assert_array_equal(np.asarray(kept), copy)


def test_a_frame_held_by_torch_is_not_drawn_over(track):
    torch = pytest.importorskip("torch")
    renderer = Renderer(TOPDOWN, CAR)
    ground = renderer.texture(track, MOTTLED)
    poses = poses_on(track, 10)
    held = [torch.from_numpy(renderer.draw([ground], pose[None])) for pose in poses]
    for tensor, pose in zip(held, poses, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), renderer.draw([ground], pose[None]))


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_that_nobody_holds_is_drawn_into_again(track, threads):
    renderer = Renderer(TOPDOWN, CAR, threads)
    ground = renderer.texture(track, MOTTLED)
    poses = poses_on(track, 8)
    addresses = set()
    for _ in range(20):
        frames = renderer.draw([ground] * 8, poses)
        addresses.add(frames.ctypes.data)
    # The one that is held, and the next.
    assert len(addresses) == 2
    renderer.close()


def test_a_copy_of_frames_is_equal_apart_and_in_memory_that_is_used_again(track):
    renderer = Renderer(TOPDOWN, CAR)
    frames = renderer.draw([renderer.texture(track, MOTTLED)] * 3, poses_on(track, 3))
    addresses = set()
    for _ in range(5):
        copied = renderer.copy(frames)
        np.testing.assert_array_equal(copied, frames)
        addresses.add(copied.ctypes.data)
        copied[:] = 0
        assert frames.any()
        del copied
    assert len(addresses) == 1


@pytest.mark.parametrize("camera", BOTH)
def test_two_threads_draw_what_one_draws(track, camera):
    other = generate_track(5, "easy")
    frames = {}
    for threads in (1, 2, 3):
        renderer = Renderer(camera, CAR, threads)
        grounds = [renderer.texture(track, MOTTLED), renderer.texture(other, PRESETS["snow"])]
        poses = np.vstack([poses_on(track, 21), poses_on(other, 22)])
        frames[threads] = renderer.draw([grounds[0]] * 21 + [grounds[1]] * 22, poses).tobytes()
        renderer.close()
    assert frames[1] == frames[2] == frames[3]


def test_threads_share_the_pages_of_a_large_circuit(track, monkeypatch):
    monkeypatch.setattr(texture, "PAGE_PIXELS", 256)
    poses = poses_on(track, 200)
    one = draw(TOPDOWN, track, MOTTLED, poses)
    monkeypatch.setattr(texture, "MEMORY_LIMIT", 2**20)
    np.testing.assert_array_equal(draw(TOPDOWN, track, MOTTLED, poses, threads=2), one)


def test_opencvs_own_threads_are_left_as_the_user_set_them(track):
    before = cv2.getNumThreads()
    draw(TOPDOWN, track, MOTTLED, poses_on(track, 40), threads=2)
    assert cv2.getNumThreads() == before


def test_no_threads_at_all_are_refused():
    with pytest.raises(DrivesimError, match="threads"):
        Renderer(TOPDOWN, CAR, 0)
