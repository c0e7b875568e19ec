"""A page on which a policy drives: made by the command, opened in Chromium, driven by onnxruntime-web."""

import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from agents import record, train, webpage
from agents.browser import runtime
from agents.deployment.onnx_driver import OnnxDriver
from agents.lineup import generated_worlds
from agents.rollout import Course, drive
from drivesim.errors import DrivesimError
from tests.agents.browser.road_follower import write_road_follower
from tests.agents.policies import make_policy
from tests.browser_pages import chromium, needs_chromium, served, sync_api

# The shortest of a few unseen roads.
ROAD = ("--first-seed", 2, "--difficulty", "easy", "--tracks", 1)
LAP = """async (most) => {
  page.pause(true);
  page.isBusy = true;
  page.restart();
  for (let i = 0; i < most && page.drive.lap < 1; i++) await page.step();
  page.isBusy = false;
  const { lap, lapTime, interventions, worst, meanError, halfWidth, elapsed } = page.drive;
  return { lap, lapTime, interventions, worst, meanError, halfWidth, elapsed };
}"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """What npm makes of onnxruntime-web, given by the environment or fetched."""
    if given := os.environ.get("DRIVESIM_ONNXRUNTIME_WEB"):
        return Path(given)
    try:
        return runtime._fetched(tmp_path_factory.mktemp("npm"))
    except DrivesimError as error:
        pytest.skip(str(error))


@pytest.fixture
def empty_archive(tmp_path):
    """An archive with files of the right names and nothing in them."""
    (tmp_path / "nothing").write_bytes(b"")
    with tarfile.open(tmp_path / "empty.tgz", "w:gz") as tar:
        for name in runtime.FILES:
            tar.add(tmp_path / "nothing", f"package/dist/{name}")
    return tmp_path / "empty.tgz"


def make_page(folder, policy, archive, *options):
    """Run the command without capturing: a module's fixtures have no `run`."""
    arguments = dict(policy=policy, out=folder, runtime=archive, tracks=1, first_seed=2, difficulty="easy")
    webpage.main(webpage.Args(**(arguments | dict(options))))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory, archive):
    root = tmp_path_factory.mktemp("web")
    follower = write_road_follower(root / "follower.onnx")
    return make_page(root / "demo", follower, archive, ("appearance", ["plain"]), ("tracks", 2))


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser):
    """Open a page; at the end, nothing may have been complained of, or asked for elsewhere."""
    closing, faults = [], []

    def open_page(folder, width=1280, height=900, **options):
        server = served(folder)
        address = server.__enter__()
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        closing.append((context, server))
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((address, "blob:", "data:")) else faults.append(r.url))
        page.goto(address)
        page.locator("#cover").wait_for(state="hidden", timeout=60_000)
        return page

    yield open_page
    for context, server in closing:
        context.close()
        server.__exit__(None, None, None)
    assert faults == []


@needs_chromium
def test_the_car_stays_on_the_road_for_a_lap_as_it_does_in_python(open_page, folder):
    driven = open_page(folder).evaluate(LAP, 3000)
    assert driven["lap"] == 1
    assert driven["interventions"] == 0
    assert driven["worst"] + 0.9 < driven["halfWidth"]
    driver = OnnxDriver(folder / "policy.onnx", threads=1)
    (world,) = generated_worlds(1, "easy", 2, "plain")
    (same,) = drive(driver, [world], Course.made_for(driver.config))
    assert same.end_reason == "lap_completed"
    assert driven["lapTime"] == pytest.approx(same.columns["time"][-1], abs=0.2)
    # The same frames, the same network, the same car: the same way.
    assert driven["worst"] == pytest.approx(abs(same.columns["lateral_error"]).max(), abs=0.02)


@needs_chromium
def test_a_driver_that_hardly_steers_leaves_the_road_is_put_back_and_loses_autonomy(open_page, tmp_path, archive):
    weak = write_road_follower(tmp_path / "weak.onnx", weak=0.02)
    page = open_page(make_page(tmp_path / "demo", weak, archive, ("appearance", ["plain"])))
    driven = page.evaluate(LAP, 400)
    assert driven["interventions"] >= 2
    assert page.evaluate("page.drive.autonomy") == pytest.approx(
        max(1 - 6 * driven["interventions"] / driven["elapsed"], 0)
    )
    assert page.locator("#said").inner_text() == "Off the road: put back on the centreline"


