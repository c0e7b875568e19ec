"""The schedule: rates along one cycle, and a backbone that learns when it should."""

import pytest
import torch

from agents.learning.schedule import Plan, one_cycle, set_training
from agents.models.backbones import Backbone
from agents.models.networks import BackboneNetwork, PilotNet


def plan(**changes):
    fields = dict(epochs=3, samples=80, batch_size=8, learning_rate=1e-2, weight_decay=0.0)
    return Plan(**(fields | changes))


def small_network():
    features = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    return BackboneNetwork(Backbone(features, (0.5,) * 3, (0.5,) * 3), [(16, 16)])


def learn(network, a_plan, epoch):
    optimizer = a_plan.optimizer(network)
    a_plan.set_rates(optimizer, epoch * a_plan.steps + 5)
    set_training(network, a_plan.backbone_learns(epoch))
    frames = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    network(frames).square().mean().backward()
    optimizer.step()


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before, module):
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("steps", [8, 24, 800])
def test_one_cycle_is_the_one_of_torch(steps):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.15)
    for step in range(steps):
        rate, momentum = one_cycle(step, steps)
        assert 2e-3 * rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        assert momentum == pytest.approx(optimizer.param_groups[0]["betas"][0], rel=1e-9)
        optimizer.step()
        if step < steps - 1:
            schedule.step()


def test_a_training_of_a_single_step_has_a_rate():
    assert 0 < one_cycle(0, 1)[0] <= 1


def test_a_backbone_learns_more_slowly_than_its_head():
    a_plan = plan(backbone_rate=0.1)
    optimizer = a_plan.optimizer(small_network())
    a_plan.set_rates(optimizer, 3)
    backbone, head = optimizer.param_groups
    assert backbone["lr"] == pytest.approx(0.1 * head["lr"])
    a_plan.set_rates(optimizer, 29)
    assert optimizer.param_groups[1]["lr"] < 0.01 * head["lr"] or head["lr"] < 1e-6


def test_pilotnet_learns_at_one_rate():
    assert len(plan().optimizer(PilotNet([(64, 64)])).param_groups) == 1


def test_the_head_learns_alone_while_it_warms_up_and_the_backbones_statistics_stay():
    torch.manual_seed(0)
    network, a_plan = small_network(), plan(warm_up=1)
    before = state(network)
    learn(network, a_plan, epoch=0)
    assert changed(before, network) == {"head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias"}
    learn(network, a_plan, epoch=1)
    assert changed(before, network) >= {"features.0.weight", "features.1.weight", "features.1.running_mean"}


def test_a_frozen_backbone_never_changes():
    torch.manual_seed(0)
    network, a_plan = small_network(), plan(freeze=True)
    before = state(network.features)
    for epoch in range(3):
        learn(network, a_plan, epoch)
    assert not changed(before, network.features)
