"""The report in a real browser: it sorts, plays, fits a phone, and reads in light and dark."""

from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.evaluation import Evaluation, evaluate
from agents.evaluation.metrics import summary
from agents.report.page import write_report
from agents.report.videos import film_drives
from agents.rollout import Course
from drivesim.world import World
from tests.agents.drives import PLAIN, ring_world
from tests.agents.policies import CAMERA, make_policy
from tests.browser_pages import chromium, needs_chromium

pytestmark = needs_chromium

NASTY = "<img src=x onerror=alert(1)>"
LONG = "a-track-whose-name-is-longer-than-a-phone-is-wide-and-has-no-space-to-break-it-at"
RADII = (20.0, 34.0, 26.0)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A report of two drivers, with films, stress and odd names."""
    policy, course = make_policy(), Course(camera=CAMERA, time_limit=15.0, put_back_off_road=True)
    evaluation = evaluate(policy, [ring_world(radius) for radius in RADII], course)
    names = [NASTY, LONG, "ring"]
    drives = [
        replace(driven, world=World(replace(driven.world.track, name=name), PLAIN))
        for driven, name in zip(evaluation.drives, names, strict=True)
    ]
    # Known figures in an order of their own.
    tracks = [
        {**track, "autonomy": autonomy, "cross_track_error_mean": error}
        for track, autonomy, error in zip(evaluation.tracks, (0.5, 0.9, 0.75), (0.2, 10.0, 3.0), strict=True)
    ]
    first = Evaluation(drives, tracks, summary(tracks), 1.0)
    stress = [
        {"stress": "a rather long stress", "severity": severity, "autonomy": 1 - severity / 10}
        for severity in range(1, 9)
    ]
    path = tmp_path_factory.mktemp("report") / "report.html"
    films = [film_drives(first, policy, course), []]
    command = f"python -m agents.evaluate --policy {'very-' * 40}long"
    write_report(path, [(f"{NASTY}-{LONG}", first), ("other", first)], command, {"policy": LONG}, films, stress)
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser, address):
    """Open the report; at the end, nothing may have been complained of, asked for, or popped up."""
    contexts, faults = [], []

    def open_report(width=1280, height=900, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.on(
            "console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else faults.append(request.url),
        )
        page.goto(address)
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert faults == []


def column(page, number):
    return page.locator(f".policy:not([hidden]) .tracks tbody tr > :nth-child({number})").all_inner_texts()


def test_a_click_on_a_header_sorts_the_table_and_says_so(open_page):
    page = open_page()
    header = page.locator(".policy:not([hidden]) .tracks thead th")
    assert column(page, 6) == ["0.200", "10.000", "3.000"]
    header.nth(5).get_by_role("button").click()
    assert column(page, 6) == ["10.000", "3.000", "0.200"]
    assert column(page, 1) == [LONG, "ring", NASTY]
    assert header.nth(5).get_attribute("aria-sort") == "descending"
    header.nth(5).get_by_role("button").press("Enter")
    assert column(page, 6) == ["0.200", "3.000", "10.000"]
    assert header.nth(5).get_attribute("aria-sort") == "ascending"
    header.nth(0).get_by_role("button").click()
    assert column(page, 1) == sorted([NASTY, LONG, "ring"])
    assert header.nth(5).get_attribute("aria-sort") == "none"


def luminance(page, selector="body", what="backgroundColor"):
    color = page.evaluate("([s, w]) => getComputedStyle(document.querySelector(s))[w]", [selector, what])
    red, green, blue = np.array([float(part) for part in color.split("(")[1].rstrip(")").split(",")[:3]]) / 255
    return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_system_until_a_theme_is_chosen(open_page, scheme):
    page = open_page(color_scheme=scheme)
    was_light = luminance(page) > 0.5
    assert was_light is (scheme == "light")
    page.locator("#theme").click()
    assert (luminance(page) > 0.5) is not was_light
    page.reload()
    assert (luminance(page) > 0.5) is not was_light
    page.locator("#theme").click()
    assert (luminance(page) > 0.5) is was_light


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page(open_page, scheme):
    page = open_page(color_scheme=scheme)
    paper = luminance(page)
    for selector in ("h1", ".note", ".eyebrow", ".interval", ".tracks thead button", ".chart text"):
        ink = luminance(page, selector, "fill" if selector == ".chart text" else "color")
        contrast = (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)
        assert contrast >= 4.5, (selector, contrast)  # WCAG 2.2, AA


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 768])
def test_a_narrow_screen_needs_no_scrolling_sideways(open_page, width, scheme):
    page = open_page(width, 700, color_scheme=scheme)
    page.locator("details").evaluate("details => { details.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in page.locator("[data-show]").all():
        name.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator(".policy:not([hidden]) .card").first.click()
    assert page.locator("dialog").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    box = page.locator("dialog").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_films_play(open_page):
    page = open_page()
    films = page.locator("video")
    assert films.count() == 2
    for film in films.all():
        film.evaluate("film => film.play()")
        page.wait_for_function("film => film.currentTime > 0.2", arg=film.element_handle())
        duration, width, error = film.evaluate("film => [film.duration, film.videoWidth, film.error]")
        assert (width, error) == (724, None)
        assert 1 < duration <= 10.1


def test_a_track_opens_large_with_its_figures_and_closes(open_page):
    page = open_page()
    assert page.locator(".policy:not([hidden]) .card-name").all_inner_texts()[0] in (NASTY, LONG, "ring")
    page.locator(".policy:not([hidden]) .tracks").get_by_role("button", name="ring", exact=True).click()
    dialog = page.locator("dialog")
    assert dialog.locator("h2").inner_text() == "ring"
    assert dialog.locator(".map").count() == 1
    assert "0.750" in dialog.locator("dl").inner_text()
    assert dialog.locator(".map").bounding_box()["width"] > 300
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    page.locator(".policy:not([hidden]) .card", has_text=NASTY).click()
    assert dialog.locator("h2").inner_text() == NASTY
    page.locator("#detail-close").click()
    assert not dialog.is_visible()


def test_a_track_tells_its_figures_under_the_pointer(open_page):
    page = open_page()
    card = page.locator(".policy:not([hidden]) .card").first
    assert not card.locator(".peek").is_visible()
    card.hover()
    assert card.locator(".peek").is_visible()


def test_one_driver_is_shown_at_a_time(open_page):
    page = open_page()
    assert page.locator(".policy:visible").count() == 1
    other = page.get_by_role("button", name="other", exact=True)
    other.click()
    assert other.get_attribute("aria-pressed") == "true"
    assert page.locator(".policy:visible").get_attribute("data-policy") == "1"
    assert page.locator(".policy:visible .card").count() == 3


def test_a_name_that_is_markup_stays_text(open_page):
    page = open_page()
    assert page.locator("img").count() == 0
    assert page.get_by_text(NASTY, exact=True).count() >= 1
    assert page.locator("h1").inner_text().startswith(NASTY)


def test_every_control_has_a_name_and_every_section_a_heading(open_page):
    page = open_page()
    names = page.evaluate(
        "[...document.querySelectorAll('button')].map(b => (b.getAttribute('aria-label') || b.textContent).trim())"
    )
    assert len(names) > 20
    assert all(names)
    assert page.evaluate(
        "[...document.querySelectorAll('section')]"
        ".every(section => document.getElementById(section.getAttribute('aria-labelledby')))"
    )
