"""The lineup: who drives, by which names, and on which roads."""

import pytest

from agents.expert import ExpertDriver
from agents.lineup import generated_worlds, line_up
from drivesim.errors import DrivesimError
from drivesim.track_generation import generate_track
from drivesim.world import WorldSource
from tests.agents.policies import CAMERA, make_policy


@pytest.fixture
def seeds(tmp_path):
    """Two trainings, each with a folder `policy`."""
    for seed in (0, 1):
        make_policy(seed).save(tmp_path / f"seed-{seed}" / "policy")
    return [str(tmp_path / f"seed-{seed}" / "policy") for seed in (0, 1)]


def names(policies):
    return [driver.name for driver, _ in line_up(policies, "steer", "car", "cpu", 1)]


def test_no_two_drivers_have_one_name(seeds):
    assert names(seeds[:1]) == ["policy"]
    assert names(seeds) == ["seed-0/policy", "seed-1/policy"]
    assert names([*seeds, "expert", "expert"]) == ["seed-0/policy", "seed-1/policy", "expert", "expert-2"]
    assert names([seeds[0], seeds[0]]) == ["seed-0/policy", "seed-0/policy-2"]
    assert ExpertDriver.name == "expert"


def test_a_policy_brings_its_camera_and_car_and_a_baseline_takes_what_is_asked_for(seeds):
    entries = line_up([seeds[0], "expert"], "drive", "rc", "cpu", 3)
    policy, expert = (course for _, course in entries)
    assert (policy.camera, policy.has_pedal, policy.threads) == (CAMERA, False, 3)
    assert policy.scenario["vehicle"].width == 1.8
    assert (expert.camera, expert.has_pedal, expert.scenario) == (None, True, {"vehicle": "rc"})


def test_nobody_to_drive_is_refused():
    with pytest.raises(DrivesimError, match="--policy: expected a policy's folder"):
        line_up([], "steer", "car", "cpu", 1)


def test_generated_roads_are_of_the_test_split_in_the_order_of_their_seeds():
    worlds = generated_worlds(3, "mixed", 5, "plain")
    expected = [
        generate_track(seed, difficulty, "test")
        for seed, difficulty in zip((5, 6, 7), ("easy", "medium", "hard"), strict=True)
    ]
    assert [world.track.name for world in worlds] == [track.name for track in expected]
    assert {world.appearance for world in worlds} == {worlds[0].appearance}


def test_generated_roads_take_every_argument_of_their_source():
    worlds = generated_worlds(3, "mixed", 5, "random", randomize="all", palette="test", lane="left")
    expected = WorldSource(range(5, 8), "mixed", "test", randomize="all", palette="test", lane="left").all()
    for world, other in zip(worlds, expected, strict=True):
        assert (world.appearance, world.weather, world.track.name) == (
            other.appearance,
            other.weather,
            other.track.name,
        )
        assert world.track.name.endswith("-left")
