"""Frames: that they show the views that their labels are of, and that epochs are what was asked for."""

import dataclasses

import numpy as np
import pytest

from datasets.balance import StepDraw, step_chances
from datasets.frames import RenderedFrames, Variety
from datasets.schema import MARK_BAD, Lap
from datasets.views import Spread, Steps, line_of
from drivesim.appearance import Appearance
from drivesim.camera import Camera, get_camera
from drivesim.errors import DrivesimError
from drivesim.palette import in_palette
from drivesim.render import Renderer
from drivesim.weather import Weather
from drivesim.world import World
from tests.datasets.laps import CAR, circle_lap, drive, make_info

TOPDOWN = get_camera("topdown")
SMALL = Camera(width=32, height=32, span=38.4, mount=(9.6, 0.0, 0.0))
DESERT = Appearance.preset("desert")
ON_THE_LINE = Spread(lateral=0.0, heading=0.0)
NO_SPREAD = Spread(lateral=0.0, heading=0.0, bend=0.0)
AS_RECORDED = Variety(ON_THE_LINE, mirror=False, looks=0, sizes=1.0, widths=1.0, recolor=0.0)


def lap_in(look, steps=200, **columns):
    return circle_lap(steps, info={"appearance": look.to_dict()}, **columns)


def epoch(frames, seed=0, samples=96, batch_size=32):
    """All frames and labels of an epoch."""
    batches = list(frames.epoch(samples, batch_size, np.random.default_rng(seed)))
    return np.concatenate([batch.frames[0] for batch in batches]), np.concatenate(
        [batch.actions[:, 0] for batch in batches]
    )


@pytest.fixture
def seen(monkeypatch):
    """What was drawn, in its order, a sample each: mirrored or not (bool), looks (a list), poses, labels."""
    views, grounds = [], []
    view, draw = Steps.view, Renderer.draw

    def spied_view(steps, *args):
        views.append(view(steps, *args))
        return views[-1]

    def spied_draw(renderer, textures, poses, others=None):
        grounds.extend(textures)
        return draw(renderer, textures, poses, others)

    monkeypatch.setattr(Steps, "view", spied_view)
    monkeypatch.setattr(Renderer, "draw", spied_draw)

    def all_seen():
        mirrored = np.array([ground.track.name.endswith("-mirrored") for ground in grounds])
        poses, labels = (np.concatenate(each) for each in zip(*views, strict=True))
        return mirrored, [ground.appearance for ground in grounds], poses, labels

    return all_seen


def test_a_frame_shows_the_recorded_step_whose_label_it_has():
    labels = np.linspace(-0.9, 0.9, 200).astype(np.float32)
    lap = lap_in(DESERT, steering_label=labels)
    frames, steering = epoch(RenderedFrames([lap], TOPDOWN, AS_RECORDED))
    assert frames.dtype == np.uint8 and frames.shape == (96, 96, 96, 3)
    assert steering.dtype == np.float32 and steering.shape == (96,)
    steps = np.abs(labels - steering[:, None]).argmin(axis=1)
    np.testing.assert_allclose(labels[steps], steering, atol=1e-6)
    assert len(set(steps.tolist())) > 50
    renderer = Renderer(TOPDOWN, CAR)
    texture = World(lap.track, DESERT).texture(renderer)
    # The heading of a view is wrapped, so that its pixels may round another way.
    difference = frames.astype(int) - renderer.draw([texture] * 96, lap.poses[steps])
    assert np.abs(difference).max() <= 4 and (difference != 0).mean() < 0.01


@pytest.mark.parametrize("camera", ["topdown", "front"])
@pytest.mark.parametrize("mirror", [False, True])
def test_frames_are_those_that_the_renderer_draws_of_the_views(seen, camera, mirror):
    laps = [lap_in(DESERT), lap_in(Appearance.preset("city"))]
    source = RenderedFrames(
        laps, get_camera(camera), Variety(Spread(), mirror, looks=4, sizes=1.0, widths=1.0, recolor=0.0), threads=2
    )
    frames, steering = epoch(source)
    mirrored, looks, poses, labels = seen()
    np.testing.assert_array_equal(steering, labels.astype(np.float32))
    assert mirrored.any() == mirror
    renderer = Renderer(get_camera(camera), CAR)
    roads = {False: laps[0].track, True: line_of(laps[0], 0.8).mirrored().track}
    worlds = {(flag, look): World(roads[flag], look) for flag, look in zip(mirrored.tolist(), looks, strict=True)}
    textures = [worlds[key].texture(renderer) for key in zip(mirrored.tolist(), looks, strict=True)]
    np.testing.assert_array_equal(frames, renderer.draw(textures, poses))


