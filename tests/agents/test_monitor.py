"""A monitor is quiet on clean unseen roads, raises its hand in fog, at night and at a stuck wheel, and counts time."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agents import monitor as module
from agents.deployment.frame_statistics import STATISTICS
from agents.deployment.frame_weather import fog, night
from agents.deployment.reference import make_reference
from agents.expert import ExpertDriver
from agents.monitor import Monitor
from agents.rollout import Course, make_env
from drivesim.appearance import Appearance
from drivesim.errors import DrivesimError
from drivesim.world import World, WorldSource
from tests.agents.policies import CAMERA, make_frames, make_policy
from tests.agents.watched import Guided


@pytest.fixture(scope="module")
def reference():
    return make_reference(Guided(), "abc", roads=96)


@pytest.fixture
def monitor(reference):
    return Monitor(Guided(), reference)


def watch(monitor, world, seconds=12.0, weather=lambda frame: frame, steering=None):
    """Let the expert drive a road while the monitor sees the frames; returns all alarms that were raised."""
    env = make_env(1, Course(camera=CAMERA))
    observation, _ = env.reset(seed=0, options={"worlds": [world]})
    raised = {}
    for _ in range(round(seconds * 20)):
        action = ExpertDriver().act(env, observation, np.arange(1))
        monitor.driver.next_action = action[0] if steering is None else np.array([steering])
        monitor.predict(weather(observation[0])[None])
        raised |= monitor.alarms()
        observation = env.step(action)[0]
    return raised


def clean_worlds():
    """Unseen roads: seven in looks of their own, three in presets."""
    worlds = WorldSource(range(10), "mixed", "test").all()
    presets = [Appearance.preset(name) for name in ("meadow", "desert", "city")]
    return worlds[:7] + [World(world.track, look) for world, look in zip(worlds[7:], presets, strict=True)]


@pytest.mark.parametrize("number", range(10))
def test_clean_unseen_roads_in_any_look_raise_no_alarm(monitor, number):
    assert watch(monitor, clean_worlds()[number]) == {}


@pytest.mark.parametrize("number", range(0, 10, 3))
@pytest.mark.parametrize("weather", [fog, night])
def test_strong_fog_and_night_raise_alarms(monitor, number, weather):
    raised = watch(monitor, clean_worlds()[number], 1.2, lambda frame: weather(frame, 0.85))
    assert "the frames have not been like any it knows" in raised["frames"]


@pytest.mark.parametrize("weather", [fog, night])
def test_fog_and_night_show_as_drift_too_once_the_window_is_full(monitor, weather):
    raised = watch(monitor, clean_worlds()[0], 10.0, lambda frame: weather(frame, 0.9))
    assert set(raised) & set(STATISTICS)
    assert all("has drifted: PSI" in raised[name] for name in set(raised) & set(STATISTICS))


def test_a_wheel_that_is_stuck_shows_as_drift_of_the_steering(monitor):
    assert set(watch(monitor, clean_worlds()[0], steering=1.0)) == {"steering"}


def test_frames_must_be_unusual_for_more_than_a_second(monitor):
    black = np.zeros((1, 64, 64, 3), np.uint8)
    for _ in range(20):
        monitor.predict(black)
    assert monitor.alarms() == {}
    monitor.predict(black)
    assert list(monitor.alarms()) == ["frames"]
    env = make_env(1, Course(camera=CAMERA))
    observation, _ = env.reset(seed=0, options={"worlds": clean_worlds()[:1]})
    monitor.predict(observation)
    assert monitor.alarms() == {}


def test_drift_is_told_only_of_a_full_window(monitor):
    for step in range(1, 201):
        monitor.predict(np.zeros((1, 64, 64, 3), np.uint8))
        assert (monitor.report()["drift"]["brightness"]["psi"] is None) == (step < 200)
        assert ("brightness" in monitor.alarms()) == (step == 200)


def test_a_watched_policy_does_what_it_does_unwatched(reference, one_torch_thread):
    policy = make_policy()
    frames = make_frames(3)
    monitor = Monitor(policy, reference)
    for frame in frames:
        np.testing.assert_array_equal(monitor.predict(frame[None]), policy.predict(frame[None]))
    env = make_env(1, Course(camera=CAMERA))
    observation, _ = env.reset(seed=0)
    np.testing.assert_array_equal(
        monitor.act(env, observation, np.arange(1)), policy.act(env, observation, np.arange(1))
    )
    assert monitor.report()["steps"] == 4
    assert (monitor.config, monitor.name, monitor.camera) == (policy.config, policy.name, policy.camera)


def test_times_are_the_drivers_alone_and_those_beyond_the_period_are_missed(monitor, monkeypatch):
    taken, clock = iter([0.01] * 98 + [0.05 + 1e-6, 0.2]), [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: clock[0])

    def slow(frames, speeds=None):
        clock[0] += next(taken)
        return np.zeros((1, 1))

    monkeypatch.setattr(monitor.driver, "predict", slow)
    for frame in make_frames(100):
        monitor.predict(frame[None])
        clock[0] += 7.0
    report = monitor.report()
    assert (report["steps"], report["seconds"], report["missed_deadlines"]) == (100, pytest.approx(5.0), 2)
    assert report["inference_ms"] == pytest.approx({"p50": 10.0, "p95": 10.0, "p99": 51.5}, abs=0.01)
    assert report["inference_seconds"] == pytest.approx(0.98 + 0.25)
    assert report["period_ms"] == 50.0


def test_several_cars_at_once_are_refused(monitor):
    with pytest.raises(DrivesimError, match="it watches one car, and was given 2 frames"):
        monitor.predict(make_frames(2))


def test_a_reference_of_other_actions_is_refused(reference):
    with pytest.raises(DrivesimError, match=r"this policy needs brightness, .* pedal"):
        Monitor(Guided(outputs=("steering", "pedal")), reference)


def test_a_monitor_that_has_seen_nothing_reports_all_the_same(monitor):
    assert monitor.alarms() == {}
    assert monitor.report()["steps"] == 0
    assert monitor.table().row_count == 10
    assert 'drivesim_inference_seconds_count{policy="guided"} 0\n' in monitor.prometheus()


def test_prometheus_text_holds_every_figure_and_every_alarm(monitor):
    watch(monitor, clean_worlds()[0], 10.0, lambda frame: night(frame, 0.9))
    monitor.name = 'a "b"\\c'
    lines = monitor.prometheus().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    policy = r'policy="a \"b\"\\c"'
    assert values[f"drivesim_inference_seconds_count{{{policy}}}"] == "200"
    assert float(values[f'drivesim_inference_seconds{{{policy},quantile="0.99"}}']) > 0
    assert values[f'drivesim_alarm{{{policy},kind="frames"}}'] == "1"
    assert values[f'drivesim_alarm{{{policy},kind="steering"}}'] == "0"
    assert float(values[f'drivesim_psi{{{policy},value="brightness"}}']) > 1
    assert float(values[f"drivesim_frame_distance{{{policy}}}"]) > float(
        values[f"drivesim_frame_distance_limit{{{policy}}}"]
    )
    named = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(named) == len(set(named)) == len([line for line in lines if line.startswith("# HELP")])
    assert {name.split("{")[0].removesuffix("_sum").removesuffix("_count") for name in values} == set(named)


# The command


@pytest.fixture
def command(tmp_path, monkeypatch, reference, one_torch_thread):
    """A policy's folder, with a reference that knows the monitor's frames and any action."""
    make_policy().save(tmp_path / "mine")
    anything = {"steering": replace(reference.distributions["steering"], usual=99.0)}
    known = replace(reference, distributions=reference.distributions | anything)
    monkeypatch.setattr(module, "reference_of", lambda *_: known)
    return "--policy", tmp_path / "mine", "--device", "cpu"


def test_the_command_drives_prints_and_writes(tmp_path, run, command):
    files = ("--json", tmp_path / "m.jsonl", "--prometheus", tmp_path / "m.prom")
    code, said, _ = run(module, *command, "--seconds", 2.5, *files)
    assert code == 0
    assert "mine after 2 s" in said
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert [line["steps"] for line in lines] == [20, 40, 50]
    assert 'drivesim_inference_seconds_count{policy="mine"} 50' in (tmp_path / "m.prom").read_text()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("weather", ["--fog", "--night"])
def test_the_command_tells_of_alarms_and_its_exit_code_is_1(run, command, weather):
    code, said, _ = run(module, *command, "--seconds", 2, weather, 0.85)
    assert code == 1
    assert "Alarm about frames, first after 2 s" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seconds", 0), "--seconds: expected more than 0, got 0"),
        (("--fog", 2), "--fog: expected a strength from 0 to 1, got 2"),
        (("--policy", "expert"), "--policy: expert sees no frames, there is nothing to watch"),
        (("--policy", "nobody"), "'nobody' is neither a policy's folder"),
        (("--json", "no/where/m.jsonl"), "no/where/m.jsonl can't be written"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_sentence(tmp_path, run, command, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    code, _, said = run(module, *command, *options)
    assert code == 2
    assert words in said
    assert said.count("\n") == 1
