"""Rows of driving logs: headers, headless forks, decimal commas, and folder names with commas in them."""

import math

import pytest

from datasets.formats.udacity_rows import fields_of, header_of, parse_row, time_in

NAMES = ["IMG/center_1.jpg", "IMG/left_1.jpg", "IMG/right_1.jpg"]


def parsed(line, header=None):
    return parse_row(fields_of(line), header)


def row(*numbers):
    return ",".join([*NAMES, *numbers])


def test_a_row_of_seven_fields_with_spaces_and_exponents():
    log = parsed("IMG/center_1.jpg, IMG/left_1.jpg, IMG/right_1.jpg, -1E-05, 0.9855326, 0, 30.19")
    assert log.pictures == {"center": "center_1.jpg", "left": "left_1.jpg", "right": "right_1.jpg"}
    assert log.numbers == {"steering": -1e-5, "throttle": 0.9855326, "brake": 0.0, "speed": 30.19}


def test_windows_paths_and_folder_names_with_spaces_and_commas_end_in_the_base_name():
    line = (
        r"C:\Users\Doe, Jane\My sim\IMG\center_1.jpg,C:\Users\Doe, Jane\IMG\left_1.jpg,D:\IMG\right_1.jpg,0.1,0.2,0,9"
    )
    assert parsed(line).pictures == {"center": "center_1.jpg", "left": "left_1.jpg", "right": "right_1.jpg"}
    assert parsed("/home/a b/IMG/center_1.jpg,0.1,0.2,0,9").pictures == {"center": "center_1.jpg"}


def test_a_header_says_the_order_of_the_columns():
    header = header_of(fields_of("steering, Center ,speed"))
    assert header == ["steering", "center", "speed"]
    log = parsed("0.25,IMG/a.png,12", header)
    assert log.pictures == {"center": "a.png"}
    assert (log.numbers["steering"], log.numbers["speed"]) == (0.25, 12.0)
    assert math.isnan(log.numbers["throttle"])
    assert header_of(fields_of(row("0.1", "0", "0", "9"))) is None


def test_forks_have_one_camera_or_leave_the_others_empty():
    assert parsed("center_1.jpg,0.1,0.2,0.3,9").numbers == dict(steering=0.1, throttle=0.2, brake=0.3, speed=9.0)
    assert parsed("center_1.jpg,,,0.1,0.2,0.3,9").numbers == dict(steering=0.1, throttle=0.2, brake=0.3, speed=9.0)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (("0", "05", "0", "7", "0", "30", "19"), (0.05, 0.7, 0.0, 30.19)),  # 10 fields; nobody writes 0,30
        (("-0", "15", "0", "985", "0", "5", "2", "75"), (-0.15, 0.985, 0.5, 2.75)),  # 11 fields
        (("-0", "15", "1", "0", "22"), (-0.15, 1.0, 0.0, 22.0)),  # 8 fields
        (("1", "1", "0", "30", "19"), (1.0, 1.0, 0.0, 30.19)),
        (("-9", "5E-05", "1", "0", "22"), None),  # -9.5E-05 is in range, and the one way
    ],
)
def test_decimal_commas_are_put_together_where_there_is_one_way(numbers, expected):
    expected = expected or (-9.5e-5, 1.0, 0.0, 22.0)
    assert tuple(parsed(row(*numbers)).numbers.values()) == pytest.approx(expected)


@pytest.mark.parametrize(
    "numbers", [("0", "0", "0", "12", "5"), ("0", "1", "0", "1", "0", "1"), ("0", "5", "0", "7", "0", "22", "36")]
)
def test_decimal_commas_with_several_readings_are_refused(numbers):
    with pytest.raises(ValueError, match="can be read in several ways"):
        parsed(row(*numbers))


def test_quoted_decimal_commas_are_decimals():
    assert parsed(row('"-0,25"', '"0,5"', "0", '"12,5"')).numbers["steering"] == -0.25


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (row("0.1", "0.2", "0"), "it has 3 numbers, expected 4"),
        (row(*"123456789"), "it has 9 numbers, expected 4"),
        (row("1.5", "0", "0", "9"), "its steering is not in -1 ... 1"),
        (row("nan", "0", "0", "9"), "its steering is not in -1 ... 1"),
        (row("left", "0", "0", "9"), "its steering is no number"),
        (row("", "0", "0", "9"), "it has no steering"),
        (row("0.1", "0", "2", "9"), "its brake is not in 0 ... 1"),
        (row("0", "5", "0", "5", "77"), "make no numbers in range"),
        ("0.1,0.2,0,9", "it names 0 pictures, expected 1 or 3"),
        ("a.jpg,b.jpg,0.1,0.2,0,9", "it names 2 pictures, expected 1 or 3"),
    ],
)
def test_what_is_no_row_says_why(line, why):
    with pytest.raises(ValueError, match=why):
        parsed(line)


def test_the_time_is_in_the_pictures_name():
    first, later = time_in("center_2016_12_01_13_30_48_287.jpg"), time_in("center_2016_12_01_13_31_00_5.jpg")
    assert later - first == pytest.approx(11.718)
    for name in ("center.jpg", "center_2016_13_01_13_30_48_287.jpg", "center_2016_12_01_13_30_48.jpg"):
        assert math.isnan(time_in(name))