@pytest.mark.parametrize("camera", ["topdown", "front"])
def test_the_mirrored_line_is_seen_as_the_flipped_frames(camera):
    # The road is wider on the left; grain is left out, for that is fixed to the world and not mirrored with the road.
    look = dataclasses.replace(Appearance(), ground_grain=0.0, road_grain=0.0)
    info = make_info(track_points=make_info().track_points * [1, 1, 1.4, 1], vehicle=vars(CAR))
    line = line_of(Lap(info, drive(400) | {"mark": np.zeros(400)}, True, "lap"), 0.8)
    renderer, steps = Renderer(get_camera(camera), CAR), np.arange(0, len(line), 10)
    pictures, labels = [], []
    for each in (line, line.mirrored()):
        poses, steering = each.view(steps, ON_THE_LINE, np.random.default_rng(0))
        texture = World(each.track, look).texture(renderer)
        pictures.append(renderer.draw([texture] * len(steps), poses).astype(int))
        labels.append(steering)
    # The car's outline and, far ahead, the grids of coarse mip levels differ by more than rounding.
    difference = np.abs(np.flip(pictures[1], axis=2) - pictures[0]).max(axis=-1)
    assert difference.mean() < 0.1 and (difference > 4).mean() < 0.01
    assert np.abs(pictures[1] - pictures[0]).mean() > 1.0
    np.testing.assert_allclose(labels[1], -labels[0], atol=1e-12)


@pytest.mark.parametrize("looks", [0, 1, 16])
def test_half_of_the_samples_are_on_mirrored_roads(seen, looks):
    source = RenderedFrames(
        [lap_in(DESERT)], SMALL, Variety(Spread(), mirror=True, looks=looks, sizes=1.0, widths=1.0, recolor=0.0)
    )
    epoch(source, samples=2000)
    mirrored, _, _, labels = seen()
    assert mirrored.mean() == pytest.approx(0.5, abs=0.05)
    own = line_of(lap_in(DESERT), 0.8).steering[0]
    assert labels[~mirrored].mean() == pytest.approx(own, abs=0.05)
    assert labels[mirrored].mean() == pytest.approx(-own, abs=0.05)


def test_an_epoch_is_the_same_for_the_same_seed_on_any_number_of_threads_and_another_for_another():
    laps = [lap_in(DESERT), lap_in(Appearance())]
    variety = Variety(looks=4)
    first = epoch(RenderedFrames(laps, SMALL, variety), seed=1)
    source = RenderedFrames(laps, SMALL, variety, threads=2)
    for again in (epoch(source, seed=1), epoch(source, seed=1)):
        np.testing.assert_array_equal(again[0], first[0])
        np.testing.assert_array_equal(again[1], first[1])
    other = epoch(source, seed=2)
    assert not np.array_equal(other[0], first[0]) and not np.array_equal(other[1], first[1])


def test_epochs_of_one_generator_differ():
    source, rng = RenderedFrames([lap_in(DESERT)], SMALL, Variety(looks=2)), np.random.default_rng(0)
    (first,), (second,) = list(source.epoch(8, 8, rng)), list(source.epoch(8, 8, rng))
    assert not np.array_equal(first.actions, second.actions)
    assert not np.array_equal(first.frames[0], second.frames[0])


def test_a_batch_that_is_kept_is_not_drawn_over():
    batches = RenderedFrames([lap_in(DESERT)], SMALL, Variety(looks=2)).epoch(320, 8, np.random.default_rng(0))
    kept = [(batch, batch.frames[0].copy()) for batch in batches]
    assert all(np.array_equal(batch.frames[0], frames) for batch, frames in kept)


@pytest.mark.parametrize(("samples", "batch_size", "expected"), [(96, 32, 3), (100, 32, 3), (5, 32, 1), (7, 1, 7)])
def test_batches_are_whole(samples, batch_size, expected):
    source = RenderedFrames([lap_in(DESERT)], SMALL, AS_RECORDED)
    batches = list(source.epoch(samples, batch_size, np.random.default_rng(0)))
    assert len(batches) == expected
    for batch in batches:
        assert batch.frames[0].shape == (batch_size, 32, 32, 3) and batch.actions.shape == (batch_size, 1)


