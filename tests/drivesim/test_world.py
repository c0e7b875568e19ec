"""Where episodes get their worlds from: seeds, files, tracks and lists of these."""

import gc
import weakref

import numpy as np
import pytest
from scipy.spatial import cKDTree

from drivesim.appearance import PRESETS, Appearance
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError
from drivesim.render import Renderer
from drivesim.track import Track
from drivesim.track_generation import DIFFICULTIES, SPLITS, generate_track
from drivesim.vehicle import VehicleParams
from drivesim.weather import Weather
from drivesim.world import World, WorldSource


def draws(source: WorldSource, count: int, seed: int = 0) -> list[World]:
    rng = np.random.default_rng(seed)
    return [source.draw(rng) for _ in range(count)]


def names(worlds: list[World]) -> list[str]:
    return [world.track.name for world in worlds]


def points(track: Track) -> bytes:
    return track.points.tobytes()


@pytest.fixture
def track_file(tmp_path):
    """Write a track in TUM's format; return its path."""
    path = tmp_path / "ring.csv"
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    rows = np.column_stack([70 * np.cos(angle), 70 * np.sin(angle), np.full(90, 4.0), np.full(90, 5.0)])
    np.savetxt(path, rows, delimiter=",", fmt="%.6f", header="x_m,y_m,w_tr_right_m,w_tr_left_m")
    return path


def test_without_a_track_every_draw_is_another_one():
    worlds = draws(WorldSource(), 8)
    assert len({points(world.track) for world in worlds}) == 8
    assert len({world.appearance for world in worlds}) == 8


def test_the_same_generator_draws_the_same_worlds():
    for arguments in ({}, {"track": range(5)}, {"difficulty": "mixed"}, {"track": [generate_track(1)]}):
        first, second = (draws(WorldSource(**arguments), 5) for _ in range(2))
        assert [points(world.track) for world in first] == [points(world.track) for world in second]
        assert [world.appearance for world in first] == [world.appearance for world in second]


@pytest.mark.parametrize("track", [3, np.int64(3), [3], (3,), range(3, 4)])
def test_a_seed_names_one_world_in_one_look(track):
    world, again = draws(WorldSource(track), 2)
    assert world is again
    assert points(world.track) == points(generate_track(3))
    assert world.appearance == WorldSource(3).all()[0].appearance


