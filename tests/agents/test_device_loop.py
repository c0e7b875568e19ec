"""Drives on torch's CPU device against the same drives in NumPy and OpenCV."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import evaluate as evaluate_command
from agents import rollout
from agents.driver import StraightDriver
from agents.evaluation.evaluation import evaluate
from agents.evaluation.inference import TimedDriver
from agents.expert import ExpertDriver
from agents.human_like import HumanLikeDriver
from agents.lineup import line_up, placed
from agents.rollout import Course, DriveInterrupted, drive
from drivesim.errors import DrivesimError
from drivesim.world import WorldSource
from tests.agents.drives import ring_world
from tests.agents.policies import CAMERA, WIDE, make_policy

RINGS = [ring_world(30.0), ring_world(60.0), ring_world(45.0)]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def check_alike(expected, drives, atol: float = 1e-6) -> None:
    assert len(expected) == len(drives)
    for ours, theirs in zip(expected, drives, strict=True):
        assert theirs.world is ours.world
        assert theirs.end_reason == ours.end_reason
        assert theirs.progress == pytest.approx(ours.progress, abs=max(atol, 1e-4))
        assert set(theirs.columns) == set(ours.columns)
        for name, values in ours.columns.items():
            np.testing.assert_allclose(theirs.columns[name], values, rtol=1e-6, atol=atol, err_msg=name)
            assert theirs.columns[name].dtype == values.dtype
        np.testing.assert_array_equal(theirs.put_back, ours.put_back)
        np.testing.assert_array_equal(theirs.departed, ours.departed)


@pytest.mark.parametrize(
    ("driver", "course"),
    [
        pytest.param(ExpertDriver(), Course(), id="expert"),
        pytest.param(ExpertDriver(), Course(has_pedal=True, scenario={"vehicle": "car-dynamic"}), id="pedal"),
        pytest.param(ExpertDriver(), Course(noise=0.3, start_aside=0.5, start_turn=0.1), id="noise"),
        pytest.param(
            ExpertDriver(), Course(starts=((1.0, 0.5, 0.1), (2.0, -1.0, 0.0), (90.0, 0.0, -0.2))), id="elsewhere"
        ),
        pytest.param(StraightDriver(), Course(put_back_off_road=True), id="departed"),
        pytest.param(StraightDriver(), Course(put_back_beyond=1.0, has_pedal=True, time_limit=20.0), id="helped"),
    ],
)
def test_a_driver_without_eyes_drives_as_on_the_host(driver, course):
    expected = drive(driver, RINGS, course, np.random.default_rng(1))
    check_alike(expected, drive(driver, RINGS, replace(course, device="cpu"), np.random.default_rng(1)))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a camera"),
        pytest.param({"cameras": (CAMERA, WIDE), "past": 2, "stride": 2}, id="cameras and past frames"),
        pytest.param({"outputs": ("steering", "pedal"), "inputs": ("camera", "speed")}, id="pedal and speed"),
    ],
)
def test_a_policy_drives_as_on_the_host(changes):
    policy = make_policy(**changes)
    # Frames differ by a grey level here and there, and so do actions: ever more so with such a network.
    course = Course.made_for(policy.config, time_limit=0.2, threads=1)
    worlds = WorldSource(range(3), "easy").all()
    expected = drive(policy, worlds, course)
    check_alike(expected, drive(policy, worlds, replace(course, device="cpu")), atol=0.1)


def test_a_few_cars_at_a_time_drive_as_all_at_once():
    course = Course(start_aside=0.5, put_back_off_road=True)
    told: list[float] = []
    expected = drive(StraightDriver(), [*RINGS, *RINGS], course)
    in_turns = drive(StraightDriver(), [*RINGS, *RINGS], replace(course, envs=3), on_step=told.append)
    check_alike(expected, in_turns, atol=0.0)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(DrivesimError, match="--envs: expected 1 or more, got 0"):
        replace(course, envs=0)


def test_what_had_ended_is_kept_when_the_user_stops_a_later_turn():
    def stop(share: float) -> None:
        if share > 0.6:
            raise KeyboardInterrupt

    for device in (None, "cpu"):
        with pytest.raises(DriveInterrupted) as stopped:
            drive(ExpertDriver(), [*RINGS, *RINGS], Course(envs=2, time_limit=1.0, device=device), on_step=stop)
        assert [d is not None for d in stopped.value.drives] == [True] * 4 + [False] * 2


def test_an_evaluation_on_the_device_measures_the_same():
    course = Course(time_limit=6.0)
    ours, theirs = (
        evaluate(StraightDriver(), RINGS, replace(course, device=device)).summary for device in (None, "cpu")
    )
    assert set(ours) == set(theirs)
    for name in ("autonomy", "cross_track_error_mean", "progress_against_expert", "departures_per_km"):
        assert theirs[name] == pytest.approx(ours[name], rel=1e-6)
    assert ours["autonomy"] < 1
    assert theirs["inference_per_frame"] > 0


def test_a_driver_of_the_host_is_refused():
    for driver in (HumanLikeDriver(0), TimedDriver(HumanLikeDriver(0))):
        with pytest.raises(DrivesimError, match=r"device: human-like can't drive on a torch device\. Use --device cpu"):
            drive(driver, RINGS, Course(device="cpu"))


def test_what_a_command_is_asked_for_reaches_the_course():
    ((_, course),) = line_up(["straight"], "steer", "car", "torch-cpu", 1, 2, "a:1")
    assert (course.device, course.envs, course.ray) == ("cpu", 2, "a:1")
    ((_, course),) = line_up(["straight"], "steer", "car", "auto", 1)
    assert (course.device, course.envs, course.ray) == (None, None, None)
    assert placed(7, None) == (7, None)
    assert placed(None, ()) == (25, "")
    assert placed(7, ("a:1",)) == (7, "a:1")


@pytest.mark.slow
def test_the_command_evaluates_on_the_device_a_few_cars_at_a_time(tmp_path, run, monkeypatch):
    cars = []
    real = rollout.drive

    def spy(driver, worlds, course, *rest, **named):
        cars.append((len(worlds), course.device, course.envs))
        return real(driver, worlds, course, *rest, **named)

    monkeypatch.setattr(rollout, "drive", spy)
    options = ("--tracks", 3, "--difficulty", "easy", "--device", "torch-cpu", "--envs", 2)
    code, said, _ = run(evaluate_command, "--policy", "expert", *options)
    assert code == 0
    assert "autonomy" in said
    assert (2, "cpu", None) in cars


def test_a_network_that_fills_the_device_says_how_many_cars_fit(run, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr(StraightDriver, "act_on_device", full)
    options = ("--tracks", 3, "--difficulty", "easy", "--device", "torch-cpu")
    code, _, said = run(evaluate_command, "--policy", "straight", *options)
    assert code == 2
    assert "num_envs: 3 cars don't fit into the" in said
    assert "Ask for fewer" in said


@pytest.mark.parametrize(("device", "words"), [("cuda", "torch finds no GPU"), ("tpu", "unknown name 'tpu'")])
def test_a_gpu_that_is_not_there_is_told_in_a_sentence(tmp_path, run, monkeypatch, device, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    make_policy().save(tmp_path / "policy")
    for who in (tmp_path / "policy", "expert"):
        code, _, said = run(evaluate_command, "--policy", who, "--tracks", 1, "--device", device)
        assert code == 2
        assert words in said
        assert said.count("\n") == 1


@pytest.mark.gpu
@needs_gpu
def test_a_policy_drives_on_a_gpu_as_on_the_host():
    policy = make_policy()
    on_gpu = type(policy)(policy.config, policy.network, "cuda")
    course = Course.made_for(policy.config, time_limit=0.4)
    worlds = WorldSource(range(4), "easy").all()
    expected = drive(policy, worlds, course)
    check_alike(expected, drive(on_gpu, worlds, replace(course, device="cuda")), atol=0.3)
