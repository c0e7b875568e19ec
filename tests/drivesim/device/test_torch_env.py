"""Cars on torch's CPU device against the same cars in NumPy: equal within rounding, over many episodes."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

import drivesim  # noqa: F401  (registers the environments)
from drivesim.camera import CAMERAS
from drivesim.device.torch_env import DriveTorchEnv, SteerTorchEnv
from drivesim.errors import DrivesimError
from drivesim.vector_env import DriveVectorEnv
from drivesim.world import WorldSource
from tests.drivesim.test_vector_env import CARS, IDS, MODES, SHORT, make, random_actions

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
# Halfway between two samples of a road rounding takes the one or the other, whose curvatures differ a little.
CLOSE = {"rtol": 1e-6, "atol": 1e-6}


def pair(name: str, device: str = "cpu", compiled: bool = False, **arguments):
    """Return an environment of NumPy's and the same one of torch's."""
    ours = make(name, **arguments)
    return ours, make(name, device=device, **arguments, **({"compiled": True} if compiled else {}))


def as_arrays(values):
    """Return observations or infos with arrays for tensors."""
    if isinstance(values, dict):
        return {key: as_arrays(value) for key, value in values.items()}
    if isinstance(values, tuple):
        return tuple(as_arrays(value) for value in values)
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else values


def check_seen(expected, seen) -> None:
    """Compare observations: frames as the frame contract allows, all else to rounding."""
    if isinstance(expected, dict | tuple):
        keys = expected if isinstance(expected, dict) else range(len(expected))
        assert len(expected) == len(seen)
        for key in keys:
            check_seen(expected[key], seen[key])
        return
    assert (expected.shape, expected.dtype) == (seen.shape, seen.dtype)
    if expected.dtype == np.uint8:
        difference = np.abs(expected.astype(int) - seen)
        assert difference.mean() <= 0.5
        assert np.mean(difference.max(axis=-1) <= 3) >= 0.999
    else:
        np.testing.assert_allclose(seen, expected, rtol=1e-5, atol=1e-5)


def check_info(expected: dict, told: dict) -> None:
    for key in ("progress", "lap", "lap_time", "time", "s", "lateral_error", "clearance", "speed", "steering", "pedal"):
        np.testing.assert_allclose(told[key], expected[key], **CLOSE, err_msg=key)
        np.testing.assert_array_equal(told[f"_{key}"], expected[f"_{key}"])
    np.testing.assert_array_equal(told["action_clipped"], expected["action_clipped"])


def drive_both(ours, theirs, actions: np.ndarray) -> int:
    """Drive both from the same seed; returns how many episodes ended."""
    seen, told = ours.reset(seed=3)
    their_seen, their_told = map(as_arrays, theirs.reset(seed=3))
    check_seen(seen, their_seen)
    check_info(told, their_told)
    ended = 0
    for action in actions:
        seen, rewards, terminated, truncated, told = ours.step(action)
        values = theirs.step(torch.from_numpy(action))
        assert all(isinstance(each, torch.Tensor) for each in values[1:4])
        their_seen, their_rewards, their_terminated, their_truncated, their_told = map(as_arrays, values)
        check_seen(seen, their_seen)
        np.testing.assert_allclose(their_rewards, rewards, **CLOSE)
        np.testing.assert_array_equal(their_terminated, terminated)
        np.testing.assert_array_equal(their_truncated, truncated)
        check_info(told, their_told)
        if ours.autoreset_mode == AutoresetMode.SAME_STEP and (terminated | truncated).any():
            chosen = terminated | truncated
            np.testing.assert_array_equal(their_told["_final_obs"], chosen)
            for car in np.flatnonzero(chosen):
                check_seen(told["final_obs"][car], their_told["final_obs"][car])
            masks = {key: value for key, value in told["final_info"].items() if key.startswith("_")}
            check_info(told["final_info"], their_told["final_info"] | masks)
        if ours.autoreset_mode == AutoresetMode.DISABLED and (terminated | truncated).any():
            options = {"reset_mask": terminated | truncated}
            check_seen(ours.reset(options=dict(options))[0], as_arrays(theirs.reset(options=dict(options))[0]))
        ended += int((terminated | truncated).sum())
    return ended


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", IDS)
def test_cars_do_over_many_episodes_what_numpys_do(name, mode):
    ours, theirs = pair(name, autoreset_mode=mode, **SHORT)
    assert drive_both(ours, theirs, random_actions(ours, 300)) > 20


@pytest.mark.parametrize("name", IDS)
def test_cars_see_over_many_episodes_what_numpys_see(name):
    seen = {"camera": ["topdown", CAMERAS["front"]], "weather": "random", "randomize": "none", "threads": 1}
    ours, theirs = pair(name, **{**SHORT, **seen, "time_limit": 1.0, "track": [0, 1]})
    assert drive_both(ours, theirs, random_actions(ours, 45)) > 5


def test_worlds_that_are_always_new_are_brought_to_the_device():
    ours, theirs = pair(IDS[0], **{**SHORT, "track": None, "camera": "topdown", "time_limit": 0.3, "threads": 1})
    assert drive_both(ours, theirs, random_actions(ours, 24)) >= 3 * CARS


def test_a_drawing_of_the_standing_cars_stays_as_it_was():
    ours, theirs = pair(IDS[1], **{**SHORT, "camera": "topdown", "autoreset_mode": "Disabled", "threads": 1})
    for env in (ours, theirs):
        env.reset(seed=1)
    for action in random_actions(ours, 45):
        seen = ours.step(action)[0]
        their_seen, _, terminated, truncated, _ = theirs.step(action)
    check_seen(seen, as_arrays(their_seen))
    assert bool((terminated | truncated).any())


def test_cars_are_placed_and_started_where_they_are_told():
    ours, theirs = pair(IDS[0], camera="topdown")
    options = {"worlds": WorldSource(range(CARS), "easy").all(), "s": 40.0, "lateral": 1.5, "speed": 4.0}
    check_seen(ours.reset(seed=0, options=dict(options))[0], as_arrays(theirs.reset(seed=0, options=dict(options))[0]))
    cars, s, speed = np.array([1, 3]), np.array([5.0, 9.0]), np.array([2.0, 0.0])
    check_seen(ours.place(cars, s, speed), as_arrays(theirs.place(*map(torch.from_numpy, (cars, s, speed)))))
    state = theirs.state
    check_seen(as_arrays(theirs.move(state._replace(s=state.s + 1.0))), ours.place(cars, s, speed))
    for ours_is, theirs_is in zip(ours.worlds, theirs.worlds, strict=True):
        assert ours_is.track is theirs_is.track


def test_an_old_state_is_never_written_to():
    env = SteerTorchEnv(4, device="cpu", track=[0], camera=None, time_limit=0.2)
    env.reset(seed=0)
    state, kept = env.state, [each.clone() for each in env.state.vehicle]
    for _ in range(12):
        env.step(torch.ones(4, 1))
    assert all(torch.equal(*each) for each in zip(state.vehicle, kept, strict=True))


def test_tensors_go_in_and_out_without_a_copy():
    env = gymnasium.make_vec("drivesim/Drive-v0", 2, "vector_entry_point", device="cpu", track=[0]).unwrapped
    assert isinstance(env, DriveTorchEnv)
    seen, _ = env.reset(seed=0)
    assert seen["camera"].shape == (2, 96, 96, 3)
    assert np.from_dlpack(seen["camera"]).ctypes.data == seen["camera"].data_ptr()
    _, rewards, terminated, _, info = env.step(np.zeros((2, 2), np.float32))
    assert (rewards.dtype, terminated.dtype, info["end_reason"].tolist()) == (torch.float64, torch.bool, [0, 0])
    assert env.observation_space.contains({key: value.numpy() for key, value in seen.items()})


def test_without_a_device_numpy_drives():
    assert isinstance(make(IDS[1]).unwrapped, DriveVectorEnv)


def test_a_picture_is_drawn_without_a_display():
    env = SteerTorchEnv(2, device="cpu", track=[0], camera=None, render_mode="rgb_array")
    env.reset(seed=0)
    first, second = env.render()
    assert first.shape == second.shape == (480, 480, 3)
    with pytest.raises(DrivesimError, match="make it with render_mode='rgb_array'"):
        SteerTorchEnv(1, device="cpu").render()


@pytest.mark.parametrize(
    ("action", "words"),
    [(torch.tensor([[0.0], [torch.nan]]), "finite numbers"), (torch.zeros(2, 2), r"expected shape \(2, 1\)")],
)
def test_bad_actions_move_nothing(action, words):
    env = SteerTorchEnv(2, device="cpu", track=[0], camera=None)
    with pytest.raises(DrivesimError, match="call reset"):
        env.step(torch.zeros(2, 1))
    env.reset(seed=0)
    before = env.state
    with pytest.raises(DrivesimError, match=words):
        env.step(action)
    assert env.state is before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_envs": 0}, "num_envs: expected 1 or more"),
        ({"autoreset_mode": "never"}, "autoreset_mode: unknown name"),
        ({"wheels": 3}, "environment argument: unknown name 'wheels'"),
        ({"device": "cuda"}, "cuda was asked for, and torch finds no GPU"),
    ],
)
def test_wrong_arguments_are_refused(monkeypatch, arguments, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DrivesimError, match=words):
        DriveTorchEnv(**{"device": "cpu"} | arguments)


def test_masks_that_are_none_are_refused():
    env = SteerTorchEnv(2, device="cpu", track=[0], camera=None)
    with pytest.raises(DrivesimError, match="the first reset starts all cars"):
        env.reset(options={"reset_mask": np.array([True, False])})
    env.reset()
    with pytest.raises(DrivesimError, match="with a True among them"):
        env.reset(options={"reset_mask": torch.tensor([False, False])})
    with pytest.raises(DrivesimError, match="worlds: expected 2"):
        env.reset(options={"worlds": env.worlds[:1]})


def test_a_full_device_says_how_many_cars_fit(monkeypatch):
    env = SteerTorchEnv(600, device="cpu", track=[0], camera="topdown")

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr("drivesim.device.memory.total_memory", lambda device: 50 * 2**20)
    monkeypatch.setattr(env._renderers[0], "draw_on", full)
    with pytest.raises(DrivesimError, match=r"600 cars don't fit into the 0\.0 GiB of cpu; about \d+ do") as caught:
        env.reset(seed=0)
    fit = int(str(caught.value).split("about ")[1].split()[0])
    assert 100 < fit < 0.9 * 50 * 2**20 / (2 * 96 * 96 * 3)


@pytest.mark.slow
def test_a_compiled_environment_does_the_same():
    ours, theirs = pair(IDS[0], compiled=True, **{**SHORT, "camera": "topdown", "time_limit": 1.0, "threads": 1})
    assert drive_both(ours, theirs, random_actions(ours, 60)) > 5


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_does_the_same(compiled):
    ours, theirs = pair(IDS[1], "cuda", compiled, **{**SHORT, "camera": "topdown", "threads": 1})
    assert drive_both(ours, theirs, random_actions(ours, 200)) > 5
