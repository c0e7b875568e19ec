"""The page: it holds what it says, needs nothing else, and runs nothing that a lap brings along."""

import base64
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from datasets.inspect_page import COLORS, bars, colored_line, track_map, write_page
from datasets.statistics import histogram, statistics
from drivesim.appearance import Appearance
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap

EVIL = "<script>alert('1')</script>\"><img src=x onerror=alert(1)>"


def page_of(tmp_path, *laps, lost=()):
    write_page(tmp_path / "page.html", laps, statistics(laps), lost)
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def look():
    return {"appearance": Appearance().to_dict()}


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_names_from_laps_are_text_and_nothing_else(tmp_path):
    lap = circle_lap(info=look() | {"track_name": EVIL, "driver": EVIL}, speed=np.zeros(200))
    page = page_of(tmp_path, type(lap)(lap.info, lap.columns, False, EVIL), lost=[EVIL])
    elements = Elements(page).found
    assert not [tag for tag, _ in elements if tag == "script"]
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;" in page


def test_the_page_needs_no_other_file(tmp_path):
    elements = Elements(page_of(tmp_path, circle_lap(info=look()))).found
    sources = [value for _, attributes in elements for name, value in attributes.items() if name in ("src", "href")]
    assert sources and all(source.startswith("data:") for source in sources)
    assert not [tag for tag, _ in elements if tag in ("link", "script", "iframe")]


def test_the_page_has_a_dark_theme(tmp_path):
    assert "prefers-color-scheme: dark" in page_of(tmp_path, circle_lap(info=look()))


def test_the_frames_are_pictures_of_the_recorded_world(tmp_path):
    page = page_of(tmp_path, circle_lap(info=look()))
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    frame = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert frame.shape == (96, 96, 3)
    # The car is red and in the road, 24 rows above the bottom.
    red, green, _ = frame[66:78, 44:52].reshape(-1, 3).mean(axis=0)
    assert red > 2 * green
    steering = circle_lap().columns["steering"][0]
    assert "lap" in page and f"s, steering {steering:+.2f}" in page


def test_a_lap_whose_look_is_unknown_is_drawn_without_a_frame(tmp_path):
    page = page_of(tmp_path, circle_lap(info={"appearance": {"sky": 3}}))
    assert "data:image" not in page
    assert "circle" in page


def test_every_svg_of_the_page_is_well_formed(tmp_path):
    page = page_of(tmp_path, circle_lap(info=look()), circle_lap(300, radius=37.0, info=look()))
    drawn = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawn) == 3  # two histograms and one track
    for svg in drawn:
        ElementTree.fromstring(svg)


def test_a_bar_is_as_high_as_its_share():
    picture = bars(histogram(np.array([0.0] * 4 + [9.9] * 2), 0.0, 10.0))
    heights = [bar["height"] for bar in picture["bars"]]
    assert heights[0] == picture["height"] == 2 * heights[-1]
    assert sum(height > 0 for height in heights) == 2
    assert picture["bars"][0]["words"].endswith("4 steps")


def test_laps_of_one_track_share_a_map_that_holds_them():
    picture = track_map([circle_lap(radius=39.0), circle_lap(radius=41.0)])
    x, y, width, height = map(float, picture["box"].split())
    numbers = np.array(re.findall(r"-?\d+\.\d", " ".join(picture["edges"])), float).reshape(-1, 2)
    assert (numbers >= [x, y]).all() and (numbers <= [x + width, y + height]).all()
    assert len(picture["lines"]) == 2
    # y points down in a picture: the car, driving counter-clockwise from the east, first goes up.
    first, second = np.array(re.findall(r"-?\d+\.\d", picture["lines"][0][1]), float).reshape(-1, 2)[[0, 5]]
    assert first[0] == pytest.approx(39.0, abs=0.1) and second[1] < first[1]


def test_the_line_is_coloured_by_its_distance_from_the_centerline_without_gaps():
    lateral = np.array([0.1] * 50 + [-0.3] * 50 + [1.5] * 50 + [3.0] * 50)
    pieces = colored_line(circle_lap(lateral_error=lateral))
    assert [color for color, _ in pieces] == [COLORS[0], COLORS[1], COLORS[3], COLORS[4]]
    ends = [(path[1:].split("L")[0], path.split("L")[-1]) for _, path in pieces]
    assert [end for _, end in ends[:-1]] == [start for start, _ in ends[1:]]


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    lap = circle_lap()
    (tmp_path / "file").touch()
    with pytest.raises(DrivesimError, match=r"--html: .*Choose another place"):
        write_page(tmp_path / "file" / "page.html", [lap], statistics([lap]))
