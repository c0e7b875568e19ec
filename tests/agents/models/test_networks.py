"""Networks: their shapes, what they do to frames themselves, and their form for driving."""

import numpy as np
import pytest
import torch
from torch import nn

from agents.models.networks import PilotNet, build_network, fold_batch_norm
from drivesim.errors import DrivesimError


def frames_of(count, height=66, width=200, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)


def trained_statistics(network, frames):
    with torch.no_grad():
        for _ in range(5):
            network.train()(frames)
    return network.eval()


def test_pilotnet_has_the_layers_of_its_paper():
    network = PilotNet([(66, 200)])
    convolutions = [layer for layer in network.features if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [24, 36, 48, 64, 64]
    assert [layer.kernel_size[0] for layer in convolutions] == [5, 5, 5, 3, 3]
    assert [layer.stride[0] for layer in convolutions] == [2, 2, 2, 1, 1]
    dense = [layer for layer in network.head if isinstance(layer, nn.Linear)]
    # The paper flattens 64 maps of 1 x 18 and counts 250,000 parameters; it has 1,164 values there.
    assert [layer.in_features for layer in dense] == [64 * 1 * 18, 100, 50, 10]
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(250_000, rel=0.02)


@pytest.mark.parametrize(("height", "width"), [(96, 96), (66, 200), (61, 61), (120, 160)])
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_network_gives_its_outputs_for_frames_of_its_size(height, width, outputs):
    network = build_network("pilotnet", [(height, width)], outputs)
    actions = network.eval()(frames_of(3, height, width))
    assert actions.shape == (3, outputs)
    assert actions.dtype == torch.float32


def test_a_network_normalises_frames_itself():
    network = trained_statistics(PilotNet([(66, 200)], normalization="fixed"), frames_of(8))
    seen = []
    network.features[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    frames = frames_of(2)
    frames[0, :, 0, 0], frames[0, :, 0, 1] = 0, 255
    actions = network(frames)
    assert seen[0].dtype == torch.float32
    assert (seen[0][0, 0, 0, 0].item(), seen[0][0, 0, 0, 1].item()) == (-1.0, 1.0)
    torch.testing.assert_close(network(frames.float()), actions)


def test_different_frames_get_different_actions_and_every_weight_learns():
    network = PilotNet([(66, 200)]).train()
    actions = network(frames_of(4))
    assert actions.std() > 0
    actions.square().sum().backward()
    still = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    # ReLUs that no frame passes leave a row without a gradient, never a whole layer.
    assert still == []


def test_building_a_network_leaves_it_ready_to_train_and_its_statistics_fresh():
    network = build_network("pilotnet", [(96, 96)])
    assert all(module.training for module in network.modules())
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 5
    assert all(not norm.running_mean.any() and norm.num_batches_tracked == 0 for norm in norms)


def test_the_same_torch_seed_builds_the_same_weights():
    def weights(seed):
        torch.manual_seed(seed)
        return [weight.detach().clone() for weight in build_network("pilotnet", [(61, 61)]).parameters()]

    with torch.random.fork_rng():
        assert all(torch.equal(one, other) for one, other in zip(weights(1), weights(1), strict=True))
        assert not torch.equal(weights(1)[0], weights(2)[0])


def test_frames_too_small_for_a_network_are_refused_with_both_sizes():
    with pytest.raises(DrivesimError, match="pilotnet needs frames of 61 x 61 pixels or more, got 60 x 200"):
        build_network("pilotnet", [(60, 200)])


def test_an_unknown_backbone_is_answered_with_the_known_ones():
    with pytest.raises(DrivesimError) as caught:
        build_network("resnet81", [(96, 96)])
    message = str(caught.value)
    assert "backbone: unknown name 'resnet81'. Known: pilotnet, cifar-cnn, resnet18" in message
    assert "close to it: " in message


def test_folding_batch_norm_changes_no_action_and_nothing_of_the_original():
    network = trained_statistics(PilotNet([(66, 200)], 2), frames_of(32))
    with torch.no_grad():
        for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.weight.uniform_(0.5, 2.0)
            norm.bias.uniform_(-0.5, 0.5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not folded.training
    assert network.training
    frames = frames_of(5, seed=1)
    with torch.no_grad():
        driving = folded(frames)
        torch.testing.assert_close(driving, network.eval()(frames), rtol=1e-4, atol=1e-5)
    assert driving.std(dim=0).min() > 1e-4
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


# Several frames and cameras


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def test_pilotnet_sees_past_frames_as_further_colours():
    network = build_network("pilotnet", [(64, 64)], frames=3).eval()
    assert network.features[0].weight.shape == (24, 9, 5, 5)
    frames = noise(2, 3, 3, 64, 64)
    with torch.no_grad():
        actions = network(frames)
        assert not torch.allclose(actions, network(frames.flip(1)))
        torch.testing.assert_close(actions, network(frames.flatten(1, 2)))


def test_a_backbone_sees_each_frame_by_itself_and_keeps_its_weights():
    once = build_network("cifar-cnn", [(48, 48)]).eval()
    thrice = build_network("cifar-cnn", [(48, 48)], frames=3).eval()
    thrice.features.load_state_dict(once.features.state_dict())
    frames = noise(2, 3, 3, 48, 48)
    with torch.no_grad():
        apart = [once.see(once.features, frames[:, at]) for at in range(3)]
        torch.testing.assert_close(thrice.see(thrice.features, frames), torch.cat(apart, dim=1))


@pytest.mark.parametrize("name", ["pilotnet", "cifar-cnn"])
def test_every_camera_has_a_tower_and_all_of_them_steer(name):
    network = build_network(name, [(64, 64), (66, 200)], outputs=2, takes_speed=True, frames=2).eval()
    assert len(network.towers) == 2
    inputs = [noise(3, 2, 3, 64, 64), noise(3, 2, 3, 66, 200), torch.tensor([0.0, 10.0, 20.0])]
    with torch.no_grad():
        actions = network(*inputs)
        assert actions.shape == (3, 2)
        for at in range(3):
            other = [each.flip(0) if number == at else each for number, each in enumerate(inputs)]
            assert not torch.allclose(network(*other)[[0, 2]], actions[[0, 2]])


def test_a_camera_that_is_too_small_is_named_among_several():
    with pytest.raises(DrivesimError, match="61 x 61 pixels or more, got 32 x 96"):
        build_network("pilotnet", [(64, 64), (32, 96)])


def test_light_and_contrast_change_little_where_frames_are_normalised_by_themselves():
    network = trained_statistics(PilotNet([(66, 200)], frames=2), noise(8, 2, 3, 66, 200))
    by_constants = trained_statistics(PilotNet([(66, 200)], frames=2, normalization="fixed"), noise(8, 2, 3, 66, 200))
    seen = noise(4, 2, 3, 66, 200, seed=1)
    tint = torch.tensor([20.0, -5.0, 10.0]).view(3, 1, 1)
    # Of half the contrast, lighter and tinted.
    changed = (0.5 * seen.float() + 40 + tint).round().to(torch.uint8)
    with torch.no_grad():
        differences = [
            float((each(changed) - each(seen)).abs().mean() / each(seen).std()) for each in (network, by_constants)
        ]
    # What is left of them is the rounding to bytes.
    assert differences[0] < 0.1
    assert differences[1] > 0.5


def test_a_frame_of_one_color_is_no_division_by_zero():
    network = PilotNet([(66, 200)]).eval()
    assert network(torch.full((1, 3, 66, 200), 7, dtype=torch.uint8)).isfinite().all()