@needs_chromium
def test_an_arrow_key_takes_the_wheel_and_letting_go_gives_it_back(open_page, folder):
    page = open_page(folder)
    who, expect = page.locator("#who"), sync_api.expect
    expect(who).to_have_text("Network drives")
    page.keyboard.down("ArrowRight")
    expect(who).to_have_text("You drive", timeout=20_000)
    page.keyboard.up("ArrowRight")
    expect(who).to_have_text("Network drives", timeout=20_000)
    # A key that a slow machine holds long may lead off the road: one more.
    assert page.evaluate("page.drive.interventions") >= 1
    assert page.evaluate("page.drive.trail.some(place => place.isPerson)")
    assert page.evaluate("page.instruments.trace.some(([, person]) => person > 0)")
    expect(page.locator("#autonomy-note")).not_to_contain_text("no interventions")


@needs_chromium
def test_keys_restart_pause_and_take_the_next_road(open_page, folder):
    page = open_page(folder)
    expect = sync_api.expect
    expect(page.locator("#lap")).not_to_contain_text("· 0.0 s", timeout=20_000)
    page.keyboard.press("p")
    expect(page.locator("#pause")).to_have_text("P Go on")
    before = page.evaluate("page.drive.elapsed")
    page.wait_for_timeout(400)
    assert page.evaluate("page.drive.elapsed") == before > 0
    page.keyboard.press("r")
    assert page.evaluate("[page.drive.elapsed, page.drive.trail.length]") == [0, 0]
    expect(page.locator("#lap")).to_contain_text("· 0.0 s")
    first = page.locator("#road-name").inner_text()
    page.keyboard.press("n")
    expect(page.locator("#road-name")).not_to_have_text(first)
    page.keyboard.press("n")
    expect(page.locator("#road-name")).to_have_text(first)


