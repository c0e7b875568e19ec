"""What is usual is found out once for a policy, is kept beside it, and belongs to its very weights."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from agents.deployment import reference as module
from agents.deployment.frame_statistics import STATISTICS
from agents.deployment.onnx_files import write_onnx
from agents.deployment.reference import Reference, make_reference, reference_of, reference_path
from drivesim.errors import DrivesimError
from tests.agents.policies import make_policy
from tests.agents.watched import Guided


@pytest.fixture(scope="module")
def found():
    shares = []
    return make_reference(Guided(), "abc", shares.append, roads=4), shares


def test_a_reference_describes_each_statistic_and_each_action(found):
    reference, shares = found
    assert list(reference.distributions) == [*STATISTICS, "steering"]
    assert (reference.policy, reference.roads, shares) == ("abc", 4, [1.0])
    assert 0.1 < reference.distributions["brightness"].mean < 0.9
    assert 0 < reference.normality.limit < 20
    steering = reference.distributions["steering"]
    assert -1.2 < steering.edges[0] < 0 < steering.edges[-1] < 1.2


def test_the_same_policy_has_the_same_reference(found):
    assert make_reference(Guided(), "abc", roads=4) == found[0]


def test_a_policy_that_works_the_pedal_has_it_in_its_reference():
    reference = make_reference(Guided(outputs=("steering", "pedal")), "abc", roads=2)
    assert list(reference.distributions) == [*STATISTICS, "steering", "pedal"]


def test_a_reference_comes_back_as_it_was(found, tmp_path):
    found[0].save(tmp_path / "reference.json")
    assert Reference.load(tmp_path / "reference.json") == found[0]
    assert [path.name for path in tmp_path.iterdir()] == ["reference.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_version": 1}', '{"format_version": 1, "normality": {}}'])
def test_what_is_no_reference_is_refused_with_the_way_out(tmp_path, text):
    (tmp_path / "reference.json").write_text(text)
    with pytest.raises(DrivesimError, match=r"is no reference of a policy .* remove it, it is made anew"):
        Reference.load(tmp_path / "reference.json")


def test_a_reference_of_a_newer_format_is_refused(found, tmp_path):
    found[0].save(tmp_path / "reference.json")
    values = json.loads((tmp_path / "reference.json").read_text())
    (tmp_path / "reference.json").write_text(json.dumps(values | {"format_version": 9}))
    with pytest.raises(DrivesimError, match="of format 9; this drivesim reads up to 1"):
        Reference.load(tmp_path / "reference.json")


def test_it_is_made_once_kept_beside_the_policy_and_made_anew_for_other_weights(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    make_policy(seed=0).save(folder)
    first = reference_of(folder, Guided(), roads=2)
    assert Reference.load(folder / "reference.json") == first
    made = []
    monkeypatch.setattr(module, "make_reference", lambda *given: made.append(given) or first)
    assert reference_of(folder, Guided()) == first
    assert not made
    make_policy(seed=1).save(folder)
    reference_of(folder, Guided())
    assert len(made) == 1


def test_an_exported_file_has_its_own_beside_it(tmp_path):
    policy = make_policy()
    write_onnx(tmp_path / "a.onnx", policy, {"config": asdict(policy.config), "exported": {"version": 1}})
    assert reference_path(tmp_path / "a.onnx") == tmp_path / "a.reference.json"
    reference_of(tmp_path / "a.onnx", Guided(), roads=2)
    assert (tmp_path / "a.reference.json").is_file()


def test_the_policy_drives_roads_that_chose_no_network(monkeypatch):
    worlds = []

    def look(driver, batch, course):
        worlds.extend(batch)
        driver._rows.append((np.arange(len(batch)), np.ones((len(batch), 5))))

    monkeypatch.setattr(module, "drive", look)
    make_reference(Guided(), "abc", roads=3)
    seeds = {world.track.name for world in module.WorldSource(range(100), "mixed", "validation").all()}
    assert len(worlds) == 3
    assert not seeds & {world.track.name for world in worlds}
