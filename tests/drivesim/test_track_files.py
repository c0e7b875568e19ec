"""Centreline files as they are found in the wild, and what is said about those that hold no road."""

import time
from pathlib import Path

import numpy as np
import pytest

from drivesim import track_files
from drivesim.errors import DrivesimError
from drivesim.track_files import COLUMNS, MAX_POINTS, read_track, write_track
from drivesim.track_generation import DIFFICULTIES, generate_track

HEADER = ",".join(COLUMNS)
CIRCUITS = 15


def oval(count: int = 40) -> list[list[float]]:
    """Return the rows of a counter-clockwise oval, 3 m wide to the right and 4 m to the left."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    x, y = 120 * np.cos(angle), 80 * np.sin(angle)
    return np.column_stack([x, y, np.full(count, 3.0), np.full(count, 4.0)]).round(6).tolist()


def text(rows, header: str = "", delimiter: str = ",") -> str:
    """Return rows of numbers or texts as the text of a file."""
    return "".join(f"{line}\n" for line in [*header.splitlines(), *(delimiter.join(map(str, row)) for row in rows)])


@pytest.fixture
def write(tmp_path):
    """Write a text to a file and return its path."""

    def write(content: str, name: str = "oval.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_text(content, encoding=encoding)
        return path

    return write


def complaint(path: Path) -> str:
    """Return what is said when the file is refused."""
    with pytest.raises(DrivesimError) as refusal:
        read_track(path)
    assert str(path) in str(refusal.value)
    return str(refusal.value)


def expected_points(rows) -> np.ndarray:
    """Return the points (P, 4) of a track read from rows: the widths change places."""
    return np.array(rows)[:, [0, 1, 3, 2]]


def test_the_width_to_the_right_comes_before_the_width_to_the_left(write):
    track = read_track(write(text(oval(), f"# {HEADER}")))
    assert track.name == "oval"
    np.testing.assert_allclose(track.width_right, 3.0)
    np.testing.assert_allclose(track.width_left, 4.0)


@pytest.mark.parametrize(
    "content",
    [
        text(oval()),
        text(oval(), HEADER),
        text(oval(), f"#{HEADER}"),
        text(oval(), "# surveyed in 2019, by hand\n# x_m, y_m, w_tr_right_m, w_tr_left_m"),
        text(oval(), "X_m;Y_m;W_TR_right_m;W_TR_left_m", delimiter=";"),
        text(oval(), delimiter=";"),
        text(oval(), delimiter=" , "),
        text(oval(), '"x_m","y_m","w_tr_right_m","w_tr_left_m"'),
        text(oval(), f"\n# {HEADER}\n\n").replace("\n", "\n\n  \n"),
        text(oval()).replace("\n", "\r\n"),
        text(oval()).replace("\n", ",\n"),
        "\ufeff" + text(oval(), HEADER),
        "\ufeff" + text(oval()),
        text(oval()).rstrip("\n"),
    ],
)
def test_a_file_reads_the_same_whatever_its_header_delimiter_and_blank_lines(write, content):
    np.testing.assert_array_equal(read_track(write(content)).points, expected_points(oval()))


def test_a_comment_in_another_encoding_does_no_harm(write):
    path = write(text(oval(), "# Nürburgring"), encoding="latin-1")
    np.testing.assert_array_equal(read_track(path).points, expected_points(oval()))


def test_named_columns_are_found_in_any_order_and_beside_others(write):
    rows = [[k, left, y, right, "grass", x] for k, (x, y, right, left) in enumerate(oval())]
    track = read_track(write(text(rows, "n,w_tr_left_m,y_m,w_tr_right_m,verge,x_m")))
    np.testing.assert_array_equal(track.points, expected_points(oval()))


@pytest.mark.parametrize("offset", [0.0, 1e-9, 0.8])
def test_a_last_point_that_repeats_the_first_is_dropped(write, offset):
    first = oval()[0]
    track = read_track(write(text([*oval(), [first[0] + offset, *first[1:]]])))
    np.testing.assert_array_equal(track.points, expected_points(oval()))


def test_a_last_point_one_step_before_the_first_is_kept(write):
    assert len(read_track(write(text(oval(count=10)))).points) == 10


def test_a_circuit_is_driven_the_other_way_on_request(write):
    path = write(text(oval()))
    there, back = read_track(path), read_track(path, reverse=True)
    assert back.name == "oval-reversed"
    assert there.curvature.min() > 0 > back.curvature.max()
    np.testing.assert_allclose(back.width_right, 4.0)
    np.testing.assert_array_equal(back.points[0, :2], there.points[0, :2])
    assert back.points.tobytes() == there.reversed().points.tobytes()


def test_a_path_may_be_a_string(write):
    assert read_track(str(write(text(oval())))).length > 600


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_generated_road_comes_back_from_its_file_to_the_last_bit(tmp_path, difficulty, reverse):
    for seed in range(5):
        track = generate_track(seed, difficulty)
        track = track.reversed() if reverse else track
        path = tmp_path / f"{track.name}.csv"
        write_track(track, path)
        back = read_track(path)
        assert back.name == track.name
        assert back.points.tobytes() == track.points.tobytes()
        assert back.centerline.tobytes() == track.centerline.tobytes()


def test_a_written_file_opens_with_the_header_and_replaces_an_older_one(write):
    path = write("old " * 10_000)
    write_track(generate_track(0), path)
    lines = path.read_bytes().split(b"\n")
    assert lines[0].decode() == f"# {HEADER}"
    assert len(lines) == 1 + len(generate_track(0).points) + 1
    assert lines[-1] == b""


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "nowhere" / "road.csv"
    with pytest.raises(DrivesimError, match=r"road\.csv: expected a file that can be written"):
        write_track(generate_track(0), path)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    assert "no file" in complaint(tmp_path / "absent.csv")
    assert "a folder" in complaint(tmp_path)


@pytest.mark.parametrize(
    ("index", "row", "words"),
    [
        (4, [1.0, "abc", 3, 4], "line 5: y_m: expected a number with a decimal point, got 'abc'"),
        (4, ["1,5", 2.0, 3, 4], "line 5: expected 4 columns, got 5"),
        (5, [1.0, 2.0, 3], "line 6: expected 4 columns, got 3"),
        (5, [1.0, 2.0], "line 6: expected 4 columns, got 2"),
        (0, ["nan", 2.0, 3, 4], "line 1: x_m: expected a finite number below 1e+08, got 'nan'"),
        (39, [1.0, "-inf", 3, 4], "line 40: y_m: expected a finite number below 1e+08, got '-inf'"),
        (9, [1e300, 2.0, 3, 4], "line 10: x_m: expected a finite number below 1e+08, got '1e+300'"),
        (7, [*oval()[7][:2], 0, 4], "line 8: w_tr_right_m: expected a width above zero, got '0'"),
        (7, [*oval()[7][:2], 3, -0.5], "line 8: w_tr_left_m: expected a width above zero, got '-0.5'"),
        (11, oval()[10], "line 12: the same point as on line 11"),
        (11, oval()[3], "the road crosses itself"),
    ],
)
def test_a_line_at_fault_is_named_with_what_was_expected_and_what_came(write, index, row, words):
    rows = oval()
    rows[index] = row
    said = complaint(write(text(rows)))
    assert words in said
    assert said.endswith("Correct or delete these lines.")


def test_lines_are_counted_as_an_editor_does(write):
    rows = oval()
    rows[4][0] = "abc"
    assert "line 8: x_m" in complaint(write("\n" + text(rows, f"# from a survey\n{HEADER}")))


def test_a_fault_is_the_only_one_named_where_it_is_the_only_one(write):
    rows = oval()
    rows[4][0] = "abc"
    assert complaint(write(text(rows))).count("\n  ") == 1


def test_all_faults_of_a_file_are_gathered_in_one_error_by_line(write):
    rows = oval()
    rows[30][3] = "wide"
    rows[25][2] = -1
    rows[20][0] = "inf"
    rows[8], rows[9] = rows[9], rows[8]
    rows[2] = rows[1]
    said = complaint(write(text(rows)))
    at = [
        said.index(word)
        for word in ("line 3: the same", "line 8: the road crosses itself", "line 21", "line 26", "line 31")
    ]
    assert at == sorted(at)
    assert "the segments from lines 8 and 10\n" in said


def test_a_long_list_of_faults_is_cut_and_counted(write):
    said = complaint(write(text([["a", "b", 3, 4], *oval()] + [[1, 2, 3]] * 30)))
    assert said.count("\n  line ") == 10
    assert "... and 22 more" in said


def test_a_crossing_is_named_by_the_lines_where_the_crossing_segments_start(write):
    t = np.linspace(0.05, 2 * np.pi + 0.05, 60, endpoint=False)
    x, y = 150 * np.sin(2 * t), 200 * np.sin(t)
    said = complaint(write(text(np.column_stack([x, y, 0 * t + 3, 0 * t + 3]), HEADER)))
    # Header on line 1; t = pi and 2 pi, where the figure of eight meets itself, lie after points 29 and 59.
    assert "the segments from lines 31 and 61" in said


def test_a_crossing_with_the_closing_segment_is_found(write):
    rows = oval()
    # The last point is moved across the road, so that the way back to the first crosses near line 20.
    rows[39] = [-125.0, 2.0, 3.0, 4.0]
    said = complaint(write(text(rows)))
    assert "and 40" in said or "40 and" in said


def test_a_road_driven_twice_is_refused(write):
    assert "crosses itself" in complaint(write(text(oval() + oval())))


def test_a_list_that_overshoots_its_start_is_refused(write):
    rows = oval()
    overshoot = [(0.6 * rows[0][k] + 0.4 * rows[1][k]) for k in range(4)]
    said = complaint(write(text([*rows, overshoot])))
    assert "line 41: the road turns back on itself here" in said


def test_too_few_points_are_counted_without_the_repeated_one(write):
    rows = oval(count=9)
    assert "expected at least 10 points, got 9" in complaint(write(text([*rows, rows[0]])))
    assert "got 0" in complaint(write(""))
    assert "got 0" in complaint(write(f"# {HEADER}\n"))


@pytest.mark.parametrize(
    "header",
    [
        "# 8d3f\n# 77aa\n# s_m; x_m; y_m; psi_rad; kappa_radpm; vx_mps; ax_mps2",
        "s_m;x_m;y_m;psi_rad;kappa_radpm;vx_mps;ax_mps2",
        "# x_m,y_m",
    ],
)
def test_a_raceline_is_refused_because_it_carries_no_widths(write, header):
    said = complaint(write(text([[1.0] * 7] * 20, header, delimiter=";")))
    assert "raceline" in said
    assert "carries no widths" in said
    assert HEADER.replace(",", ", ") in said
    assert "Use the circuit's centreline file" in said


def test_a_raceline_without_a_header_is_recognised_by_its_seven_columns(write):
    rows = [[k, x, y, 0.1, 0.02, 8.0, 0.0] for k, (x, y, _, _) in enumerate(oval())]
    assert "a raceline? those carry no widths" in complaint(write(text(rows, delimiter=";")))


@pytest.mark.parametrize(
    ("header", "missing"), [("x_m,y_m,w_tr_right_m,width", "w_tr_left_m"), ("x,y,w_tr_right_m,w_tr_left_m", "x_m, y_m")]
)
def test_a_header_without_a_column_says_which_one(write, header, missing):
    assert f"a header without {missing}: " in complaint(write(text(oval(), header)))


@pytest.mark.parametrize(("scale", "came"), [(1e-5, "got one 0.006"), (1e3, "got one 6.3")])
def test_coordinates_that_cannot_be_metres_are_refused(write, scale, came):
    rows = [[x * scale, y * scale, right, left] for x, y, right, left in oval()]
    said = complaint(write(text(rows)))
    assert came in said
    assert "are these metres?" in said


def test_a_road_too_narrow_to_be_sampled_is_refused(write):
    rows = [[x, y, 1e-6, 1e-6] for x, y, _, _ in oval()]
    assert "2e-06 m wide" in complaint(write(text(rows)))


def test_a_small_scale_circuit_is_read(write):
    rows = [[x / 40, y / 40, right / 10, left / 10] for x, y, right, left in oval()]
    assert read_track(write(text(rows))).length == pytest.approx(15.9, abs=0.1)


def test_a_file_of_too_many_points_is_refused(write):
    assert f"at most {MAX_POINTS} points" in complaint(write("1,2,3,4\n" * (MAX_POINTS + 1)))


def test_a_file_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(track_files.MAX_BYTES + 1_000_000)
    assert "at most 50 MB, got 51 MB" in complaint(path)


def test_a_picture_is_refused(tmp_path):
    path = tmp_path / "road.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + np.random.default_rng(0).bytes(5000))
    assert "expected" in complaint(path)


def test_a_road_of_twenty_thousand_points_is_read_in_seconds(write):
    path = write(text(oval(count=20_000)))
    began = time.perf_counter()
    assert len(read_track(path).points) == 20_000
    # Pairs of segments compared one with all others would be 400 million, and 3 GB.
    assert time.perf_counter() - began < 3.0


def test_crossings_are_those_that_comparing_all_pairs_finds():
    def side(a, b, point):
        return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])

    rng = np.random.default_rng(0)
    for count in range(3, 36):
        xy = rng.normal(size=(count, 2))
        segments = [(xy[k], xy[(k + 1) % count]) for k in range(count)]
        expected = [
            [i, j]
            for i, (a, b) in enumerate(segments)
            for j, (c, d) in enumerate(segments)
            if 1 < j - i < count - 1 and side(a, b, c) * side(a, b, d) <= 0 and side(c, d, a) * side(c, d, b) <= 0
        ]
        assert track_files._crossings(xy).tolist() == expected


def test_all_real_circuits_are_read_in_both_directions(real_data):
    paths = sorted((real_data / "tum_tracks").glob("*.csv"))
    assert len(paths) == CIRCUITS
    for path in paths:
        there, back = read_track(path), read_track(path, reverse=True)
        assert there.name == path.stem
        assert 2_250 < there.length < 7_000, path.stem
        assert back.length == pytest.approx(there.length, rel=1e-6)
        assert len(there.points) == len(path.read_text().splitlines()) - 1
        assert 1 / np.abs(there.curvature).max() > 5, path.stem
        first = np.loadtxt(path, delimiter=",")[0]
        np.testing.assert_array_equal(there.position(0.0), first[:2])
        np.testing.assert_allclose(there.width_at(0.0), first[[3, 2]])
        s = np.linspace(0, there.length, 50)
        np.testing.assert_allclose(back.position(-s), there.position(s), atol=1e-2)


def test_a_real_circuit_comes_back_from_its_own_file_to_the_last_bit(real_data, tmp_path):
    track = read_track(real_data / "tum_tracks" / "Monza.csv")
    write_track(track, tmp_path / "Monza.csv")
    assert read_track(tmp_path / "Monza.csv").points.tobytes() == track.points.tobytes()
