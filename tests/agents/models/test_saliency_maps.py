"""What a network looks at is where its map is bright; and looking changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from agents.models import saliency_maps as module
from agents.models.backbones import Backbone
from agents.models.networks import BackboneNetwork
from agents.models.saliency_maps import overlay, randomisation_check, saliency_maps
from agents.policy import Policy
from drivesim.errors import DrivesimError
from tests.agents.policies import CAMERA, WIDE, make_config, make_frames, make_policy, make_views


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def frames_with_posts(count, seed):
    """Grey noise with a yellow post, and a blue one that means nothing: frames, and each post's place (column, row)."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(90, 130, (count, CAMERA.height, CAMERA.width, 3)).astype(np.uint8)
    places = rng.integers(8, CAMERA.width - 14, (count, 2, 2))
    for frame, (meant, other) in zip(frames, places, strict=True):
        frame[other[1] : other[1] + 6, other[0] : other[0] + 6] = (20, 40, 240)
        frame[meant[1] : meant[1] + 6, meant[0] : meant[0] + 6] = (250, 230, 20)
    return frames, places


@pytest.fixture(scope="module")
def post_policy():
    """A policy that steers towards the yellow post, trained for some seconds."""
    policy = make_policy(seed=3)
    network = policy.network.train()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    for step in range(80):
        frames, places = frames_with_posts(64, step)
        wanted = torch.tensor((places[:, 0, 0] + 3) / CAMERA.width * 2 - 1).float()
        loss = (network(torch.from_numpy(frames).permute(0, 3, 1, 2))[:, 0] - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    return policy


def brightness_at(maps, places):
    """Mean of each map around a post, as a multiple of its mean."""
    pairs = zip(maps, places, strict=True)
    return np.array([m[row - 2 : row + 8, col - 2 : col + 8].mean() / m.mean() for m, (col, row) in pairs])


def test_the_map_is_bright_at_what_steers_and_not_at_what_does_not(post_policy):
    frames, places = frames_with_posts(16, seed=1000)
    maps = saliency_maps(post_policy, frames)
    assert maps.shape == frames.shape[:3]
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps.min(axis=(1, 2)), 0.0)
    np.testing.assert_array_equal(maps.max(axis=(1, 2)), 1.0)
    far_apart = np.abs(places[:, 0] - places[:, 1]).max(axis=1) > 14
    meant, other = brightness_at(maps, places[:, 0])[far_apart], brightness_at(maps, places[:, 1])[far_apart]
    assert far_apart.sum() >= 5
    assert np.median(meant) > 2.5
    assert np.median(meant / other) > 1.5


def test_random_weights_look_elsewhere(post_policy):
    frames, _ = frames_with_posts(8, seed=1000)
    check = randomisation_check(post_policy, frames)
    assert check["overlap"] < 0.5
    assert check["ssim"] < 0.8
    assert check["rank_correlation"] < 0.9
    assert check == randomisation_check(post_policy, frames)


def test_maps_that_are_the_same_are_told_by_the_check(post_policy, monkeypatch):
    monkeypatch.setattr(nn.Conv2d, "reset_parameters", lambda self: None)
    monkeypatch.setattr(nn.BatchNorm2d, "reset_parameters", lambda self: None)
    monkeypatch.setattr(nn.Linear, "reset_parameters", lambda self: None)
    check = randomisation_check(post_policy, frames_with_posts(2, seed=1)[0])
    assert check == pytest.approx({"overlap": 1.0, "ssim": 1.0, "rank_correlation": 1.0})


@pytest.mark.parametrize("training", [False, True])
def test_looking_changes_neither_the_policy_nor_the_random_numbers(training):
    policy = make_policy()
    frames = make_frames(3)
    before = policy.predict(frames)
    policy.network.train(training)
    weights = {name: value.clone() for name, value in policy.network.state_dict().items()}
    state = torch.get_rng_state()
    saliency_maps(policy, frames)
    randomisation_check(policy, frames)
    assert torch.equal(state, torch.get_rng_state())
    assert policy.network.training is training
    assert all(torch.equal(value, weights[name]) for name, value in policy.network.state_dict().items())
    assert all(value.grad is None for value in policy.network.parameters())
    assert not any(module._forward_hooks for module in policy.network.modules())
    np.testing.assert_array_equal(policy.predict(frames), before)


def test_a_frame_has_the_same_map_alone_as_among_many(monkeypatch):
    policy, frames = make_policy(), make_frames(5)
    together = saliency_maps(policy, frames)
    monkeypatch.setattr(module, "_CHUNK", 2)
    np.testing.assert_allclose(saliency_maps(policy, frames), together, atol=1e-4)
    np.testing.assert_allclose(saliency_maps(policy, frames[3:4])[0], together[3], atol=1e-4)
    assert saliency_maps(policy, frames[:0]).shape == (0, CAMERA.height, CAMERA.width)


def test_maps_are_made_where_gradients_are_off(post_policy):
    frames, _ = frames_with_posts(2, seed=5)
    expected = saliency_maps(post_policy, frames)
    with torch.inference_mode():
        np.testing.assert_array_equal(saliency_maps(post_policy, frames), expected)


