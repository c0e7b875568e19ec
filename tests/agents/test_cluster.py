"""Drives on a cluster of two nodes: the same bytes as here, though one of them dies; and clusters that are none."""

import copy
import socket
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from agents import cluster, evaluate, record
from agents.cluster import Job, drive_jobs
from agents.driver import StraightDriver
from agents.evaluation import evaluation
from agents.evaluation.inference import TimedDriver
from agents.expert import ExpertDriver
from agents.rollout import Course, drive
from drivesim.errors import DrivesimError
from drivesim.render import Renderer
from drivesim.vehicle import VehicleParams
from drivesim.world import WorldSource
from tests.agents.policies import CAMERA, files, make_policy


def bytes_of(drives) -> list:
    return [
        (
            *(d.world, d.end_reason, d.progress, d.put_back.tobytes(), d.departed.tobytes()),
            *((name, values.dtype, values.tobytes()) for name, values in sorted(d.columns.items())),
        )
        for d in drives
    ]


@pytest.fixture(scope="module")
def nodes():
    """A head that drives nothing, and two nodes that drive a job at a time; yields the cluster and its two nodes."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield made, [made.add_node(num_cpus=1) for _ in range(2)]
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
def test_two_nodes_drive_what_one_process_drives_and_one_dies(nodes, tmp_path, run):
    made, (_, second) = nodes
    worlds = WorldSource(range(8), "easy", "test").all()
    policy = make_policy()
    for driver, course in (
        (StraightDriver(), Course(put_back_off_road=True, time_limit=10.0, envs=3)),
        (policy, Course.made_for(policy.config, time_limit=2.0, threads=1, envs=3)),
    ):
        ours = evaluation.evaluate(driver, worlds, course)
        theirs = evaluation.evaluate(driver, worlds, replace(course, ray=made.address))
        assert bytes_of(theirs.drives) == bytes_of(ours.drives)
        for expected, told in zip(ours.tracks, theirs.tracks, strict=True):
            np.testing.assert_array_equal(list(told.values()), list(expected.values()))
        assert theirs.summary["inference_per_frame"] > 0
    options = ("--laps", 5, "--difficulty", "easy", "--seconds", 4, "--envs", 2)
    assert run(record, *options, "--out", tmp_path / "ours")[0] == 0
    assert run(record, *options, "--out", tmp_path / "theirs", "--ray", made.address)[0] == 0
    assert files(tmp_path / "theirs") == files(tmp_path / "ours")

    jobs = [Job(ExpertDriver(), worlds[i : i + 2], Course(noise=0.2), np.random.default_rng(i)) for i in range(0, 8, 2)]
    expected = [bytes_of(drive(j.driver, j.worlds, j.course, copy.deepcopy(j.rng))) for j in jobs]
    told = []

    def kill_one(share: float) -> None:
        if not told:
            made.remove_node(second, allow_graceful=False)
        told.append(share)

    assert [bytes_of(drives) for drives in drive_jobs(jobs, made.address, kill_one)] == expected
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_what_is_sent_is_bare_and_drives_as_it_does_here():
    worlds = WorldSource(range(2), "easy").all()
    renderer = Renderer(CAMERA, VehicleParams())
    for world in worlds:
        world.texture(renderer)
    job = Job(TimedDriver(make_policy()), [*worlds, worlds[0]], Course(envs=2, ray="x:1", time_limit=1.0))
    driver, bare, course, _ = cluster._sent(job)
    assert driver is job.driver.driver
    assert [world.track for world in bare] == [world.track for world in job.worlds]
    assert bare[0] is bare[2]
    assert [world._textures for world in bare] == [{}] * 3
    assert all(world._textures for world in worlds)
    assert (course.envs, course.ray, course.threads) == (None, None, 1)
    drives, seconds, answers = cluster._drive(ExpertDriver(), bare, course, None)
    assert [d.world for d in drives] == [None] * 3
    assert len(seconds) == 20
    assert answers == 60


def test_a_policy_is_sent_without_what_it_saw():
    policy = make_policy(past=1)
    drive(policy, WorldSource([0], "easy").all(), Course.made_for(policy.config, time_limit=0.2, threads=1))
    sent = copy.copy(policy)
    assert sent._driving is None
    assert sent._history is None
    assert sent.network is policy.network


@pytest.mark.parametrize("command", [evaluate, record])
def test_an_address_where_nobody_answers_is_told_in_a_sentence(tmp_path, run, command):
    pytest.importorskip("ray")
    options = ("--policy", "straight", "--tracks", 2) if command is evaluate else ("--out", tmp_path / "laps")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        code, _, said = run(command, *options, "--ray", address)
    assert code == 2
    assert f"{address} did not answer within 10 s" in said
    code, _, said = run(command, *options, "--ray", "nowhere")
    assert code == 2
    assert "expected an address such as 10.0.0.1:6379, got 'nowhere'" in said
    code, _, said = run(command, *options, "--ray", "a:1", "b:2")
    assert code == 2
    assert "expected one address" in said


class Remote:
    """Stands for Ray with two nodes, of which the second has another numpy."""

    def __init__(self, there: dict[str, str]) -> None:
        self.there = there
        affinity = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: node)
        self.util = SimpleNamespace(scheduling_strategies=affinity)

    def nodes(self):
        return [
            {"Alive": alive, "NodeID": node, "NodeManagerAddress": f"10.0.0.{node}"}
            for node, alive in ((1, True), (2, True), (3, False))
        ]

    def remote(self, **_):
        def options(scheduling_strategy):
            return SimpleNamespace(remote=lambda: {1: cluster.versions(), 2: self.there}[scheduling_strategy])

        return lambda function: SimpleNamespace(options=options)

    def get(self, told):
        return told


def test_nodes_with_other_versions_are_refused():
    cluster._check_versions(Remote(cluster.versions()))
    other = cluster.versions() | {"numpy": "1.0"}
    with pytest.raises(DrivesimError, match=r"versions on 10\.0\.0\.2 differ: numpy [\d.]+ here and 1\.0 there\. Inst"):
        cluster._check_versions(Remote(other))


def test_without_ray_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DrivesimError, match=r"--ray: it is not installed: pip install -e '\.\[ray\]'"):
        drive_jobs([], "")


def test_one_generators_noise_is_not_drawn_on_several_machines():
    with pytest.raises(DrivesimError, match="give each job its own"):
        drive(ExpertDriver(), WorldSource([0]).all(), Course(noise=0.1, ray=""), np.random.default_rng(0))