def test_an_epoch_that_is_left_early_ends_its_thread():
    for batch in RenderedFrames([lap_in(DESERT)], SMALL, AS_RECORDED).epoch(10**9, 4, np.random.default_rng(0)):
        assert len(batch.frames[0]) == 4
        break


def test_laps_are_seen_in_the_look_they_were_recorded_in_where_no_other_is_asked_for(seen):
    looks = [DESERT, Appearance.preset("snow")]
    epoch(RenderedFrames([lap_in(look) for look in looks], SMALL, AS_RECORDED))
    assert set(seen()[1]) == set(looks)


@pytest.mark.parametrize(("looks", "laps", "expected"), [(6, 1, 6), (5, 2, 6), (1, 3, 3)])
def test_every_lap_is_seen_and_in_as_many_looks_as_asked_for(seen, looks, laps, expected):
    source = RenderedFrames([lap_in(DESERT)] * laps, SMALL, Variety(looks=looks))
    epoch(source, samples=320)
    assert len(set(seen()[1])) == expected and DESERT not in seen()[1]
    for _ in source.epoch(32, 32, np.random.default_rng(7)):
        assert len(set(seen()[1])) > expected  # new looks in every epoch


def test_a_lap_is_drawn_from_as_often_as_it_is_long(seen):
    laps = [lap_in(DESERT, 116), lap_in(Appearance(), 316)]
    source = RenderedFrames(laps, SMALL, AS_RECORDED)
    assert len(source) == 100 + 300
    epoch(source, samples=2000)
    looks = seen()[1]
    assert looks.count(DESERT) / len(looks) == pytest.approx(0.25, abs=0.05)


def test_laps_with_nothing_to_learn_from_are_passed_over_and_an_error_where_there_is_no_other(seen):
    useless = [lap_in(Appearance(), 10), lap_in(Appearance(), mark=np.full(200, MARK_BAD))]
    source = RenderedFrames([*useless, lap_in(DESERT)], SMALL, AS_RECORDED)
    assert len(source) == 184
    epoch(source)
    assert set(seen()[1]) == {DESERT}
    for laps in (useless, []):
        with pytest.raises(DrivesimError, match="no step to learn from"):
            RenderedFrames(laps, SMALL)


def test_everything_is_on_by_default():
    variety = RenderedFrames([lap_in(DESERT)], SMALL).variety
    assert variety.mirror and variety.looks >= 16
    assert variety.spread.lateral > 0 and variety.spread.heading > 0


def test_batches_that_are_skipped_leave_the_rest_as_it_was():
    frames = RenderedFrames([lap_in(DESERT)], SMALL)
    whole = list(frames.epoch(160, 32, np.random.default_rng(0)))
    rng = np.random.default_rng(0)
    rest = list(frames.epoch(160, 32, rng, skip=3))
    assert len(rest) == 2
    for one, other in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(one.frames[0], other.frames[0])
        np.testing.assert_array_equal(one.actions, other.actions)
    after = np.random.default_rng(0)
    list(frames.epoch(160, 32, after))
    assert after.bit_generator.state == rng.bit_generator.state


def test_the_pedal_is_learned_where_it_is_asked_for_and_the_speed_is_the_cars():
    pedal = np.linspace(-0.5, 0.5, 200)
    lap = lap_in(DESERT, pedal=pedal.astype(np.float32), pedal_label=np.full(200, np.nan, np.float32))
    batch = next(
        iter(RenderedFrames([lap], SMALL, AS_RECORDED, has_pedal=True).epoch(32, 32, np.random.default_rng(0)))
    )
    assert batch.actions.shape == (32, 2)
    assert np.isin(batch.actions[:, 1], pedal.astype(np.float32)).all()
    np.testing.assert_allclose(batch.speeds, lap.columns["speed"][0])
    labelled = lap_in(DESERT, pedal_label=np.full(200, 0.25, np.float32))
    frames = RenderedFrames([labelled], SMALL, AS_RECORDED, has_pedal=True)
    assert (next(iter(frames.epoch(32, 32, np.random.default_rng(0)))).actions[:, 1] == 0.25).all()


def test_balancing_shows_rare_bends_as_often_as_straights():
    steering = np.zeros(400, np.float32)
    steering[50:60] = 0.3
    line = line_of(lap_in(DESERT, 400, steering=steering, steering_label=steering), 0.8)

    def share(balance):
        steps = StepDraw(step_chances(line.steering, balance))(4000, np.random.default_rng(0))
        return float((line.steering[steps] > 0.2).mean())

    assert share(0.0) == pytest.approx(10 / len(line), abs=0.01)
    assert share(1.0) == pytest.approx(0.5, abs=0.03)
    assert share(0.0) < share(0.5) < share(1.0)


