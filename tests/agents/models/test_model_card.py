"""Model cards: what a reader must be told."""

from dataclasses import asdict

import pytest

from agents.models.model_card import model_card
from datasets.frame_fit import FrameFit
from drivesim.camera import CAMERAS
from tests.agents.policies import make_config


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ("topdown", "96 x 96 RGB pixels, seen from above, 38.4 m wide"),
        ("front", "66 x 200 RGB pixels, seen ahead, 90.0 degrees wide"),
    ],
)
def test_a_card_says_what_the_policy_sees_gives_and_how_it_drove(camera, words):
    config = make_config(camera=CAMERAS[camera], training={"laps": 7}, driving={"autonomy": 0.98765})
    card = model_card(asdict(config))
    assert words in card
    for part in (
        "# A drivesim policy: pilotnet",
        "gives steering in [-1, 1] at 20 Hz",
        "- autonomy: 0.9877",
        "- laps: 7",
    ):
        assert part in card
    assert f"- drivesim {config.drivesim_version}" in card
    assert "must not steer a real vehicle" in card


def test_a_card_names_every_action_value():
    card = model_card(asdict(make_config(outputs=("steering", "pedal"))))
    assert "gives steering and pedal in [-1, 1]" in card


def test_a_card_of_recorded_pictures_says_how_they_were_cut_and_what_judged():
    config = make_config(fit=FrameFit((0.35, 0.0, 0.1, 0.0)), driving={"steering_mae": 0.1234})
    card = model_card(asdict(config))
    assert "## How far it was from the driver on what was held out" in card
    assert "- steering_mae: 0.1234" in card
    assert "35% were cut away at the top, 0% at the right, 10% at the bottom and 0% at the left" in card
    assert "validation tracks" not in card and "no real photographs" not in card
    assert "must not steer a real vehicle" in card