def test_a_range_of_seeds_is_drawn_from_evenly():
    counts = np.unique(names(draws(WorldSource(range(4)), 200)), return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() > 25


def test_a_track_is_taken_as_it_is():
    track = generate_track(1)
    assert draws(WorldSource(track), 1)[0].track is track


@pytest.mark.parametrize("convert", [str, lambda path: path, lambda path: [path]])
def test_a_file_is_read(track_file, convert):
    world = draws(WorldSource(convert(track_file)), 1)[0]
    assert world.track.length == pytest.approx(2 * np.pi * 70, rel=1e-3)
    assert world.track.width_at(10.0) == (pytest.approx(5.0), pytest.approx(4.0))


def test_a_list_may_mix_seeds_files_and_tracks(track_file):
    track = generate_track(9, "easy")
    worlds = WorldSource([2, track_file, track], difficulty="hard").all()
    assert [world.track.length for world in worlds] == pytest.approx(
        [generate_track(2, "hard").length, 2 * np.pi * 70, track.length], rel=1e-3
    )
    assert worlds[2].track is track


def test_the_look_of_a_file_or_track_is_drawn_anew_each_time(track_file):
    for track in (track_file, generate_track(1)):
        looks = {world.appearance for world in draws(WorldSource(track), 10)}
        assert len(looks) == 10


@pytest.mark.parametrize("track", [None, 4, [generate_track(1)]])
def test_a_named_look_or_ones_own_is_kept(track):
    mine = Appearance(ground=(1, 2, 3))
    assert {world.appearance for world in draws(WorldSource(track, appearance="snow"), 3)} == {PRESETS["snow"]}
    assert {world.appearance for world in draws(WorldSource(track, appearance=mine), 3)} == {mine}


def test_splits_share_no_track_and_no_look():
    worlds = {split: WorldSource(range(12), split=split).all() for split in SPLITS}
    tracks = [points(world.track) for split in SPLITS for world in worlds[split]]
    looks = [world.appearance for split in SPLITS for world in worlds[split]]
    assert len(set(tracks)) == len(tracks)
    assert len(set(looks)) == len(looks)
    assert {name.split("-")[0] for name in names(worlds["test"])} == {"test"}


def test_mixed_draws_every_difficulty():
    drawn = draws(WorldSource(range(30), difficulty="mixed"), 30)
    assert {name.split("-")[1] for name in names(drawn)} == set(DIFFICULTIES)
    in_turn = [name.split("-")[1] for name in names(WorldSource(range(6), difficulty="mixed").all())]
    assert in_turn == [*DIFFICULTIES, *DIFFICULTIES]


def test_worlds_of_any_seed_are_let_go_when_nobody_drives_in_them():
    source = WorldSource()
    worlds = draws(source, 6)
    watched = [weakref.ref(world) for world in worlds]
    kept = worlds[2]
    del worlds
    gc.collect()
    assert [reference() for reference in watched] == [None, None, kept, None, None, None]


def test_cars_in_one_world_share_its_ground_and_cameras_have_their_own():
    world = WorldSource(1).all()[0]
    topdown, front = (Renderer(CAMERAS[name], VehicleParams()) for name in ("topdown", "front"))
    assert world.texture(topdown) is world.texture(topdown)
    assert world.texture(topdown) is world.texture(Renderer(CAMERAS["topdown"], VehicleParams(), 2))
    assert world.texture(front).resolution != world.texture(topdown).resolution
    assert world.texture(front).appearance == world.appearance


def test_what_cannot_be_a_track_is_refused(tmp_path):
    for track, said in (
        ([], "at least one"),
        (-1, "0 or more"),
        (True, "got True"),
        ([1.5], r"got 1\.5"),
        (tmp_path / "missing.csv", r"missing\.csv"),
    ):
        with pytest.raises(DrivesimError, match=said):
            WorldSource(track)


def test_unknown_names_are_told_the_known_ones():
    for argument, known in (
        ("difficulty", "easy, medium, hard, mixed"),
        ("split", "train, test"),
        ("appearance", "random, meadow"),
    ):
        with pytest.raises(DrivesimError, match=f"{argument}.*'no'.*{known}"):
            WorldSource(**{argument: "no"})


def test_any_seed_is_no_list():
    with pytest.raises(DrivesimError, match="list"):
        WorldSource().all()


# Looks and weathers drawn anew, and lanes


def test_every_episode_on_a_track_has_a_look_of_its_own_where_looks_are_randomised():
    source = WorldSource([3], randomize="looks")
    rng = np.random.default_rng(0)
    first, second = source.draw(rng), source.draw(rng)
    assert first.track is second.track
    assert first.appearance != second.appearance
    assert first.weather == second.weather == Weather()


def test_all_draws_weathers_too_the_same_from_the_same_seed():
    def drawn(seed: int) -> list[tuple[Appearance, Weather]]:
        source, rng = WorldSource(range(4), randomize="all"), np.random.default_rng(seed)
        return [(world.appearance, world.weather) for world in (source.draw(rng) for _ in range(6))]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert len({weather for _, weather in drawn(1)}) > 3


def test_all_worlds_of_a_list_are_the_same_each_time():
    first, second = (WorldSource(range(5), "mixed", "test", randomize="all").all() for _ in range(2))
    assert [world.appearance for world in first] == [world.appearance for world in second]
    assert [world.weather for world in first] == [world.weather for world in second]
    assert len({world.appearance for world in first}) == 5


def test_a_palette_holds_for_every_look_that_is_drawn():
    for how in ({"randomize": "none"}, {"randomize": "looks"}):
        colors = {}
        for palette in ("train", "test"):
            worlds = WorldSource(range(12), palette=palette, **how).all()
            colors[palette] = {c for w in worlds for c in (w.appearance.ground, w.appearance.road)}
        assert not colors["train"] & colors["test"]


def test_a_named_or_random_weather_is_over_every_world():
    rng = np.random.default_rng(0)
    assert WorldSource(2, weather="fog").draw(rng).weather == Weather.preset("fog")
    assert WorldSource(2, weather=Weather(rain=1.0)).draw(rng).weather.rain == 1.0
    source = WorldSource(range(30), weather="random")
    assert len({world.weather for world in source.all()}) > 20
    # It belongs to the track, as a random look does.
    assert source.all()[3].weather == source.all()[3].weather


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"randomize": "everything"}, "randomize.*'everything'.*none, looks, all"),
        ({"palette": "loud"}, "palette.*'loud'.*any, train, test"),
        ({"weather": "hail"}, "weather.*'hail'.*random, clear"),
        ({"lane": "middle"}, "lane.*'middle'.*center, right, left"),
        (
            {"randomize": "looks", "appearance": "snow"},
            "randomize: 'looks' draws every look; leave out appearance='snow'",
        ),
        ({"randomize": "all", "weather": "fog"}, "randomize: 'all' draws.*leave out weather='fog'"),
    ],
)
def test_worlds_that_cannot_be_are_refused(arguments, words):
    with pytest.raises(DrivesimError, match=words):
        WorldSource(3, **arguments)


def test_a_lane_is_followed_in_its_middle_and_the_roads_edges_stay():
    road = WorldSource(3, appearance="plain").all()[0].track
    for lane, sign in (("right", -1), ("left", 1)):
        world = WorldSource(3, appearance="plain", lane=lane).all()[0]
        track = world.track
        assert world.appearance.center_line_place == "middle"
        s, lateral = road.local_coordinates(track.centerline)
        left, right = road.width_at(s)
        np.testing.assert_allclose(lateral, (left - right) / 2 + sign * (left + right) / 4, atol=0.05)
        for edge, old in zip(track.edges(), road.edges(), strict=True):
            distance, _ = cKDTree(old).query(edge)
            assert distance.max() < 0.3
