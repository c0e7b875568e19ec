"""The lap: what it holds, and what it refuses."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest

from datasets.lap_world import world_of
from datasets.schema import (
    DTYPES,
    FORMAT_VERSION,
    LAP_SCHEMA,
    MARK_BAD,
    MARK_CORRECTION,
    MARK_POLICY,
    MAX_STEPS,
    POLICY_ACTIONS,
    Lap,
    LapInfo,
    check_columns,
)
from drivesim.appearance import Appearance
from drivesim.errors import DrivesimError
from drivesim.track import Track
from drivesim.weather import CLEAR, Weather
from tests.datasets import laps


def make_info(**changes):
    rng = np.random.default_rng(1)
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = 60 + rng.normal(size=40)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full((40, 2), 3.5)])
    vehicle = {"wheelbase": 2.6, "max_steer": 0.5}
    return laps.make_info(**({"track_points": points, "vehicle": vehicle} | changes))


def make_columns(steps=100, seed=0):
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=steps).cumsum().astype(dtype) for name, dtype in DTYPES.items() if name != "mark"}
    columns["time"] = np.arange(steps) / 20
    for name in ("steering", "pedal", "steering_label", "pedal_label", "policy_steering", "policy_pedal"):
        columns[name] = rng.uniform(-1, 1, steps).astype(np.float32)
    columns["pedal_label"][::3] = np.nan
    columns["mark"] = rng.integers(0, 4, steps).astype(np.uint8)
    return {name: columns[name] for name in DTYPES}


def make_lap(steps=100, **changes):
    return Lap(make_info(**changes), make_columns(steps), True, "lap-000001")


def test_every_column_has_a_unit_and_a_meaning():
    assert LAP_SCHEMA.names == list(DTYPES)
    assert all(field.metadata[b"unit"] and field.metadata[b"about"] and not field.nullable for field in LAP_SCHEMA)


def test_info_survives_the_metadata_and_the_points_byte_for_byte():
    info = make_info()
    back = LapInfo.from_metadata(info.to_metadata())
    assert back == info
    assert back.track_points.tobytes() == info.track_points.tobytes()
    assert dataclasses.astuple(back)[2:] == dataclasses.astuple(info)[2:]


@pytest.mark.parametrize("seed", [None, 0, 2**63])
def test_a_seed_may_be_missing_or_large(seed):
    assert LapInfo.from_metadata(make_info(seed=seed).to_metadata()).seed == seed


def test_infos_differ_when_a_field_does():
    assert make_info() != make_info(driver="human")
    moved = make_info().track_points.copy()
    moved[3, 0] = np.nextafter(moved[3, 0], 1e9)
    assert make_info() != make_info(track_points=moved)


def test_numpy_scalars_are_taken_as_plain_numbers():
    info = make_info(seed=np.int64(3), control_hz=np.float32(10))
    assert (info.seed, info.control_hz) == (3, 10.0)


def test_the_caller_cannot_change_a_lap_from_outside():
    columns, points = make_columns(), make_info().track_points.copy()
    lap = Lap(make_info(track_points=points), columns, True, "lap")
    before = lap.columns["x"].copy(), lap.info.track_points.copy()
    columns["x"][:] = points[:] = 0
    np.testing.assert_array_equal(lap.columns["x"], before[0])
    np.testing.assert_array_equal(lap.info.track_points, before[1])
    with pytest.raises(ValueError, match="read-only"):
        lap.columns["x"][0] = 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("track_points", np.zeros((3, 4)), "P >= 4"),
        ("track_points", np.full((8, 4), np.nan), "finite"),
        ("track_points", np.ones((8, 4)), "differ from their neighbours"),
        ("track_points", np.array([[0, 0, 1e-9, 0], [9, 0, 1, 1], [9, 9, 1, 1], [0, 9, 1, 1]]), "too much to hold"),
        ("control_hz", 0.0, "more than 0"),
        ("control_hz", float("nan"), "more than 0"),
        ("seed", "seven", "int"),
        ("driver", None, "str"),
        ("vehicle", {"mass": float("inf")}, "JSON"),
        ("notes", {"path": object()}, "JSON"),
        ("appearance", [1], "dict"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(field, value, words):
    with pytest.raises(DrivesimError, match=f"{field}: .*{words}"):
        make_info(**{field: value})


def test_all_wrong_fields_are_named_at_once():
    with pytest.raises(DrivesimError, match=r"control_hz.*driver.*commit"):
        make_info(control_hz=-1, driver=3, commit=None)


def test_a_lap_says_its_poses_duration_track_and_good_steps():
    lap = make_lap()
    np.testing.assert_array_equal(lap.poses[:, 2], lap.columns["heading"])
    assert lap.poses.shape == (len(lap), 3) == (100, 3)
    assert lap.duration == pytest.approx(5.0)
    assert isinstance(lap.track, Track)
    assert lap.track is make_lap().track
    np.testing.assert_array_equal(lap.track.points, lap.info.track_points)


def test_bad_steps_and_those_a_policy_drove_are_not_good_and_corrections_are():
    mark = np.array([0, MARK_BAD, MARK_CORRECTION, MARK_BAD | MARK_CORRECTION, MARK_POLICY])
    assert Lap(make_info(), make_columns(5) | {"mark": mark}, True, "lap").good.tolist() == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_a_lap_of_version_1_is_read_and_no_policy_is_known_to_have_driven():
    lap = make_lap()
    table = lap.to_table().drop_columns(list(POLICY_ACTIONS))
    table = table.replace_schema_metadata({**table.schema.metadata, b"drivesim.format_version": b"1"})
    back = Lap.from_table(table, "old")
    assert list(back.columns) == list(DTYPES)
    for name in DTYPES:
        expected = np.full(len(lap), np.nan, np.float32) if name in POLICY_ACTIONS else lap.columns[name]
        assert back.columns[name].tobytes() == expected.tobytes(), name


def test_a_lap_of_version_2_is_read_looks_as_it_did_and_its_weather_is_clear():
    look = {"ground": [10, 90, 20], "center_line_style": "solid", "grain_seed": 3}
    lap = dataclasses.replace(make_lap(), info=make_info(appearance=look))
    table = lap.to_table()
    metadata = dict(table.schema.metadata)
    plain = json.loads(metadata[b"drivesim.lap"])
    del plain["weather"]
    metadata |= {b"drivesim.format_version": b"2", b"drivesim.lap": json.dumps(plain).encode()}
    back = Lap.from_table(table.replace_schema_metadata(metadata), "old")
    assert back.info == lap.info
    assert back.info.weather == {}
    world = world_of(back)
    assert world.weather == CLEAR
    assert world.appearance == Appearance(ground=(10, 90, 20), center_line_style="solid", grain_seed=3)


def test_the_world_of_a_lap_has_its_weather():
    weather = Weather.preset("rain")
    lap = dataclasses.replace(make_lap(), info=make_info(weather=weather.to_dict()))
    back = Lap.from_table(lap.to_table(), "lap")
    assert world_of(back).weather == weather
    with pytest.raises(DrivesimError, match="weather"):
        world_of(dataclasses.replace(lap, info=make_info(weather={"hail": 1})))


@pytest.mark.parametrize("complete", [True, False])
def test_a_lap_survives_the_table(complete):
    lap = dataclasses.replace(make_lap(), complete=complete)
    back = Lap.from_table(lap.to_table(), lap.name)
    assert (back.info, back.complete, back.name) == (lap.info, complete, lap.name)
    for name, dtype in DTYPES.items():
        assert back.columns[name].dtype == dtype
        assert back.columns[name].tobytes() == lap.columns[name].tobytes()


def test_columns_of_another_type_are_cast_where_they_can_be():
    lap = make_lap()
    table = lap.to_table()
    for name, dtype in (("speed", pa.float32()), ("steering", pa.float64()), ("mark", pa.int64())):
        index = table.column_names.index(name)
        table = table.set_column(index, pa.field(name, dtype), table.column(name).cast(dtype))
    back = Lap.from_table(table.append_column("extra", pa.array(["a"] * len(lap))), "lap")
    assert {name: values.dtype for name, values in back.columns.items()} == DTYPES
    np.testing.assert_array_equal(back.columns["steering"], lap.columns["steering"])
    np.testing.assert_array_equal(back.columns["mark"], lap.columns["mark"])


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("x", np.nan, "x: 1 of 100 are not finite, the first at step 50"),
        ("heading", np.inf, "heading: 1 of 100 are not finite"),
        ("time", np.nan, "time: 1 of 100 are not finite"),
        ("time", 0.0, "time: 1 of 100 are not later than the step before, the first at step 50"),
        ("steering", 25.0, r"steering: 1 of 100 are not in -1..1, the first at step 50 \(25.0\)"),
        ("pedal", np.nan, "pedal: 1 of 100 are not in -1..1"),
        ("pedal_label", -1.5, "pedal_label: 1 of 100 are neither in -1..1 nor NaN"),
        ("steering_label", 1e300, "steering_label: 1 of 100 are neither"),
        ("policy_steering", -1.5, "policy_steering: 1 of 100 are neither in -1..1 nor NaN"),
        ("mark", 300, "mark: expected whole numbers 0..255"),
        ("mark", 0.5, "mark: expected whole numbers 0..255"),
    ],
)
def test_a_wrong_value_is_named_with_its_step(column, value, words):
    columns = make_columns()
    columns[column] = columns[column].astype(np.float64)
    columns[column][50] = value
    with pytest.raises(DrivesimError, match=words):
        Lap(make_info(), columns, True, "lap")


def test_all_faults_of_a_table_are_named_at_once():
    table = make_lap().to_table().drop_columns(["y", "mark"])
    table = table.set_column(1, "x", pa.array(["east"] * len(table)))
    metadata = dict(table.schema.metadata)
    metadata[b"drivesim.format_version"] = str(FORMAT_VERSION + 1).encode()
    with pytest.raises(DrivesimError) as caught:
        Lap.from_table(table.replace_schema_metadata(metadata), "lap")
    for words in (
        f"format version {FORMAT_VERSION + 1}",
        "update",
        "'y' is missing",
        "'mark' is missing",
        "x: expected numbers",
    ):
        assert words in str(caught.value)


def test_empty_values_are_faults_except_in_labels():
    table = make_lap().to_table()
    gap = pa.array([None] + [0.5] * 99, pa.float32())
    labels = table.set_column(table.column_names.index("steering_label"), "steering_label", gap)
    assert np.isnan(Lap.from_table(labels, "lap").columns["steering_label"][0])
    with pytest.raises(DrivesimError, match="steering: 1 of 100"):
        Lap.from_table(table.set_column(table.column_names.index("steering"), "steering", gap), "lap")


def test_unknown_and_uneven_columns_and_no_steps_are_faults():
    assert "unknown column 'speeed'" in check_columns(make_columns() | {"speeed": np.zeros(100)})[1][0]
    assert "one length" in check_columns(make_columns() | {"y": np.zeros(9)})[1][0]
    assert "expected numbers (T,)" in check_columns(make_columns() | {"y": np.zeros((100, 1))})[1][0]
    with pytest.raises(DrivesimError, match="at least one step"):
        make_lap(steps=0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format_version", None),
        ("format_version", b"-1"),
        ("format_version", b"\xff" * 100),
        ("lap", None),
        ("lap", b"not json"),
        ("lap", b"[1, 2]"),
        ("lap", b"[" * 100_000),
        ("lap", json.dumps({"driver": "x"}).encode()),
        ("lap", b'{"seed": ' + b"9" * 10_000 + b"}"),
        ("track_points", None),
        ("track_points", b"%%%"),
        ("track_points", b"AAAA"),
    ],
)
def test_broken_metadata_are_an_error_that_can_be_acted_on(key, value):
    metadata = dict(make_info().to_metadata())
    metadata.pop(f"drivesim.{key}".encode())
    if value is not None:
        metadata[f"drivesim.{key}".encode()] = value
    with pytest.raises(DrivesimError):
        LapInfo.from_metadata(metadata)


def test_a_table_without_metadata_holds_no_lap():
    with pytest.raises(DrivesimError, match="holds no lap"):
        Lap.from_table(make_lap().to_table().replace_schema_metadata(None), "lap")
    assert MAX_STEPS >= 1_000_000
