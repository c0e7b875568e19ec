"""Ground textures: pages that meet, mip levels that average, memory that stays bounded."""

from itertools import pairwise

import numpy as np
import pytest

from drivesim.appearance import Appearance
from drivesim.ground import texture
from drivesim.ground.painting import CELL
from drivesim.ground.texture import GroundTexture, Page
from drivesim.track import Track
from drivesim.track_generation import generate_track

LOOK = Appearance(ground_grain=20.0)


def circle(radius: float, width: float = 4.0) -> Track:
    """Return a circular road around the origin."""
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    points = [radius * np.cos(angle), radius * np.sin(angle), np.full(240, width), np.full(240, width)]
    return Track.from_points(np.column_stack(points), "circle")


def corner(page: Page) -> np.ndarray:
    """Return the world pixel of a page's top left corner: columns east, rows south."""
    return np.rint(np.array([page.left, -page.top]) / page.resolution).astype(int)


def common(first: Page, second: Page, level: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return what two pages both show, from each of them: int (h, w, 4) each."""
    scale = 2**level
    low = np.maximum(corner(first), corner(second))
    parts = []
    for page in (first, second):
        start = low - corner(page)
        assert np.all(start % scale == 0), "the pages' pixels do not lie on each other"
        left, top = start // scale
        parts.append(page.levels[level][top:, left:].astype(int))
    height, width = np.minimum(parts[0].shape[:2], parts[1].shape[:2])
    return parts[0][:height, :width], parts[1][:height, :width]


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(texture, "PAGE_PIXELS", 512)


@pytest.mark.parametrize("resolution", [0.15, 0.4])
def test_the_same_track_and_look_give_the_same_bytes(resolution):
    first, second = (
        GroundTexture(generate_track(2), Appearance.random(np.random.default_rng(2)), resolution, 3, 20.0)
        for _ in range(2)
    )
    for one, other in zip(first.page_at(0, 0).levels, second.page_at(0, 0).levels, strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_usual_track_is_one_page_that_holds_road_and_margin():
    track = generate_track(2)
    ground = GroundTexture(track, LOOK, 0.4, 1, 33.0)
    page = ground.page_at(0.0, 0.0)
    assert page is ground.only_page
    height, width = page.levels[0].shape[:2]
    edges = np.vstack(track.edges())
    low, high = edges.min(axis=0) - 33.0, edges.max(axis=0) + 33.0
    assert page.left <= low[0] + 0.4
    assert page.left + width * 0.4 >= high[0] - 0.4
    assert page.top >= high[1] - 0.4
    assert page.top - height * 0.4 <= low[1] + 0.4
    assert ground.memory == page.levels[0].nbytes


def test_mip_levels_average_the_level_before():
    levels = GroundTexture(generate_track(2), LOOK, 0.4, 4, 20.0).page_at(0, 0).levels
    assert len(levels) == 4
    for fine, coarse in pairwise(levels):
        height, width = (size // 2 for size in fine.shape[:2])
        assert coarse.shape == (height, width, 4)
        blocks = fine[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 4).astype(float)
        assert np.abs(blocks.mean(axis=(1, 3)) - coarse).max() <= 0.5 + 1e-9


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    "levels",
    [
        3,
        6,
    ],
)
def test_pages_agree_where_they_overlap(levels):
    track = circle(150.0)
    ground = GroundTexture(track, LOOK, 0.4, levels, 30.0)
    pages = [ground.page_at(x, y) for x, y in track.position(np.arange(0.0, track.length, 1.0))]
    neighbours = [(first, second) for first, second in pairwise(pages) if first is not second]
    assert len(neighbours) >= 4
    for first, second in neighbours:
        for level in range(levels):
            one, other = common(first, second, level)
            assert min(one.shape[:2]) > 2 * 30.0 / 0.4 / 2**level - 1
            assert np.abs(one - other).max() <= 2
            assert np.mean(one != other) < 1e-3


@pytest.mark.usefixtures("small_pages")
def test_every_page_holds_what_a_camera_on_it_can_see():
    track, margin = circle(150.0), 30.0
    ground = GroundTexture(track, LOOK, 0.4, 1, margin)
    for s in np.arange(0.0, track.length, 3.0):
        for lateral in (-4.0, 4.0):
            x, y = track.position(s, lateral)
            page = ground.page_at(x, y)
            height, width = page.levels[0].shape[:2]
            room = [x - page.left, page.left + width * 0.4 - x, page.top - y, y - page.top + height * 0.4]
            assert min(room) >= margin - 0.4


@pytest.mark.usefixtures("small_pages")
def test_a_page_is_painted_once_and_again_alike_when_it_was_given_up(monkeypatch):
    track = circle(150.0)
    ground = GroundTexture(track, LOOK, 0.4, 2, 30.0)
    first = ground.page_at(150.0, 0.0)
    assert ground.page_at(150.0, 0.0) is first
    monkeypatch.setattr(texture, "MEMORY_LIMIT", 3 * sum(level.nbytes for level in first.levels))
    for x, y in track.position(np.arange(0.0, track.length, 5.0)):
        ground.page_at(x, y)
        assert ground.memory <= texture.MEMORY_LIMIT
    ground.page_at(-150.0, 0.0)
    again = ground.page_at(150.0, 0.0)
    assert again is not first
    assert again.levels[1].tobytes() == first.levels[1].tobytes()


@pytest.mark.usefixtures("small_pages")
def test_the_page_used_last_is_given_up_last(monkeypatch):
    ground = GroundTexture(circle(150.0), LOOK, 0.4, 1, 30.0)
    spots = [(150.0, 0.0), (0.0, 150.0), (-150.0, 0.0)]
    first, second, _ = (ground.page_at(*spot) for spot in spots)
    assert ground.page_at(*spots[0]) is first
    monkeypatch.setattr(texture, "MEMORY_LIMIT", ground.memory)
    ground.page_at(0.0, -150.0)
    assert ground.page_at(*spots[0]) is first
    assert ground.page_at(*spots[1]) is not second


def test_a_large_circuit_stays_under_the_limit():
    # Of Spa's extent: 2.2 km of ground, 5,500 pixels across.
    track = circle(1100.0)
    ground = GroundTexture(track, LOOK, 0.4, 1, 32.0)
    seen = {}
    for x, y in track.position(np.arange(0.0, track.length, 40.0)):
        page = ground.page_at(x, y)
        seen[page.left, page.top] = page.levels[0].nbytes
        assert ground.memory <= texture.MEMORY_LIMIT
        assert max(page.levels[0].shape) <= texture.PAGE_PIXELS + 2 * CELL
    assert sum(seen.values()) > texture.MEMORY_LIMIT


def test_a_car_off_the_map_is_given_the_nearest_page():
    track = circle(1100.0)
    ground = GroundTexture(track, LOOK, 0.4, 1, 32.0)
    assert ground.page_at(5000.0, 0.0) is ground.page_at(1099.0, 0.0)


def test_a_page_that_is_there_is_given_while_another_is_painted():
    road = generate_track(3, "easy")
    ground = GroundTexture(road, Appearance(), 0.1, 1, 30.0)
    x, y = road.position(0.0)
    page = ground.page_at(x, y)
    with texture._PAINTING:  # as if another thread painted
        assert ground.page_at(x, y) is page
