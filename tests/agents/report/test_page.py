"""The report: its figures are the evaluation's, it stands alone, and no name in it is more than text."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from agents.evaluation.evaluation import Evaluation, evaluate
from agents.evaluation.metrics import summary
from agents.expert import ExpertDriver
from agents.report.page import render_report, write_report
from agents.report.videos import film_drives
from agents.rollout import Course
from drivesim.errors import DrivesimError
from drivesim.track_generation import generate_track
from drivesim.world import World
from tests.agents.drives import PLAIN, Steady, ring_world

NASTY = "<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The tags, with their attributes, and the texts of a page."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def all(self, tag, **wanted):
        return [attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items()]


@pytest.fixture(scope="module")
def good():
    return evaluate(ExpertDriver(), [ring_world(radius) for radius in (20.0, 25.0, 30.0, 40.0)], Course())


@pytest.fixture(scope="module")
def bad(good):
    worlds = [driven.world for driven in good.drives]
    return evaluate(Steady(steering=-0.15), worlds, Course(time_limit=20.0))


def renamed(evaluation, name):
    """The same drives on a road of another name."""
    drives = [
        replace(driven, world=World(replace(driven.world.track, name=name), PLAIN)) for driven in evaluation.drives[:1]
    ]
    return Evaluation(drives, evaluation.tracks[:1], summary(evaluation.tracks[:1]), 1.0)


def render(*evaluations, **options):
    return render_report(list(evaluations), "python -m agents.evaluate --policy mine", {"policy": "mine"}, **options)


def test_a_report_tells_every_metric_with_its_interval_and_every_track(good):
    source = render(("mine", good))
    page = Page(source)
    assert "mine" in page.texts
    assert any(text.startswith("on 4 tracks") for text in page.texts)
    assert f"{good.summary['cross_track_error_mean']:.3f}" in page.texts
    assert f"{good.summary['mean_speed']:.2f}" in page.texts
    errors = [track["cross_track_error_mean"] for track in good.tracks]
    assert f"{min(errors):.3f} m" in page.texts
    assert len(page.all("svg", **{"class": "map"})) == len(page.all("button", **{"class": "card"})) == 4
    sortable = [attrs["data-value"] for attrs in page.all("td") if "data-value" in attrs]
    assert len(sortable) == 4 * 10
    assert str(errors[2]) in sortable
    intervals = [text for text in page.texts if re.fullmatch(r"[\d.]+ to [\d.]+%?", text)]
    assert len(intervals) >= 15


def test_an_interval_lies_about_its_value(good):
    source = render(("mine", good))
    row = re.search(
        r"<th scope=\"row\">Cross-track error, mean.*?<td class=\"number\">([\d.]+)</td>.*?interval\">([^<]+)<",
        source,
        re.S,
    )
    low, high = map(float, row[2].split(" to "))
    assert low <= float(row[1]) <= high
    assert low < high


def test_one_track_has_no_interval(good):
    page = Page(render(("mine", renamed(good, "alone"))))
    assert "One track gives no interval." in page.texts
    assert not [text for text in page.texts if re.fullmatch(r"[\d.]+ to [\d.]+%?", text)]


def test_a_report_stands_alone(good):
    page = Page(render(("mine", good), films=[film_drives(good, ExpertDriver(), Course())]))
    addresses = [
        attrs[name]
        for _, attrs in page.tags
        for name in ("src", "href", "data-src", "poster", "action")
        if name in attrs
    ]
    assert len(addresses) >= 5
    assert all(address.startswith("data:") for address in addresses)
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")
    assert not re.search(r"@import|url\(", render(("mine", good)))


def test_names_from_files_are_only_text(good):
    policy, track = f"{NASTY}policy", f'{NASTY}"road'
    stress = [{"stress": NASTY, "severity": NASTY, "autonomy": 0.5}]
    source = render_report([(policy, renamed(good, track))], f"--policy {NASTY}", {NASTY: NASTY}, stress=stress)
    page = Page(source)
    assert page.all("img") == []
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert {policy, track, f"--policy {NASTY}"} <= set(page.texts)
    assert len(page.all("script")) == 1


def test_two_drivers_are_compared_track_by_track(good, bad):
    source = render(("expert", good), ("straight on", bad))
    page = Page(source)
    assert [attrs["data-policy"] for attrs in page.all("div", **{"class": "policy"})] == ["0", "1"]
    assert len(page.all("button", **{"class": "card"})) == 8
    difference = bad.summary["autonomy"] - good.summary["autonomy"]
    assert f"{difference:+.4f}".replace("-", "−") in page.texts
    verdict = re.search(r'<th scope="row">Autonomy.*?<td class="number (\w*)">', source, re.S)
    assert verdict[1] == "worse"
    # It turns the wheel less.
    verdict = re.search(r'<th scope="row">Steering change.*?<td class="number (\w*)">', source, re.S)
    assert verdict[1] == "better"
    assert "straight on − expert" in page.texts


def test_a_driver_compared_with_itself_is_neither_better_nor_worse(good):
    page = Page(render(("one", good), ("two", good)))
    assert "+0.000 to +0.000" in page.texts
    assert not {"better", "worse"} & set(page.texts)


def test_a_paired_interval_is_narrower_than_tracks_differ(good):
    tracks = [{**track, "mean_speed": 10.0 * i} for i, track in enumerate(good.tracks)]
    faster = [{**track, "mean_speed": track["mean_speed"] + 1.0} for track in tracks]
    slow = Evaluation(good.drives, tracks, summary(tracks), 1.0)
    fast = Evaluation(good.drives, faster, summary(faster), 1.0)
    assert "+1.00 to +1.00" in Page(render(("slow", slow), ("fast", fast))).texts


def test_drivers_on_different_tracks_are_not_compared(good):
    with pytest.raises(DrivesimError, match="b drove other tracks than a"):
        render(("a", good), ("b", renamed(good, "elsewhere")))
    with pytest.raises(DrivesimError, match="expected one or more, got none"):
        render()


def test_stress_is_a_table_of_severities_whose_colour_says_how_bad(good):
    stress = [
        {"stress": "gusty_wind", "severity": 1, "autonomy": 1.0, "cross_track_error_mean": 0.1},
        {"stress": "gusty_wind", "severity": 2, "autonomy": 0.25, "cross_track_error_mean": 0.4},
        {"stress": "fog", "severity": 2, "autonomy": np.float64(0.5), "cross_track_error_mean": 0.2},
    ]
    page = Page(render(("mine", good), stress=stress))
    assert len(page.all("table", **{"class": "heat"})) == 2
    shares = [float(attrs["style"].removeprefix("--share: ")) for attrs in page.all("td") if "style" in attrs]
    assert shares == [0.0, 0.75, 0.5, 0.25, 1.0, 0.5]
    assert {"gusty wind", "fog", "–"} <= set(page.texts)
    assert not Page(render(("mine", good))).all("table", **{"class": "heat"})


def test_metrics_that_are_unknown_or_undefined_are_shown_as_they_are(good):
    tracks = [{**track, "comfort_index": 2.0, "autonomy": np.nan} for track in good.tracks]
    strange = Evaluation(good.drives, tracks, {**summary(tracks), "comfort_index": 2.0}, 1.0)
    page = Page(render(("mine", strange)))
    assert "Comfort index" in page.texts
    assert "–" in page.texts
    assert "nan" not in page.texts


def test_a_report_of_a_hundred_tracks_is_small(tmp_path):
    worlds = [World(generate_track(seed, "hard", "test"), PLAIN) for seed in range(4)]
    evaluation = evaluate(ExpertDriver(), worlds, Course())
    many = Evaluation(evaluation.drives * 25, evaluation.tracks * 25, evaluation.summary, 1.0)
    write_report(tmp_path / "r.html", [("mine", many)], "python")
    assert (tmp_path / "r.html").stat().st_size < 4_000_000
