"""What every generated road keeps, whatever the seed."""

import hashlib

import numpy as np
import pytest
from scipy.spatial import cKDTree

from drivesim.errors import DrivesimError
from drivesim.geometry import wrap_angle
from drivesim.track import Track
from drivesim.track_generation import CLEARANCE, DIFFICULTIES, SPLITS, WIDTH_RANGE, generate_track

SEEDS = range(25)


@pytest.fixture(scope="module", params=[(d, s) for d in DIFFICULTIES for s in SPLITS], ids="-".join)
def roads(request) -> tuple[str, list[Track]]:
    """A difficulty, and some roads of it."""
    difficulty, split = request.param
    return difficulty, [generate_track(seed, difficulty, split) for seed in SEEDS]


def turns(track: Track) -> float:
    """Return by how many turns the heading winds in one lap: 1 or -1 where a road does not cross itself."""
    return wrap_angle(np.diff(track.heading, append=track.heading[:1])).sum() / (2 * np.pi)


def nearest_stranger(track: Track) -> float:
    """Return the distance in the plane, at most CLEARANCE, between stretches that are far apart along the road."""
    every = 3
    spots = track.centerline[::every]
    near = cKDTree(spots).query_pairs(CLEARANCE, output_type="ndarray")
    apart = np.diff(near)[:, 0] * track.spacing * every
    strangers = near[np.minimum(apart, track.length - apart) > np.pi / 2 * CLEARANCE + 4 * every * track.spacing]
    return np.hypot(*(spots[strangers[:, 0]] - spots[strangers[:, 1]]).T).min(initial=CLEARANCE)


def test_a_road_never_crosses_itself_nor_touches_a_neighbouring_stretch(roads):
    for track in roads[1]:
        assert abs(turns(track)) == pytest.approx(1.0), track.name
        assert nearest_stranger(track) > WIDTH_RANGE[1] + 4, track.name


def test_a_shape_that_comes_too_near_itself_is_passed_over():
    # The most winding shape of this seed crosses itself once it is filtered.
    track = generate_track(95, "hard", "train")
    assert nearest_stranger(track) == CLEARANCE


def test_a_figure_of_eight_would_be_noticed():
    t = np.linspace(0.1, 2 * np.pi + 0.1, 100, endpoint=False)
    points = [150 * np.sin(2 * t), 200 * np.sin(t), np.full(100, 4.0), np.full(100, 4.0)]
    eight = Track.from_points(np.column_stack(points), "eight")
    assert turns(eight) == pytest.approx(0.0, abs=1e-9)
    assert nearest_stranger(eight) < 2


def test_no_bend_is_tighter_than_the_difficulty_allows(roads):
    difficulty, tracks = roads
    for track in tracks:
        assert np.abs(track.curvature).max() <= 1 / DIFFICULTIES[difficulty].min_radius, track.name


def test_curvature_is_continuous_across_the_start_line_too(roads):
    difficulty, tracks = roads
    for track in tracks:
        change = np.abs(np.diff(track.curvature, append=track.curvature[:1]))
        # From sample to sample, half a metre apart; a jump would be as large as the curvature itself.
        assert change.max() < 0.2 / DIFFICULTIES[difficulty].min_radius, track.name


def test_a_road_ends_where_it_starts(roads):
    for track in roads[1]:
        gap = np.hypot(*(track.centerline[0] - track.centerline[-1]))
        assert gap == pytest.approx(track.spacing, rel=2e-3), track.name


def test_a_road_is_as_long_as_its_difficulty_says(roads):
    difficulty, tracks = roads
    shortest, longest = DIFFICULTIES[difficulty].length
    assert 400 <= shortest < longest <= 3000
    for track in tracks:
        assert shortest <= track.length <= longest, track.name


def test_a_road_is_six_to_ten_metres_wide(roads):
    for track in roads[1]:
        width = track.width_left + track.width_right
        assert width.min() >= 6 - 1e-9, track.name
        assert width.max() <= 10 + 1e-9, track.name


def test_roads_turn_either_way_and_differ_in_length(roads):
    _, tracks = roads
    assert {round(turns(track)) for track in tracks} == {-1, 1}
    lengths = [track.length for track in tracks]
    assert max(lengths) > 1.4 * min(lengths)


def test_a_road_starts_where_it_is_nearly_straight(roads):
    for track in roads[1]:
        around = np.abs(track.curvature_at(np.linspace(-10, 10, 21))).mean()
        assert around < np.abs(track.curvature).mean(), track.name


def test_a_harder_road_bends_more_tightly():
    tightest = [
        np.median([np.abs(generate_track(seed, difficulty).curvature).max() for seed in SEEDS])
        for difficulty in ("easy", "medium", "hard")
    ]
    assert tightest == sorted(tightest)
    assert tightest[2] > 1.3 * tightest[0]


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("split", SPLITS)
def test_the_same_seed_gives_the_same_bytes(difficulty, split):
    one, two = generate_track(11, difficulty, split), generate_track(11, difficulty, split)
    assert one.name == two.name == f"{split}-{difficulty}-11"
    assert one.points.tobytes() == two.points.tobytes()
    assert one.centerline.tobytes() == two.centerline.tobytes()


@pytest.mark.parametrize(
    ("difficulty", "expected"),
    [("easy", "1361e5193e1bd666"), ("medium", "f976b7fedd591370"), ("hard", "3ae80a35269567f7")],
)
def test_the_hundred_test_roads_are_the_same_for_ever(difficulty, expected):
    total = hashlib.sha256()
    for seed in range(100):
        # To the millimetre: the last bits are the processor's.
        millimetres = np.rint(1000 * generate_track(seed, difficulty, "test").points)
        total.update(millimetres.astype("<i8").tobytes())
    assert total.hexdigest()[:16] == expected


def test_a_road_leaves_the_global_random_state_alone():
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    generate_track(0)
    assert np.random.random() == expected  # noqa: NPY002


def test_no_road_of_one_split_or_difficulty_or_seed_is_a_road_of_another():
    seeds = range(40)
    roads = [
        generate_track(seed, difficulty, split) for seed in seeds for difficulty in DIFFICULTIES for split in SPLITS
    ]
    assert len({track.points.tobytes() for track in roads}) == len(roads)
    assert len({round(track.length, 3) for track in roads}) == len(roads)
    assert len({track.name for track in roads}) == len(roads)


def test_a_numpy_seed_is_a_seed():
    assert generate_track(np.int64(4)).points.tobytes() == generate_track(4).points.tobytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seed": -1}, ("seed", "-1", "non-negative")),
        ({"seed": 0, "difficulty": "fiendish"}, ("difficulty", "'fiendish'", "easy, medium, hard")),
        ({"seed": 0, "split": "holdout"}, ("split", "'holdout'", "train, test, validation")),
    ],
)
def test_an_argument_out_of_range_is_refused_with_the_way_out(arguments, words):
    with pytest.raises(DrivesimError) as refusal:
        generate_track(**arguments)
    for word in words:
        assert word in str(refusal.value)
