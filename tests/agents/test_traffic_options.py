"""Commands among others: what they record, what they measure, and what they refuse."""

from dataclasses import dataclass

import numpy as np
import pytest

from agents import evaluate, record
from agents.evaluation.evaluation import evaluate as measure
from agents.evaluation.evaluation import quick_check
from agents.evaluation.failures import expert_actions
from agents.expert import ExpertDriver
from agents.learning.material import Material
from agents.rollout import Course, drive
from agents.traffic_options import with_traffic
from datasets.lap_files import read_laps
from datasets.schema import MARK_BAD
from drivesim.errors import DrivesimError
from drivesim.scenario import TRAFFIC_ID
from drivesim.traffic import Thing, Traffic
from drivesim.world import World, WorldSource


@dataclass
class Options:
    env: str | None = None
    lane: str = "center"
    traffic: int = 0
    obstacles: int = 0
    environment: str = "steer"


class BlindDriver(ExpertDriver):
    """Steers well, and has a heavy foot."""

    name = "blind"

    def act(self, env, observation, cars):
        actions = super().act(env, observation, cars)
        actions[:, 1] = 0.5
        return actions


def walled(seed: int = 0, at: float = 60.0) -> World:
    world = WorldSource([seed], "easy").all()[0]
    return World(world.track, world.appearance, world.weather, Traffic((Thing("barrier", at, 0.0, width=6.0),)))


def test_the_environments_name_stands_for_its_options():
    assert with_traffic(Options(), environment="drive") == Options()
    assert with_traffic(Options(TRAFFIC_ID), environment="drive") == Options(None, "right", 8, 6, "drive")
    said = with_traffic(Options(TRAFFIC_ID, "left", 3), environment="drive")
    assert said == Options(None, "left", 3, 6, "drive")


@pytest.mark.parametrize("options", [Options(traffic=-1), Options("CarRacing-v3", obstacles=2), Options(traffic=99)])
def test_what_cannot_be_is_refused(options):
    with pytest.raises(DrivesimError, match=r"--traffic|--obstacles"):
        with_traffic(options, environment="drive")


def test_recorded_laps_are_of_the_environment(tmp_path, run):
    code, out, _ = run(record, "--env", TRAFFIC_ID, "--laps", 2, "--seconds", 3, "--out", tmp_path / "laps")
    assert code == 0, out
    laps, _ = read_laps(tmp_path / "laps")
    for lap in laps:
        assert lap.info.environment == TRAFFIC_ID
        assert lap.info.track_name.endswith("-right")
        assert lap.others.shape == (len(lap), len(lap.traffic))
        assert len(lap.traffic) > 8
    assert Material.of_laps(laps).has_traffic


def test_laps_without_others_are_not_of_it(tmp_path, run):
    assert run(record, "--laps", 1, "--seconds", 2, "--out", tmp_path / "laps")[0] == 0
    assert not Material.of_laps(read_laps(tmp_path / "laps")[0]).has_traffic


def test_what_leads_to_a_collision_is_marked_bad(tmp_path, run, monkeypatch):
    monkeypatch.setattr(record, "ExpertDriver", BlindDriver)
    arguments = ("--environment", "drive", "--traffic", 20, "--laps", 2, "--seconds", 15, "--noise", 0)
    code, out, _ = run(record, *arguments, "--difficulty", "easy", "--out", tmp_path / "laps")
    assert code == 0
    assert "left the road or hit something" in out
    lap = read_laps(tmp_path / "laps")[0][0]
    assert lap.info.notes["end_reason"] == "collision"
    assert (lap.columns["mark"][-60:] & MARK_BAD).all()
    assert lap.good[:10].all()


def test_a_collision_is_counted_and_is_an_intervention():
    free_world = WorldSource([1], "easy").all()[0]
    slow = Traffic((Thing("car", 40.0, 0.0, speed=1.0),))
    worlds = [World(free_world.track, free_world.appearance, free_world.weather, slow), free_world]
    evaluation = measure(BlindDriver(), worlds, Course(has_pedal=True, time_limit=12.0))
    hit, free = evaluation.tracks
    assert (hit["collisions"], free["collisions"]) == (1.0, 0.0)
    assert (hit["interventions"], free["interventions"]) == (1.0, 0.0)
    assert hit["lap_completed"] == 0.0
    distance = hit["distance"] + free["distance"]
    assert evaluation.summary["collisions_per_100km"] == pytest.approx(1e5 / distance)
    assert hit["autonomy"] == pytest.approx(max(0, 1 - 6 / hit["elapsed"]))
    assert quick_check(BlindDriver(), worlds[:1], Course(has_pedal=True, time_limit=12.0))["autonomy"] < 0.5


def test_the_expert_stops_before_what_leaves_no_room():
    driven = drive(ExpertDriver(), [walled()], Course(has_pedal=True, time_limit=20.0))[0]
    assert driven.end_reason == "stalled"
    assert driven.columns["speed"][-1] < 0.1
    assert 2 < 60 - driven.progress - 4.5 < 10


def test_what_the_expert_would_have_done_knows_the_traffic():
    world = WorldSource([0], "easy", lane="right", traffic=10, obstacles=4).all()[0]
    course = Course(has_pedal=True, time_limit=8.0)
    driven = drive(ExpertDriver(), [world], course)[0]
    wanted = np.column_stack([driven.columns["steering_label"], driven.columns["pedal_label"]])
    np.testing.assert_allclose(expert_actions(driven, course), wanted, atol=1e-3)


def test_it_is_evaluated_by_its_name(tmp_path, run):
    arguments = ("--env", TRAFFIC_ID, "--tracks", 2, "--difficulty", "easy", "--json", tmp_path / "e.json")
    code, out, error = run(evaluate, "--policy", "expert", *arguments, "--require", "collisions_per_100km<=0")
    assert code == 0, error
    assert "collisions" in out