@needs_chromium
def test_a_car_that_a_person_drove_aside_comes_back(open_page, folder):
    page = open_page(folder)
    lateral = page.evaluate("""async () => {
      page.pause(true);
      page.isBusy = true;
      page.hands.held.add('left');
      for (let i = 0; i < 4; i++) await page.step();
      page.hands.held.clear();
      let aside = 0;
      for (let i = 0; i < 80; i++) { await page.step(); aside = Math.max(aside, Math.abs(page.drive.lateral)); }
      return [aside, Math.abs(page.drive.lateral), page.drive.interventions];
    }""")
    aside, after, interventions = lateral
    assert interventions == 1
    assert aside > 0.3
    assert after < aside / 2


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_width_fits_and_shows_the_road_and_the_networks_view(open_page, folder, scheme):
    page = open_page(folder, color_scheme=scheme)
    page.keyboard.press("p")
    for width in (320, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("#stage", ".views canvas", "#minimap", "#autonomy", "#restart"):
            box = page.locator(name).bounding_box()
            assert box["width"] > 20
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        assert page.locator(".touch").is_visible() is (width <= 720)
    paper, ink = page.evaluate(
        "['backgroundColor', 'color'].map(w => getComputedStyle(document.body)[w].match(/\\d+/g).map(Number)[1])"
    )
    assert (paper > ink) is (scheme == "light")


@needs_chromium
def test_the_road_is_drawn_large_with_the_red_car_on_it(open_page, folder):
    page = open_page(folder)
    page.keyboard.press("p")
    colors = page.evaluate("""() => {
      const { canvas, gl } = page.stage, drive = page.drive;
      page.stage.draw({ ...drive.car }, 0, [0, 0, 1], 0);
      const pixels = new Uint8Array(4 * canvas.width * canvas.height);
      gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      const seen = { red: 0, grass: 0, road: 0, sky: 0 };
      for (let i = 0; i < pixels.length; i += 4) {
        const [r, g, b] = pixels.subarray(i, i + 3);
        if (r > 2 * g && r > 2 * b) seen.red++;
        else if (g > b + 25) seen.grass++;
        else if (b > r + 20) seen.sky++;
        else if (Math.abs(r - g) < 12 && r < 130) seen.road++;
      }
      for (const name in seen) seen[name] /= pixels.length / 4;
      return seen;
    }""")
    assert 0.005 < colors["red"] < 0.1
    assert min(colors["grass"], colors["road"], colors["sky"]) > 0.05


@needs_chromium
def test_a_page_without_its_files_says_so(browser, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "demo")
    (tmp_path / "demo" / "runtime" / runtime.FILES[0]).unlink()
    with served(tmp_path / "demo") as address:
        page = browser.new_page()
        page.goto(address)
        sync_api.expect(page.locator("#cover")).to_contain_text("The page can't start:")
        page.close()


def test_a_page_is_written_whole_from_a_policys_folder(tmp_path, run, empty_archive, one_torch_thread, monkeypatch):
    monkeypatch.setattr(webpage, "CHECKED_FRAMES", 40)
    make_policy().save(tmp_path / "mine")
    options = ("--policy", tmp_path / "mine", "--out", tmp_path / "site" / "demo", "--runtime", empty_archive)
    code, said, wrong = run(webpage, *options, *ROAD)
    assert (code, wrong) == (0, "")
    assert "1 roads" in said
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["demo"]
    values = json.loads((tmp_path / "site" / "demo" / "demo.json").read_text())
    assert values["policy"]["name"] == "mine"
    named = [values["policy"]["file"], *(r[n] for r in values["roads"] for n in ("table",)), "index.html", "main.js"]
    named += [page["file"] for road in values["roads"] for ground in road["grounds"] for page in ground["pages"]]
    assert all((tmp_path / "site" / "demo" / name).is_file() for name in named)
    OnnxDriver(tmp_path / "site" / "demo" / "policy.onnx")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--policy", "nowhere"), "policy: nowhere is no policy folder"),
        (("--policy", "nowhere.onnx"), "policy: there is no file nowhere.onnx"),
        (("--tracks", 0), "--tracks: expected 1 or more, got 0"),
        (("--appearance", "odd"), "--appearance: unknown name 'odd'. Known: random, meadow"),
        (("--runtime", "nowhere.tgz"), "--runtime: nowhere.tgz is not what `npm pack"),
        (("--difficulty", "odd"), "difficulty: unknown name 'odd'"),
    ],
)
def test_wrong_use_is_one_sentence_and_leaves_nothing(tmp_path, run, empty_archive, options, words):
    follower = write_road_follower(tmp_path / "follower.onnx")
    given = {
        "--policy": follower,
        "--out": tmp_path / "site" / "demo",
        "--runtime": empty_archive,
        options[0]: options[1],
    }
    code, _, said = run(webpage, *(word for pair in given.items() for word in pair))
    assert code == 2
    assert words in said
    assert said.count("\n") == 1
    assert not [path for path in (tmp_path / "site").rglob("*")]


def test_a_folder_that_is_there_is_left_alone(tmp_path, run, empty_archive):
    (tmp_path / "demo").mkdir()
    follower = write_road_follower(tmp_path / "follower.onnx")
    code, _, said = run(webpage, "--policy", follower, "--out", tmp_path / "demo", "--runtime", empty_archive)
    assert (code, said) == (
        2,
        f"error: --out: {tmp_path / 'demo'} exists already. Choose another name or remove it.\n",
    )
    assert not [*(tmp_path / "demo").iterdir()]


@pytest.mark.slow
@needs_chromium
def test_a_policy_cloned_from_a_few_laps_drives_a_lap_in_the_browser(open_page, tmp_path, archive, run):
    assert run(record, "--laps", 6, "--out", tmp_path / "laps")[0] == 0
    options = ("--data", tmp_path / "laps", "--backbone", "pilotnet", "--epochs", 4, "--samples", 6400)
    assert run(train, *options, "--out", tmp_path / "policy", "--device", "cpu")[0] == 0
    driven = open_page(make_page(tmp_path / "demo", tmp_path / "policy", archive)).evaluate(LAP, 3000)
    assert driven["lap"] == 1
    assert driven["interventions"] == 0
    assert driven["worst"] + 0.9 < driven["halfWidth"]