class RedFinder(nn.Module):
    """A network with a skip, so no plain chain: its action is how much more red than green there is."""

    def __init__(self):
        super().__init__()
        self.red = nn.Conv2d(3, 2, 3, padding=1, stride=2, bias=False)
        self.head = nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            self.red.weight.zero_()
            self.red.weight[0, 0] = self.red.weight[1, 1] = 1 / 9
            self.head.weight[:] = torch.tensor([[1.0, 0.0]])

    def forward(self, frames):
        seen = torch.relu(self.red(frames.float() / 255))
        return self.head((seen + 0.1 * seen).mean(dim=(2, 3)))


def test_a_network_that_is_no_plain_chain_is_shown_by_grad_cam():
    frames = np.zeros((2, CAMERA.height, CAMERA.width, 3), np.uint8)
    frames[:, 10:20, 40:50, 0] = 255
    frames[:, 40:60, 4:30, 1] = 255
    maps = saliency_maps(Policy(make_config(), RedFinder(), "cpu"), frames)
    assert maps[:, 12:18, 42:48].min() > 0.8
    assert maps[:, 36:].max() < 0.01


class SharedRedFinder(BackboneNetwork):
    """Two cameras, now and before, each frame seen by itself through one filter that finds red."""

    def __init__(self):
        tower = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1, stride=2, bias=False), nn.SiLU(), nn.AdaptiveAvgPool2d(1))
        tower.append(nn.Flatten())
        nn.init.constant_(tower[0].weight, 0.0)
        tower[0].weight.data[0, 0] = 1 / 9
        super().__init__(Backbone(tower, (0.0,) * 3, (1.0,) * 3), [(64, 64), (62, 80)], frames=2, hidden=0)


def test_each_cameras_newest_frame_is_shown_where_frames_are_seen_apart():
    policy = Policy(make_config(cameras=(CAMERA, WIDE), past=1), SharedRedFinder(), "cpu")
    views = [np.zeros((3, *shape), np.uint8) for shape in policy.config.frame_shapes]
    views[0][:, 0, 10:20, 40:50, 0] = views[1][:, 0, 30:40, 10:20, 0] = 255
    views[0][:, 1, 40:50, 10:20, 0] = views[1][:, 1, 50:60, 50:60, 0] = 255
    for camera, (inside, outside) in enumerate(
        [((12, 18, 42, 48), (36, 60, 4, 30)), ((32, 38, 12, 18), (48, 61, 40, 70))]
    ):
        maps = saliency_maps(policy, views, camera=camera)
        assert maps.shape == (3, *policy.config.frame_shapes[camera][1:3])
        top, bottom, left, right = inside
        assert maps[:, top:bottom, left:right].min() > 0.8
        top, bottom, left, right = outside
        assert maps[:, top:bottom, left:right].max() < 0.01


def test_a_plain_network_with_past_frames_and_two_cameras_is_shown_for_each():
    policy = make_policy(cameras=(CAMERA, WIDE), past=2)
    views = make_views(3, policy.config)
    for camera in (0, 1):
        maps = saliency_maps(policy, views, camera=camera)
        assert maps.shape == (3, *policy.config.frame_shapes[camera][1:3])
        assert maps.max() == 1.0
    assert randomisation_check(policy, views, camera=1)["overlap"] < 1.0


def test_a_flat_map_is_dark_not_undefined():
    policy = make_policy()
    with torch.no_grad():
        policy.network.head[-1].weight.zero_()
    np.testing.assert_array_equal(saliency_maps(policy, make_frames(2)), 0.0)


def test_frames_of_another_camera_are_refused():
    with pytest.raises(DrivesimError, match=r"uint8 frames of \(64, 64, 3\), got uint8 of \(48, 64, 3\)"):
        saliency_maps(make_policy(), np.zeros((1, 48, 64, 3), np.uint8))
    with pytest.raises(DrivesimError, match="got float32"):
        saliency_maps(make_policy(), np.zeros((1, 64, 64, 3), np.float32))


def test_a_policy_that_takes_the_speed_is_shown_at_that_speed():
    policy, frames = make_policy(inputs=("camera", "speed")), make_frames(3)
    maps = saliency_maps(policy, frames, np.array([0.0, 5.0, 10.0]))
    assert maps.max() == 1.0
    assert not np.allclose(maps, saliency_maps(policy, frames, np.array([10.0, 5.0, 0.0])))
    check = randomisation_check(policy, frames, np.array([0.0, 5.0, 10.0]))
    assert check["overlap"] < 1.0
    with pytest.raises(DrivesimError, match="speeds: this policy takes camera and speed; it was given no speeds"):
        saliency_maps(policy, frames)


def test_an_overlay_dims_the_frame_and_glows_where_the_map_is_high():
    frame = np.full((4, 4, 3), (60, 160, 90), np.uint8)
    heat = np.zeros((4, 4))
    heat[0] = [0.25, 0.5, 0.75, 1.0]
    laid = overlay(frame, heat)
    assert laid.dtype == np.uint8
    assert (laid[1:] < frame[1:].max()).all()
    assert len(np.unique(laid[1:].reshape(-1, 3), axis=0)) == 1
    assert (np.diff(laid[0].astype(int).sum(axis=-1)) > 0).all()
    red, green, blue = laid[0, 2].astype(int)
    assert red > green > blue
    assert (frame == (60, 160, 90)).all()
    with pytest.raises(DrivesimError, match=r"\(4, 4\), got \(2, 2\)"):
        overlay(frame, heat[:2, :2])
