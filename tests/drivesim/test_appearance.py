"""Looks of a world: drawn at random so that the road can be seen, kept as plain values."""

import json
from dataclasses import replace

import numpy as np
import pytest

from drivesim.appearance import LINE_STYLES, PRESETS, Appearance
from drivesim.errors import DrivesimError


def drawn(count: int, seed: int = 0) -> list[Appearance]:
    rng = np.random.default_rng(seed)
    return [Appearance.random(rng) for _ in range(count)]


def test_in_every_random_look_the_road_can_be_told_from_the_ground():
    for look in drawn(500):
        assert np.abs(np.subtract(look.ground, look.road)).mean() >= 35
        # Even where both are mottled their means stay further apart than the mottling's usual reach.
        assert look.road_grain < 35 and look.ground_grain < 35


def test_random_looks_differ_in_everything():
    looks = drawn(300)
    for name, least in {"ground": 250, "road": 250, "sky": 250, "ground_grain": 250, "center_line_width": 250}.items():
        assert len({getattr(look, name) for look in looks}) >= least
    assert {look.center_line_style for look in looks} == set(LINE_STYLES)
    assert {look.edge_line_width > 0 for look in looks} == {True, False}
    assert {look.grain_seed for look in looks} == set(range(8))
    ground = np.array([look.ground for look in looks])
    assert np.all(ground.min(axis=0) < 60)
    assert np.all(ground.max(axis=0) > 220)


def test_the_same_generator_draws_the_same_looks():
    assert drawn(20) == drawn(20)
    assert drawn(20) != drawn(20, seed=1)


@pytest.mark.parametrize("look", [*PRESETS.values(), *drawn(20)])
def test_a_look_comes_back_from_json(look):
    back = Appearance.from_dict(json.loads(json.dumps(look.to_dict())))
    assert back == look
    assert hash(back) == hash(look)


def test_what_a_dict_leaves_out_stays_as_usual():
    assert Appearance.from_dict({"road": [1, 2, 3]}) == replace(Appearance(), road=(1, 2, 3))


def test_a_dict_with_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(DrivesimError, match=r"grain_seed.*'roof'"):
        Appearance.from_dict({"roof": [1, 2, 3]})


def test_presets_are_found_by_name():
    assert Appearance.preset("snow") is PRESETS["snow"]
    with pytest.raises(DrivesimError, match=r"'mars'.*meadow, desert, snow, city, plain"):
        Appearance.preset("mars")


@pytest.mark.parametrize("name", PRESETS)
def test_in_every_preset_the_road_can_be_told_from_the_ground(name):
    assert np.abs(np.subtract(PRESETS[name].ground, PRESETS[name].road)).mean() >= 20


def test_a_look_that_cannot_be_painted_is_refused_with_all_its_faults():
    with pytest.raises(DrivesimError) as error:
        Appearance(ground=(1, 2), road=(0, 0, 256), sky=7, horizon="red", road_grain=-1.0, edge_line_width=float("nan"))
    for fault in (
        "ground=(1, 2)",
        "road=(0, 0, 256)",
        "sky=7",
        "horizon='red'",
        "road_grain=-1.0",
        "edge_line_width=nan",
    ):
        assert fault in str(error.value)


def test_an_unknown_line_style_is_told_the_known_ones():
    with pytest.raises(DrivesimError, match=r"'dotted'.*none, solid, dashed"):
        Appearance(center_line_style="dotted")