# Past frames, and several cameras


def test_past_frames_are_what_a_car_saw_in_earlier_steps():
    lap = lap_in(DESERT)
    frames = RenderedFrames([lap], SMALL, dataclasses.replace(AS_RECORDED, spread=NO_SPREAD), past=2, stride=5)
    (batch,) = frames.epoch(64, 64, np.random.default_rng(0))
    (seen,) = batch.frames
    assert (seen.shape, seen.dtype) == ((64, 3, 32, 32, 3), np.uint8)
    renderer = Renderer(SMALL, CAR)
    every = renderer.draw([World(lap.track, DESERT).texture(renderer)] * len(lap), lap.poses)
    matches = [np.flatnonzero((every == newest).all(axis=(1, 2, 3))) for newest, *_ in seen]
    assert all(len(match) == 1 for match in matches)
    for sample, (step,) in zip(seen, matches, strict=True):
        for back in (1, 2):
            shown = every[max(step - 5 * back, 0)]
            # A pose that went into the car's frame and back is the same to the last bit but a few.
            assert np.abs(sample[back].astype(int) - shown).max() <= 1


def test_several_cameras_see_the_same_views():
    lap = lap_in(DESERT)
    ahead = Camera(width=40, height=24, fov=90.0, pitch=8.0)
    both = next(iter(RenderedFrames([lap], [SMALL, ahead], past=1).epoch(32, 32, np.random.default_rng(0))))
    for number, camera in enumerate((SMALL, ahead)):
        alone = next(iter(RenderedFrames([lap], camera, past=1).epoch(32, 32, np.random.default_rng(0))))
        assert both.frames[number].shape == (32, 2, camera.height, camera.width, 3)
        np.testing.assert_array_equal(both.frames[number], alone.frames[0])
        np.testing.assert_array_equal(both.actions, alone.actions)


def test_the_threads_and_shares_of_a_batch_with_past_frames_are_those_of_the_whole():
    lap = lap_in(DESERT)

    def first(threads, share=None):
        source = RenderedFrames([lap], [SMALL, TOPDOWN], threads=threads, past=2)
        return next(iter(source.epoch(16, 16, np.random.default_rng(0), share=share)))

    whole, part = first(1), first(3, slice(4, 8))
    for ours, theirs in zip(part.frames, whole.frames, strict=True):
        np.testing.assert_array_equal(ours, theirs[4:8])
    np.testing.assert_array_equal(part.actions, whole.actions[4:8])


@pytest.mark.parametrize("randomize", ["looks", "all"])
def test_laps_are_seen_in_looks_of_every_kind_and_under_weathers_where_that_is_asked_for(seen, monkeypatch, randomize):
    veils = []
    draw = Renderer.draw

    def spied(renderer, textures, poses):
        veils.extend(texture.veil for texture in textures)
        return draw(renderer, textures, poses)

    monkeypatch.setattr(Renderer, "draw", spied)
    source = RenderedFrames([lap_in(DESERT)], SMALL, Variety(looks=12, randomize=randomize, palette="train"))
    first, second = epoch(source)[0], epoch(source)[0]
    assert first.tobytes() == second.tobytes()
    looks = set(seen()[1])
    assert len({look.surroundings for look in looks}) > 2
    assert all(in_palette(look.ground, "train") and in_palette(look.road, "train") for look in looks)
    assert (len({*veils} - {None}) > 2) == (randomize == "all")


def test_a_lap_is_seen_in_the_weather_it_was_recorded_in_where_no_look_is_asked_for():
    info = {"appearance": DESERT.to_dict(), "weather": Weather.preset("night").to_dict()}
    dark, _ = epoch(RenderedFrames([circle_lap(200, info=info)], SMALL, AS_RECORDED))
    light, _ = epoch(RenderedFrames([lap_in(DESERT)], SMALL, AS_RECORDED))
    assert dark.mean() < 0.5 * light.mean()


def test_a_choice_of_looks_is_refused_where_there_are_none():
    with pytest.raises(DrivesimError, match="randomize: with looks=0 the laps are seen as they were recorded"):
        Variety(looks=0, randomize="looks")
    with pytest.raises(DrivesimError, match=r"randomize.*'some'.*none, looks, all"):
        Variety(randomize="some")
